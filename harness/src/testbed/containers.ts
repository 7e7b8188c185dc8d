/** Our containers: how they are named and labelled, and how each kind is made. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerCreateOptions, ContainerInfo } from 'dockerode';
import type { Docker } from './docker.ts';

/** Everything that is ours carries these labels; everything we remove is found by them. */
export const LABEL = {
  /** `03`; every container of a testbed has it. */
  lab: 'podwire.lab',
  testbed: 'podwire.testbed',
  /** `fabric`, `node`, `right` (to build), `doctor`, or `test` for what a test needs beside its testbeds. */
  role: 'podwire.role',
  node: 'podwire.node',
  /** On a fabric: the names of its nodes. */
  nodes: 'podwire.nodes',
  /** Of the first work it served. */
  seed: 'podwire.seed',
  /** What the testbed was made from: topology, plan and image. */
  fingerprint: 'podwire.fingerprint',
  /** The process that makes it (owner.ts). */
  builder: 'podwire.builder',
  /** The process it exists for, where it is not to outlive it (tests, grading). */
  owner: 'podwire.owner',
} as const;

/** The value of {@link LABEL.role} on a right to build. */
export const ROLE_RIGHT = 'right';

const MIB = 1024 * 1024;

/** The learner's files of one node lie in a tmpfs of this size. */
export const NODE_DISK = '64m';

/** At most; an idle one takes a hundredth of it. */
export const NODE_MEMORY = 256 * MIB;
export const FABRIC_MEMORY = 512 * MIB;

const bounds = (memory: number) => ({ Memory: memory, MemorySwap: memory, PidsLimit: 512 });

/**
 * The engine leaves the container's network namespace to runc, empty. Its own network `none` does the same by a detour,
 * which is slower, and in which Docker 20.10, Debian 12's, can hang for good when containers are removed at once
 * (libnetwork: `processEndpointDelete` against `endpoint.sbLeave`).
 */
const NO_NETWORK = { NetworkDisabled: true };

/** The nested proc of a world can be mounted only where nothing of the outer one is masked. */
const UNMASKED = { MaskedPaths: [], ReadonlyPaths: [] } as unknown as ContainerCreateOptions['HostConfig'];

/**
 * A node takes one processor at most. Whatever a learner runs, who probes it gets its turn first: the shares are of
 * 1024, which is what everybody else has. The fabric is not bounded: each of its probes has a deadline.
 */
const NODE_CPU = { NanoCpus: 1_000_000_000, CpuShares: 256 };

/**
 * A node. Its init (harness/image/agent/world.c) keeps the learner's world in a user namespace; these
 * capabilities are the init's, for making that world, and nobody in the world has any of them.
 */
