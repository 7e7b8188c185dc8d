/** `podwire hint`: one layer more for the first check that does not pass: a nudge, the idea, the command. */
import { TestbedError, UsageError } from '../../errors.ts';
import { runChecks } from '../../grading/run-checks.ts';
import type { LabReport } from '../../grading/verdict.ts';
import { askHint } from '../../live/hints.ts';
import { commandWords } from '../../testbed/identity.ts';
import { openStandingLab, readLab, type SeedOption } from '../context.ts';

const LAYERS = ['A nudge', 'The idea', 'The command'];

interface Options extends SeedOption {
  readonly json?: boolean;
}

export async function hint(number: string, checkId: string | undefined, options: Options): Promise<number> {
  const context = await readLab(number, options);
  const { checks } = context.lab;
  if (checkId !== undefined && !checks.some(({ id }) => id === checkId)) {
    throw new UsageError(
      `Lab ${context.lab.number} has no check "${checkId}". It has: ${checks.map(({ id }) => id).join(', ')}.`,
    );
  }
  const { testbed } = await openStandingLab(context);
  await using _session = testbed;
  const wanted =
    checkId ?? firstFailing(await runChecks(context.lab, testbed), commandWords(context.identity));
  const check = checks.find(({ id }) => id === wanted);
  if (!check) {
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ lab: context.lab.number, check: null }, null, 2)}\n`
        : 'Every check passes: there is nothing to hint at.\n',
    );
    return 0;
  }
  const level = Math.min(await askHint(testbed, check.id), check.hints.length - 1);
  const text = check.hints[level] ?? '';
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ lab: context.lab.number, check: check.id, level: level + 1, of: check.hints.length, text }, null, 2)}\n`,
    );
  } else {
    process.stdout.write(
      `${check.title}\n\n${LAYERS[level]} (${level + 1} of ${check.hints.length}): ${text}\n`,
    );
  }
  return 0;
}

/**
 * Null when every check passes.
 *
 * @throws {TestbedError} when none fails, but we could not tell of one.
 */
function firstFailing({ checks }: LabReport, words: string): string | null {
  const failed = checks.find(({ verdict }) => verdict === 'fail');
  if (failed) return failed.id;
  const broken = checks.find(({ verdict }) => verdict === 'error');
  if (!broken) return null;
  throw new TestbedError(
    `Could not tell what to hint at: no check fails, but ${broken.id} met an error in Podwire itself, ` +
      `not in your network: ${broken.observed}\n` +
      `A hint for one check: npx podwire hint ${words} ${broken.id}`,
  );
}
