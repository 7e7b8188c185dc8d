/** Testbeds for tests: each one of its own, gone at the end of the test whatever happens in it. */
import { applySteps } from '../src/grading/apply.ts';
import { findLab, type LoadedLab, loadLab } from '../src/lab/load-lab.ts';
import { prepare } from '../src/setup/prepare.ts';
import { stderrTerminal } from '../src/setup/terminal.ts';
import { LABEL, listContainers, removeContainer } from '../src/testbed/containers.ts';
import type { Docker } from '../src/testbed/docker.ts';
import { ephemeralTestbed } from '../src/testbed/identity.ts';
import type { Testbed } from '../src/testbed/testbed.ts';
import { type Blueprint, bringUp, type StartCommands } from '../src/testbed/up.ts';
import { planAddresses } from '../src/topology/plan.ts';
import type { Topology } from '../src/topology/topology.ts';

export interface TestTestbed extends AsyncDisposable {
  readonly docker: Docker;
  readonly blueprint: Blueprint;
  readonly testbed: Testbed;
}

/** A testbed of a topology, at its start. */
export async function startTestbed(
  topology: Topology,
  lab = '00',
  seed: string | null = null,
  start: readonly StartCommands[] = [],
): Promise<TestTestbed> {
  const { docker, image } = await prepare(stderrTerminal());
  const identity = ephemeralTestbed(lab, seed);
  const blueprint = { identity, topology, plan: planAddresses(topology, seed), image, start };
  const [testbed] = await bringUp(docker, blueprint);
  return {
    docker,
    blueprint,
    testbed,
    [Symbol.asyncDispose]: async () => {
      await testbed.session.close();
      const containers = await listContainers(docker, { [LABEL.testbed]: identity.id });
      await Promise.all(containers.map(({ Id }) => removeContainer(docker, Id)));
    },
  };
}

/** A testbed of a lab, at the lab's start. */
export function startLab(lab: LoadedLab, seed: string | null = null): Promise<TestTestbed> {
  return startTestbed(lab.topology, lab.number, seed, lab.start);
}

/** A testbed of a lab with the guide's commands applied. */
export async function startSolved(lab: LoadedLab, seed: string | null = null): Promise<TestTestbed> {
  const started = await startLab(lab, seed);
  try {
    await applySteps(started.testbed, lab.guide);
    return started;
  } catch (error) {
    await started[Symbol.asyncDispose]();
    throw error;
  }
}

export async function readLab(number: string): Promise<LoadedLab> {
  return loadLab(await findLab(number));
}
