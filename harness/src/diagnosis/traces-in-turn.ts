/**
 * A trace takes two processes of some megabytes in each namespace on the way, and tells of every table that the others
 * add: when many probes fail at once, those that are traced at the same time are few.
 */
import { Lanes } from '../probes/lanes.ts';
import type { FabricSession } from '../testbed/session.ts';
import type { Testbed } from '../testbed/testbed.ts';

const AT_ONCE = 2;

const lanesOf = new WeakMap<FabricSession, Lanes>();

/** Traces when it is its turn. What is done in a trace may not begin another. */
export function traceInTurn<T>(testbed: Testbed, trace: () => Promise<T>): Promise<T> {
  const lanes = lanesOf.get(testbed.session) ?? new Lanes(AT_ONCE);
  lanesOf.set(testbed.session, lanes);
  return lanes.run(trace);
}
