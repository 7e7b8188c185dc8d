/** `podwire check`: all checks once. Status 0 when all pass, 1 when one does not, 3 when we could not tell. */
import { UsageError } from '../../errors.ts';
import { runChecks } from '../../grading/run-checks.ts';
import type { LabReport } from '../../grading/verdict.ts';
import { rememberProgress } from '../../live/progress-file.ts';
import { openStandingLab, readLab, type SeedOption } from '../context.ts';
import { printReport } from '../print-report.ts';

export interface CheckOptions extends SeedOption {
  readonly only?: readonly string[];
  readonly json?: boolean;
}

export async function check(number: string, options: CheckOptions): Promise<number> {
  const context = await readLab(number, options);
  const known = context.lab.checks.map(({ id }) => id);
  for (const id of options.only ?? []) {
    if (!known.includes(id))
      throw new UsageError(`Lab ${context.lab.number} has no check "${id}". It has: ${known.join(', ')}.`);
  }
  const { testbed } = await openStandingLab(context);
  await using _session = testbed;
  const report = await runChecks(
    context.lab,
    testbed,
    options.only ? { only: options.only } : { matrix: true },
  );
  if (!options.only) await rememberProgress(report);
  if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else printReport(report, context.lab.guide.title);
  return statusOfReport(report);
}

export function statusOfReport({ checks }: LabReport): number {
  if (checks.some(({ verdict }) => verdict === 'error')) return 3;
  return checks.every(({ verdict }) => verdict === 'pass' || verdict === 'skipped') ? 0 : 1;
}
