/** A testbed for one piece of work: fresh when it begins, gone when it is done. */
import type { AddressPlan } from '../topology/plan.ts';
import type { Topology } from '../topology/topology.ts';
import { LABEL, listContainers, removeContainer } from './containers.ts';
import type { Docker } from './docker.ts';
import { ephemeralTestbed } from './identity.ts';
import type { Testbed } from './testbed.ts';
import { makeUnique, type StartCommands } from './up.ts';

export interface FreshTestbed {
  readonly testbed: Testbed;
  /** Ends whatever runs in it and removes its containers. May be called twice, and while it is in use. */
  remove(): Promise<void>;
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
  const testbed = await makeUnique(docker, { identity, ...madeFrom }, { signal });
  let removing: Promise<void> | undefined;
  const remove = async () => {
    const containers = await listContainers(docker, { [LABEL.testbed]: identity.id });
    await Promise.all(containers.map(({ Id }) => removeContainer(docker, Id)));
    await testbed.session.closed;
  };
  return {
    testbed,
    remove: () => {
      removing ??= remove();
      return removing;
    },
  };
}
