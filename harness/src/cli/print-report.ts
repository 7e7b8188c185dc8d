/** A report of checks for people: plain lines, with colour where the stream takes it. */
import { styleText } from 'node:util';
import { causePage } from '../diagnosis/causes.ts';
import type { MatrixReport } from '../grading/matrix.ts';
import type { CheckResult, LabReport, Verdict } from '../grading/verdict.ts';
import type { Guide } from '../lab/guide.ts';
import type { Reached, Way } from '../probes/reached.ts';

type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** Never by colour alone. */
export const GLYPHS: Readonly<Record<Verdict, string>> = {
  pass: '✔',
  fail: '✘',
  blocked: '·',
  skipped: '–',
  error: '!',
};
export const STYLES: Readonly<Record<Verdict, Style>> = {
  pass: 'green',
  fail: 'red',
  blocked: 'dim',
  skipped: 'yellow',
  error: 'magenta',
};

export function printReport(
  report: LabReport,
  title: string,
  stream: NodeJS.WriteStream = process.stdout,
): void {
  const paint = (style: Style, text: string) => styleText(style, text, { stream });
  const seed = report.seed === null ? '' : ` (seed ${report.seed})`;
  const lines = [
    `${paint('bold', `Lab ${report.lab}  ${title}`)}${seed}: ${report.passed} of ${report.total} checks pass`,
  ];
  const width = Math.max(...report.checks.map(({ id }) => id.length));
  for (const check of report.checks) {
    const head = `  ${GLYPHS[check.verdict]} ${check.id.padEnd(width)}  ${check.title}`;
    lines.push(paint(STYLES[check.verdict], head), ...detailsOf(check).map((line) => `      ${line}`));
  }
  if (report.matrix) lines.push('', ...drawMatrix(report.matrix, paint));
  const cause = report.checks.find((check) => check.verdict === 'fail' && check.cause)?.cause?.id;
  if (cause) lines.push(paint('dim', `More about a cause: npm run site, and then ${causePage(cause)}`));
  stream.write(`${lines.join('\n')}\n`);
}

/** What a cell of the table of who reaches whom looks like; `node` is told by the name of the node. */
const WAYS: Readonly<Record<Way, readonly [string, Style]>> = {
  own: ['own', 'green'],
  node: ['node', 'cyan'],
  other: ['other', 'red'],
  answered: ['yes', 'green'],
  self: ['.', 'dim'],
  refused: ['refused', 'yellow'],
  no: ['no', 'red'],
};
const CELL_GAP = 2;
const LEGEND = [
  'own: answered, and seen by its own address; node1: seen by an address of node1; nodes: of several, or its own at times',
  'other: seen by some other address; yes: answered; no: silence, or "unreachable"',
];

/** The table of who reaches whom, and what its words mean. */
export function drawMatrix({ columns, rows }: MatrixReport, paint: Paint): string[] {
  const widths = columns.map((title, column) =>
    Math.max(title.length, ...rows.map(({ cells }) => wordOf(cells[column]).length)),
  );
  const first = Math.max(...rows.map(({ from }) => from.length));
  const gap = ' '.repeat(CELL_GAP);
  const head = columns.map((title, column) => title.padEnd(widths[column] ?? 0)).join(gap);
  return [
    paint('dim', `  ${'asks'.padEnd(first)}${gap}${head}`.trimEnd()),
    ...rows.map(({ from, cells }) => {
      const drawn = cells.map((cell, column) =>
        paint(WAYS[cell.way][1], wordOf(cell).padEnd(widths[column] ?? 0)),
      );
      return `  ${from.padEnd(first)}${gap}${drawn.join(gap)}`.trimEnd();
    }),
    ...LEGEND.map((line) => paint('dim', `  ${line}`)),
  ];
}

/** `own`, `node1`, `nodes`, `refused`. */
function wordOf(cell: Reached | undefined): string {
  if (cell?.way !== 'node') return WAYS[cell?.way ?? 'no'][0];
  const [host, ...others] = new Set(cell.seenAs.map((seen) => seen.host));
  return host && others.length === 0 ? host : 'nodes';
}

/** What a reader needs to know of a check that did not pass. */
export function detailsOf(check: CheckResult): string[] {
  switch (check.verdict) {
    case 'pass':
      return [];
    case 'blocked':
      return [];
    case 'skipped':
      return [`skipped: ${check.observed}`];
    case 'error':
      return [`error in Podwire itself, not in your network: ${check.observed}`];
    case 'fail':
      return [
        `wanted  ${check.expected}`,
        `found   ${check.observed}`,
        ...(check.cause ? [`cause   ${check.cause.id} in ${check.cause.where}: ${check.cause.text}`] : []),
      ];
  }
}

/** How a lab begins: what passes before the learner has done anything, and which step changes that. */
export function describeStart(guide: Guide): string {
  const first = guide.steps.find(({ turnsGreen }) => turnsGreen.length > 0);
  return first
    ? `Nothing passes yet; step ${first.number} turns the first check green.`
    : 'Every check passes already.';
}

/** The step to work on: the first whose checks have not all passed. */
export function nextStep(guide: Guide, checks: readonly CheckResult[]): Guide['steps'][number] | null {
  const passed = new Set(checks.filter(({ verdict }) => verdict === 'pass').map(({ id }) => id));
  const open = guide.steps.findIndex(({ turnsGreen }) => turnsGreen.some((id) => !passed.has(id)));
  if (open < 0) return null;
  // Steps before it that turn nothing green lead up to it, but only while nothing after them is done.
  let first = open;
  while (first > 0 && guide.steps[first - 1]?.turnsGreen.length === 0) first--;
  const anythingPassed = passed.size > 0;
  return guide.steps[anythingPassed ? open : first] ?? null;
}
