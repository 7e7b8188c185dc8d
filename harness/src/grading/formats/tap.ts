/** TAP version 14 (https://testanything.org/tap-version-14-specification.html): a subtest for each submission. */
import { stringify } from 'yaml';
import { cleanLine } from '../clean-text.ts';
import type { Graded, GradedCheck } from '../graded.ts';
import { textOf } from './check-text.ts';
import type { Format } from './format.ts';

export const tap: Format = { file: 'grade.tap', write };

function write(report: readonly Graded[]): string {
  const lines = ['TAP version 14', `1..${report.length}`];
  for (const [index, graded] of report.entries()) {
    lines.push(`# Subtest: ${describe(graded.submission)}`, ...indent(subtest(graded)));
    const ok = graded.status === 'graded' && graded.checks.every(isOk);
    lines.push(`${ok ? 'ok' : 'not ok'} ${index + 1} - ${describe(graded.submission)}`);
    lines.push(...diagnostics({ status: graded.status, score: graded.score, feedback: graded.feedback }));
  }
  return `${lines.join('\n')}\n`;
}

function subtest({ checks, reason }: Graded): string[] {
  if (checks.length === 0) return [`1..0 # SKIP ${describe(reason ?? 'no check was run')}`];
  return [`1..${checks.length}`, ...checks.flatMap((check, index) => point(check, index + 1))];
}

function point(check: GradedCheck, number: number): string[] {
  const name = `${number} - ${check.id}: ${describe(check.title)}`;
  if (check.verdict === 'skipped') return [`ok ${name} # SKIP ${describe(check.observed)}`];
  if (check.verdict === 'pass') return [`ok ${name}`];
  return [
    `not ok ${name}`,
    ...diagnostics({ verdict: check.verdict, message: textOf(check), cause: check.cause }),
  ];
}

function isOk({ verdict }: GradedCheck): boolean {
  return verdict === 'pass' || verdict === 'skipped';
}

/** A description ends where a directive begins, so the mark of one is escaped. */
function describe(text: string): string {
  return cleanLine(text).replaceAll('\\', '\\\\').replaceAll('#', '\\#');
}

function diagnostics(value: unknown): string[] {
  return [
    '  ---',
    ...stringify(value)
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
    '  ...',
  ];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `    ${line}`);
}
