/** Chooses the faults of an incident round: several at once, which neither undo nor hide each other. */
import type { Fault } from '../lab/define-lab.ts';
import { findHost } from '../testbed/host.ts';
import type { AddressPlan } from '../topology/plan.ts';

/** A number from 0 up to `most`; which turn asks makes a difference where a seed decides. */
export type Chance = (most: number, turn: number) => number;

/**
 * As many faults as wanted, each caught by another check: two of one check may undo each other. Of several, each is on
 * one node that no other one touches (a pod is on its node), as long as the lab has such faults left; then it may share.
 */
export function drawFaults(
  faults: readonly Fault[],
  plan: AddressPlan,
  count: number,
  chance: Chance,
): Fault[] {
  const chosen: Fault[] = [];
  while (chosen.length < count) {
    const left = faults.filter(({ caughtBy }) => !chosen.some((other) => other.caughtBy === caughtBy));
    const taken = new Set(chosen.flatMap((fault) => nodesOf(fault, plan)));
    const elsewhere = left.filter((fault) => {
      const [node = '', ...others] = nodesOf(fault, plan);
      return count === 1 || (others.length === 0 && !taken.has(node));
    });
    const from = elsewhere.length > 0 ? elsewhere : left;
    const drawn = from[chance(from.length, chosen.length)];
    if (!drawn) throw new Error(`wanted ${count} faults of different checks, found ${chosen.length}`);
    chosen.push(drawn);
  }
  return chosen;
}

/** The nodes that a fault changes something on. */
export function nodesOf({ apply }: Fault, plan: AddressPlan): string[] {
  return [...new Set(Object.keys(apply).map((host) => findHost(plan, host).node))];
}
