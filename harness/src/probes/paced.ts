/** Begins the probes of a testbed a few at a time: a probe's patience is for the network, not for its turn on the processor. */
import type { Testbed } from '../testbed/testbed.ts';
import { Lanes } from './lanes.ts';

const AT_ONCE = 24;
/** An answer takes some milliseconds. Who waits for longer takes no processor, and no other probe's place. */
const IN_WORK_MS = 50;

const lanesOf = new WeakMap<Testbed, Lanes>();

/** Begins the probe when it is its turn. What it does may not itself wait for a turn. */
export function paced<T>(testbed: Testbed, probe: () => Promise<T>): Promise<T> {
  const lanes = lanesOf.get(testbed) ?? new Lanes(AT_ONCE, IN_WORK_MS);
  lanesOf.set(testbed, lanes);
  return lanes.run(probe);
}