export function nodeOptions(
  image: string,
  node: string,
  labels: Record<string, string>,
): ContainerCreateOptions {
  return {
    Image: image,
    ...NO_NETWORK,
    Cmd: ['init', node, NODE_DISK],
    Labels: { ...labels, [LABEL.role]: 'node', [LABEL.node]: node },
    HostConfig: {
      ...UNMASKED,
      ...bounds(NODE_MEMORY),
      ...NODE_CPU,
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      CapAdd: ['SYS_ADMIN', 'SETUID', 'SETGID', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER'],
      SecurityOpt: ['apparmor=unconfined', 'label=disable'],
      UsernsMode: 'host',
      LogConfig: { Type: 'json-file', Config: { 'max-size': '256k' } },
    },
  };
}

/** The same node with /dev/net/tun, where the engine's host has it: the engine refuses it elsewhere. */
export function withTun(node: ContainerCreateOptions): ContainerCreateOptions {
  const tun = { PathOnHost: '/dev/net/tun', PathInContainer: '/dev/net/tun', CgroupPermissions: 'rw' };
  return { ...node, HostConfig: { ...node.HostConfig, Devices: [tun] } };
}

/**
 * The fabric: sees every process of the engine's host, so that it can enter the nodes' network
 * namespaces, and has no way in for a learner. It sleeps between sessions.
 */
export function fabricOptions(image: string, labels: Record<string, string>): ContainerCreateOptions {
  return {
    Image: image,
    ...NO_NETWORK,
    Cmd: ['pause'],
    Labels: { ...labels, [LABEL.role]: 'fabric' },
    HostConfig: {
      ...UNMASKED,
      ...bounds(FABRIC_MEMORY),
      NetworkMode: 'none',
      PidMode: 'host',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      // SETUID and SETGID: tcpdump sets its ids even when they stay what they are. NET_BIND_SERVICE: servers on port 80.
      CapAdd: [
        'NET_ADMIN',
        'NET_RAW',
        'SYS_ADMIN',
        'SYS_PTRACE',
        'NET_BIND_SERVICE',
        'DAC_READ_SEARCH',
        'SETUID',
        'SETGID',
      ],
      SecurityOpt: ['apparmor=unconfined', 'label=disable', 'no-new-privileges'],
      UsernsMode: 'host',
      Tmpfs: { '/tmp': 'size=32m' },
    },
  };
}

/** The right to build a testbed: a container that is never started, and gone when the testbed stands. */
export function rightOptions(image: string, labels: Record<string, string>): ContainerCreateOptions {
  return {
    Image: image,
    Labels: { ...labels, [LABEL.role]: ROLE_RIGHT },
    HostConfig: { NetworkMode: 'none' },
  };
}

/** Where a testbed's containers are in Docker's one space of names. */
export function containerName(testbed: string, part: string): string {
  return `podwire-${testbed}-${part}`;
}

/**
 * All containers that bear a role of ours, running or not: those of testbeds, and others. An image of ours has
 * a role too, and whoever makes a container of it inherits that: one without an owner or a testbed is not ours.
 */
export function listAllContainers(docker: Docker): Promise<ContainerInfo[]> {
  return docker.listContainers({ all: true, filters: { label: [LABEL.role] } });
}

/** The containers of testbeds, running or not. */
export function listContainers(
  docker: Docker,
  labels: Record<string, string> = {},
): Promise<ContainerInfo[]> {
  const wanted = Object.entries({ ...labels }).map(([name, value]) => `${name}=${value}`);
  return docker.listContainers({ all: true, filters: { label: [LABEL.testbed, ...wanted] } });
}

/** How long somebody else may take to remove a container, and how often we look. */
const OTHERS_REMOVE_MS = 30_000;
const LOOK_AGAIN_MS = 10;

/**
 * Removes a container with whatever runs in it. One that is gone already is as good.
 *
 * @returns whether this call removed it: of all that try, one does, or more where the engine lets them.
 */
export async function removeContainer(docker: Docker, id: string): Promise<boolean> {
  const deadline = performance.now() + OTHERS_REMOVE_MS;
  for (;;) {
    try {
      await docker.getContainer(id).remove({ force: true, v: true });
      return true;
    } catch (error) {
      if (statusOf(error) === 404) return false;
      if (statusOf(error) !== 409 || performance.now() > deadline) throw error;
    }
    // Somebody else is removing it right now. The caller relies on its being gone, so it is asked again until it is. The
    // engine can be asked to wait for that, but whoever asks at the moment of the removal waits for good (moby,
    // container/state.go: `Wait` does not look whether the container is removed already).
    await delay(LOOK_AGAIN_MS);
  }
}

/** The HTTP status of an error of the engine's, or undefined for any other. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown }).statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** What a container wrote to its log. */
export async function readLog(docker: Docker, id: string): Promise<string> {
  const log = await docker.getContainer(id).logs({ stdout: true, stderr: true });
  // Frames of the engine's log: eight bytes of header each, of which the last four are the length.
  const bytes = Buffer.from(log as unknown as Uint8Array);
  let said = '';
  for (let at = 0; at + 8 <= bytes.length; at += 8 + bytes.readUInt32BE(at + 4)) {
    said += bytes.toString('utf8', at + 8, at + 8 + bytes.readUInt32BE(at + 4));
  }
  return said.trim();
}
