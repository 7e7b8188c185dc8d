/** A testbed for one piece of work: fresh when it begins, gone when it is done, or made anew for the next. */
import { setTimeout as delay } from 'node:timers/promises';
import { TestbedError } from '../errors.ts';
import type { AddressPlan } from '../topology/plan.ts';
import type { Topology } from '../topology/topology.ts';
import { type Condition, cpuTimeIn, readCondition, untilAsMade } from './condition.ts';
import { LABEL, listContainers, removeContainer } from './containers.ts';
import type { Docker } from './docker.ts';
import { ephemeralTestbed } from './identity.ts';
import type { Testbed } from './testbed.ts';
import { makeUnique, renew, type StartCommands } from './up.ts';

export interface FreshTestbed {
  readonly testbed: Testbed;
  /** What its nodes had used of the processors when it began, in milliseconds. */
  readonly cpuMsBefore: number;
  /** Ends whatever runs in it and removes its containers. May be called twice, and while it is in use. */
  remove(): Promise<void>;
  /**
   * Takes everything out of its containers and makes of them what another call of {@link makeFresh} would have made, in
   * half the time. Not while it is in use.
   *
   * @throws {TestbedError} when it cannot be done, or the kernel does not bear out that all is gone.
   */
  renew(plan: AddressPlan): Promise<FreshTestbed>;
}

export interface EphemeralBlueprint {
  readonly lab: string;
  readonly topology: Topology;
  readonly plan: AddressPlan;
  readonly image: string;
  readonly start: readonly StartCommands[];
}

/** @throws {TestbedError} when it cannot be made; then nothing is left of it. */
export async function makeFresh(
  docker: Docker,
  { lab, ...madeFrom }: EphemeralBlueprint,
  signal: AbortSignal,
): Promise<FreshTestbed> {
  const identity = ephemeralTestbed(lab, madeFrom.plan.seed);
  const first = await makeUnique(docker, { identity, ...madeFrom }, { signal });
  let removing: Promise<void> | undefined;
  const remove = async () => {
    const containers = await listContainers(docker, { [LABEL.testbed]: identity.id });
    await Promise.all(containers.map(({ Id }) => removeContainer(docker, Id)));
    await first.session.closed;
  };
  const removeOnce = () => {
    removing ??= remove();
    return removing;
  };
  const hold = (testbed: Testbed, made: Condition, cpuMsBefore: number): FreshTestbed => ({
    testbed,
    cpuMsBefore,
    remove: removeOnce,
    renew: async (plan) => {
      const blueprint = { ...madeFrom, plan, identity: { ...identity, seed: plan.seed } };
      const renewed = await withDeadline(renew(docker, blueprint, testbed));
      const condition = await untilAsMade(renewed, made);
      if (!condition) throw new TestbedError(`Something is left in the containers of ${identity.id}.`);
      return hold(renewed, made, cpuTimeIn(condition));
    },
  });
  try {
    return hold(first, await readCondition(first), 0);
  } catch (error) {
    await removeOnce();
    throw error;
  }
}

/** An init that cannot end its world does not answer. */
async function withDeadline<T>(work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = delay(RENEWED_WITHIN_MS, undefined, { signal: over.signal }).then(() => {
    throw new TestbedError(`Its worlds were not made anew within ${RENEWED_WITHIN_MS / 1000} s.`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
    work.catch(() => {});
  }
}

/** It takes a tenth of a second; on a machine that is busy with a class, much longer. */
const RENEWED_WITHIN_MS = 20_000;
