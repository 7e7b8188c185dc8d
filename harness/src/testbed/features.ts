/**
 * Features of the kernel that a lab or a check names, as `doctor` does, tried only when such a check has failed.
 * They are tried in the fabric, whose programs a learner cannot touch: nobody can get out of a check by
 * breaking a tool. It is the same kernel.
 */
import { TestbedError } from '../errors.ts';
import { PRIMITIVES, type Primitive } from './primitives.ts';
import type { Testbed } from './testbed.ts';
import { readTrials, type Trial, trialScript } from './try-primitives.ts';

/**
 * What may be named. TUN is left out: it is a device that a node has or has not, and the fabric never. So is the
 * trace of rules, which packet walks use and no lab needs.
 */
const FEATURES = PRIMITIVES.filter(({ id }) => id !== 'tun' && id !== 'trace');

export const FEATURE_IDS: readonly string[] = FEATURES.map(({ id }) => id);

/** What is known of a kernel, by the feature's id. A kernel does not change while a testbed stands. */
export type Trials = Map<string, Promise<Trial>>;

/**
 * The first of these features that this kernel lacks, in words; null when it has them all. Each is tried once.
 *
 * @throws {TestbedError} when they could not be tried.
 */
export async function missingFeature(
  testbed: Pick<Testbed, 'runInFabric' | 'trials'>,
  features: readonly string[],
): Promise<string | null> {
  const { trials } = testbed;
  const untried = FEATURES.filter(({ id }) => features.includes(id) && !trials.has(id));
  if (untried.length > 0) {
    const trying = tryThem(testbed, untried);
    for (const { id } of untried)
      trials.set(
        id,
        trying.then((all) => findTrial(all, id)),
      );
    trying.catch(() => {
      for (const { id } of untried) trials.delete(id);
    });
  }
  for (const trial of await Promise.all(features.flatMap((id) => trials.get(id) ?? []))) {
    const { primitive, works, ended, found } = trial;
    // A machine too busy to try it lacks nothing.
    if (!ended) continue;
    if (!works)
      return `this kernel lacks ${primitive.title}${found ? ` (${found})` : ''}: ${primitive.advice}`;
  }
  return null;
}

async function tryThem(
  testbed: Pick<Testbed, 'runInFabric'>,
  primitives: readonly Primitive[],
): Promise<Trial[]> {
  const { exitCode, stdout, stderr } = await testbed.runInFabric(['sh', '-c', trialScript(primitives)]);
  if (exitCode === 0) return readTrials(primitives, stdout);
  const names = primitives.map(({ id }) => id).join(', ');
  throw new TestbedError(
    `Could not try the kernel's features ${names}: status ${exitCode}, saying: ${stderr}`,
  );
}

function findTrial(trials: readonly Trial[], id: string): Trial {
  const trial = trials.find(({ primitive }) => primitive.id === id);
  if (!trial) throw new TestbedError(`The trial of the kernel's feature ${id} is missing.`);
  return trial;
}
