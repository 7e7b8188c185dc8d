/** Writes docs/board*.svg, wide and narrow, dark and light: the live board as it stands on a real testbed of lab 03 with a cable pulled out. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beginBoard } from '../harness/src/cli/board/board-state.ts';
import { renderBoard } from '../harness/src/cli/board/render-board.ts';
import { applySteps } from '../harness/src/grading/apply.ts';
import { runChecks } from '../harness/src/grading/run-checks.ts';
import { WORKBOOK } from '../harness/src/lab/load-lab.ts';
import { withChanges, withResult } from '../harness/src/live/standing.ts';
import { type Change, watchChanges } from '../harness/src/probes/monitor.ts';
import { readLab, startLab } from '../harness/test/testbeds.ts';

const CELL = { width: 8.4, height: 18, font: 14 };

/** For a page, and for a phone. */
const SIZES = [
  { suffix: '', columns: 118, rows: 29 },
  { suffix: '-narrow', columns: 48, rows: 34 },
] as const;

interface Look {
  readonly suffix: string;
  readonly ground: string;
  readonly edge: string;
  readonly ink: string;
  /** By the SGR code that asks for it. */
  readonly colors: Readonly<Record<number, string>>;
}

const LOOKS: readonly Look[] = [
  {
    suffix: '',
    ground: '#0d1117',
    edge: '#30363d',
    ink: '#e6edf3',
    colors: {
      31: '#f85149',
      32: '#3fb950',
      33: '#d29922',
      34: '#58a6ff',
      35: '#bc8cff',
      36: '#39c5cf',
      90: '#8b949e',
    },
  },
  {
    suffix: '-light',
    ground: '#f6f8fa',
    edge: '#d0d7de',
    ink: '#1f2328',
    colors: {
      31: '#cf222e',
      32: '#1a7f37',
      33: '#9a6700',
      34: '#0969da',
      35: '#8250df',
      36: '#1b7c83',
      90: '#57606a',
    },
  },
];

const lab = await readLab('03');
await using started = await startLab(lab);
const { testbed } = started;
await applySteps(testbed, lab.guide);
const heard: Change[] = [];
const changed = Promise.withResolvers<void>();
await using _monitor = await watchChanges(testbed, (changes) => {
  heard.push(...changes);
  changed.resolve();
});
await testbed.runAsLearner(testbed.host('node1'), ['ip', 'link', 'set', 'veth-b', 'nomaster']);
await changed.promise;
const { checks } = await runChecks(lab, testbed);

const begun = beginBoard({
  number: lab.number,
  title: lab.guide.title,
  question: lab.guide.question,
  seed: null,
  checks: lab.checks,
  steps: lab.guide.steps,
  topology: lab.topology,
  plan: testbed.plan,
  nextLab: null,
});
const state = { ...withChanges(checks.reduce(withResult, begun), heard), checking: false };
for (const { suffix, columns, rows } of SIZES) {
  const drawn = renderBoard(state, { columns, rows, color: true }).split('\n');
  for (const look of LOOKS) {
    const file = path.join(WORKBOOK, `docs/board${suffix}${look.suffix}.svg`);
    await writeFile(file, toSvg(drawn, columns, look));
  }
}

function toSvg(lines: readonly string[], columns: number, look: Look): string {
  const [width, height] = [Math.round(columns * CELL.width) + 32, lines.length * CELL.height + 32];
  const rows = lines.map((line, row) => {
    const y = 28 + row * CELL.height;
    return `<text x="16" y="${y}" xml:space="preserve">${toSpans(line, look)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="${CELL.font}" fill="${look.ink}">`,
    '<title>The live board of lab 03: one check passes, one fails with its cause named, the others wait</title>',
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="${look.ground}" stroke="${look.edge}"/>`,
    ...rows,
    '</svg>\n',
  ].join('\n');
}

/** Text with SGR sequences (ECMA-48, 8.3.117) as tspans, each at its own column, so that no font can shift it. */
function toSpans(line: string, look: Look): string {
  let [column, style] = [0, ''];
  const spans: string[] = [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape that begins a sequence is one
  for (const part of line.split(/(\x1b\[[\d;]*m)/)) {
    if (part.startsWith('\x1b[')) {
      style = styleOf(part.slice(2, -1).split(';').map(Number), style, look);
    } else if (part) {
      const escaped = part.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
      spans.push(
        `<tspan x="${(16 + column * CELL.width).toFixed(1)}" textLength="${(part.length * CELL.width).toFixed(1)}"${style}>${escaped}</tspan>`,
      );
      column += part.length;
    }
  }
  return spans.join('');
}

function styleOf(codes: readonly number[], before: string, { colors }: Look): string {
  let style = before;
  for (const code of codes) {
    if (code === 0 || code === 39 || code === 22)
      style =
        code === 0
          ? ''
          : style.replace(code === 39 ? / fill="[^"]*"/ : / (font-weight|opacity)="[^"]*"/g, '');
    else if (code === 1) style += ' font-weight="bold"';
    else if (code === 2) style += ' opacity="0.6"';
    else if (colors[code]) style = `${style.replace(/ fill="[^"]*"/, '')} fill="${colors[code]}"`;
  }
  return style;
}
