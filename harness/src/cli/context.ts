/** What every command about one lab begins with: the lab, its plan, and the engine with the image. */
import type { LoadedLab } from '../lab/load-lab.ts';
import { findLab, loadLab } from '../lab/load-lab.ts';
import { findEngine } from '../setup/engine.ts';
import { prepare } from '../setup/prepare.ts';
import { stderrTerminal, type Terminal } from '../setup/terminal.ts';
import type { Docker } from '../testbed/docker.ts';
import { learnersTestbed, type TestbedIdentity } from '../testbed/identity.ts';
import { openTestbed, type Testbed } from '../testbed/testbed.ts';
import type { Blueprint } from '../testbed/up.ts';
import { type AddressPlan, planAddresses } from '../topology/plan.ts';

export interface SeedOption {
  readonly seed?: string;
}

export interface LabContext {
  readonly lab: LoadedLab;
  readonly plan: AddressPlan;
  readonly identity: TestbedIdentity;
  readonly terminal: Terminal;
}

export async function readLab(number: string, { seed }: SeedOption): Promise<LabContext> {
  const lab = await loadLab(await findLab(number));
  const plan = planAddresses(lab.topology, seed ?? null);
  return { lab, plan, identity: learnersTestbed(lab.number, seed ?? null), terminal: stderrTerminal() };
}

/**
 * Makes sure of the engine and the image, and says what a testbed of the lab is made from.
 *
 * @throws the signal's reason when it is aborted meanwhile.
 */
export async function prepareLab(
  { lab, plan, identity, terminal }: LabContext,
  signal?: AbortSignal,
): Promise<{ docker: Docker; blueprint: Blueprint }> {
  const { docker, image } = await prepare(terminal, signal).finally(() => terminal.clear());
  return { docker, blueprint: { identity, topology: lab.topology, plan, image, start: lab.start } };
}

/** The testbed that stands. Looks for the engine, but installs nothing. */
export async function openStandingLab(context: LabContext): Promise<{ docker: Docker; testbed: Testbed }> {
  const docker = await findEngine();
  return { docker, testbed: await openTestbed(docker, context.identity, context.plan) };
}
