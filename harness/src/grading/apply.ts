/** Applies the commands of a guide, an answer or a fault to a testbed, as their learner. */
import { CommandError, LabError } from '../errors.ts';
import type { Fault } from '../lab/define-lab.ts';
import type { Fence, Guide, Step } from '../lab/guide.ts';
import type { Testbed } from '../testbed/testbed.ts';

/** Longer than any command of a guide takes on a busy machine. */
const FENCE_LIMIT_MS = 60_000;

/** Runs fences in their order; the first command that fails ends it. @throws {CommandError} */
export async function applyFences(testbed: Testbed, fences: readonly Fence[]): Promise<void> {
  for (const { host, commands } of fences) await runShell(testbed, host, commands);
}

/** Runs the steps of a guide up to and including the one of that number. What only looks is left out: it changes nothing. */
export async function applySteps(
  testbed: Testbed,
  guide: Guide,
  lastStep: number = guide.steps.length,
  onStep: (step: Step) => void = () => {},
): Promise<void> {
  for (const step of guide.steps) {
    if (step.number > lastStep) return;
    onStep(step);
    await applyFences(
      testbed,
      step.fences.filter(({ look }) => !look),
    );
  }
}

/** Breaks a solved testbed, or repairs what the fault broke. */
export async function applyFault(testbed: Testbed, fault: Fault, part: 'apply' | 'repair'): Promise<void> {
  for (const [host, commands] of Object.entries(fault[part])) await runShell(testbed, host, commands);
}

async function runShell(testbed: Testbed, host: string, commands: string): Promise<void> {
  const argv = ['bash', '-e', '-c', commands];
  const { exitCode, stderr, timedOut } = await testbed.runAsLearner(testbed.host(host), argv, {
    deadlineMs: FENCE_LIMIT_MS,
  });
  if (timedOut)
    throw new LabError(`Commands on ${host} did not end within ${FENCE_LIMIT_MS / 1000} s:\n${commands}`);
  if (exitCode !== 0) throw new CommandError(host, [commands.trim()], exitCode, stderr);
}
