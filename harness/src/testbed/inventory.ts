/** What stands on the engine, read from labels and names alone. */
import type { ContainerInfo } from 'dockerode';
import { containerName, LABEL, listAllContainers, listContainers, ROLE_RIGHT } from './containers.ts';
import type { Docker } from './docker.ts';
import { isGone } from './owner.ts';

/**
 * `ready`: made whole, and running. `building`: a living process is making it, or clears away what a dead one
 * left. `abandoned`: its maker or owner died. `stopped`: made whole, but a container ended since, and
 * hand-made namespaces with it.
 */
export type TestbedState = 'ready' | 'building' | 'abandoned' | 'stopped';

export interface FoundTestbed {
  readonly id: string;
  readonly lab: string;
  readonly seed: string | null;
  readonly state: TestbedState;
  readonly fingerprint: string;
  readonly ephemeral: boolean;
  readonly fabric: ContainerInfo | null;
  readonly nodes: Readonly<Record<string, ContainerInfo>>;
  readonly containers: readonly ContainerInfo[];
}

/** While a testbed is being made, a container of this name is there; whoever created it is the one who makes it. */
export const BUILDING = 'building';
export const FABRIC = 'fabric';
/** The same, for whoever clears away what a dead maker left (clear-away.ts). */
export const CLEARING = 'clearing';

/** All testbeds, or the one of that id. */
export async function findTestbeds(docker: Docker, id?: string): Promise<FoundTestbed[]> {
  return groupTestbeds(await listContainers(docker, id === undefined ? {} : { [LABEL.testbed]: id }));
}

/** All testbeds, and what else dead processes left: doctor's trial node, or what a test needed. */
export async function findTestbedsAndRemains(
  docker: Docker,
): Promise<{ testbeds: FoundTestbed[]; remains: ContainerInfo[] }> {
  const containers = await listAllContainers(docker);
  const ofTestbeds = containers.filter(({ Labels }) => Labels[LABEL.testbed] !== undefined);
  const remains = containers.filter(({ Labels: { [LABEL.testbed]: testbed, [LABEL.owner]: owner } }) => {
    return testbed === undefined && owner !== undefined && isGone(owner);
  });
  return { testbeds: groupTestbeds(ofTestbeds), remains };
}

function groupTestbeds(containers: readonly ContainerInfo[]): FoundTestbed[] {
  const groups = Map.groupBy(containers, (container) => container.Labels[LABEL.testbed] ?? '');
  return (
    [...groups]
      .map(([group, members]) => describe(group, members))
      // Not by a language's rules: those take 5 ms to load.
      .sort((a, b) => (a.id < b.id ? -1 : 1))
  );
}

export async function findTestbed(docker: Docker, id: string): Promise<FoundTestbed | null> {
  return (await findTestbeds(docker, id))[0] ?? null;
}

function describe(id: string, containers: ContainerInfo[]): FoundTestbed {
  const named = (part: string) =>
    containers.find(({ Names }) => Names.includes(`/${containerName(id, part)}`)) ?? null;
  const fabric = named(FABRIC);
  const any = containers[0];
  const nodes: Record<string, ContainerInfo> = {};
  for (const container of containers) {
    const node = container.Labels[LABEL.node];
    if (node) nodes[node] = container;
  }
  const owner = any?.Labels[LABEL.owner];
  return {
    id,
    lab: any?.Labels[LABEL.lab] ?? '',
    seed: any?.Labels[LABEL.seed] ?? null,
    state: stateOf(containers, fabric, owner),
    fingerprint: fabric?.Labels[LABEL.fingerprint] ?? '',
    ephemeral: owner !== undefined,
    fabric,
    nodes,
    containers,
  };
}

function stateOf(
  containers: readonly ContainerInfo[],
  fabric: ContainerInfo | null,
  owner: string | undefined,
): TestbedState {
  if (owner !== undefined && isGone(owner)) return 'abandoned';
  const rights = containers.filter(isRight);
  if (rights.length > 0) return rights.every(isHeldByDead) ? 'abandoned' : 'building';
  // A maker has the right as long as it works: nodes without a fabric are remains, and so is a container that
  // was never started: the engine made it when the process that asked for it was dead.
  // What has an owner needs no right: while that process lives, it is the one who makes it.
  if (!fabric || containers.some(({ State }) => State === 'created'))
    return owner === undefined ? 'abandoned' : 'building';
  const expected = (fabric.Labels[LABEL.nodes] ?? '').split(',').filter(Boolean);
  if (expected.length + 1 !== containers.length) return 'stopped';
  return containers.every(({ State }) => State === 'running') ? 'ready' : 'stopped';
}

/** A right to build the testbed, or to clear it away. */
export function isRight({ Labels }: ContainerInfo): boolean {
  return Labels[LABEL.role] === ROLE_RIGHT;
}

/** Whether the process that took the right died without giving it back. */
export function isHeldByDead({ Labels }: ContainerInfo): boolean {
  return isGone(Labels[LABEL.builder] ?? '');
}
