/**
 * What makes processes the containers of one pod: they share its network namespace and its hostname, not
 * their files, and a process that is none of them holds it all. A container is found by the port that it
 * listens on, so it does not matter what made it.
 */
import type { Host } from '../testbed/host.ts';
import { namespaceOf } from './expect-namespace.ts';
import type { Network } from './network.ts';
import {
  type Listener,
  type NodeProcesses,
  readHostname,
  readProcesses,
  type WorldProcess,
} from './processes.ts';
import { CheckFailure } from './symptom.ts';

/** A container as a lab names it. */
export interface ContainerOnPort {
  readonly name: string;
  readonly port: number;
}

interface PodView extends NodeProcesses {
  readonly host: Host;
  /** The pod's network namespace. */
  readonly net: string;
}

/** A process that serves nobody lives in the pod's namespace, with a hostname that is the pod's. */
export async function expectPause(network: Network, pod: string): Promise<void> {
  const view = await viewOf(network, pod);
  if (holdersOf(view).length > 0) return;
  const expected = `a process in the namespace of ${pod} that is no app, with a hostname of its own`;
  throw new CheckFailure(expected, 'none', { kind: 'no-pause', host: view.host });
}

/** A container in the pod's namespace listens on the port, and it is not the one on another port. */
export async function expectContainer(
  network: Network,
  pod: string,
  container: ContainerOnPort,
  other?: ContainerOnPort,
): Promise<void> {
  const view = await viewOf(network, pod);
  const found = listenerIn(view, container.port);
  const expected = `container ${container.name} listening on port ${container.port} in the namespace of ${pod}`;
  const { host } = view;
  if (!found)
    throw new CheckFailure(expected, 'nobody listens there', { kind: 'no-container', host, ...container });
  const rival = other && listenerIn(view, other.port);
  if (!rival || !sameContainer(view, found, rival)) return;
  throw new CheckFailure(expected, `container ${other?.name} has that port as well`, {
    kind: 'port-taken',
    host,
    port: container.port,
    owner: other?.name ?? '',
  });
}

/** On 127.0.0.1 in the pod, somebody answers on the port. */
export async function expectOnLocalhost(
  { testbed }: Network,
  pod: string,
  { name, port }: ContainerOnPort,
): Promise<void> {
  const host = testbed.host(pod);
  // --http0.9: a server that speaks plain text is a server too.
  const argv = ['curl', '--silent', '--http0.9', '--max-time', '1', `http://127.0.0.1:${port}/`];
  const { stdout, exitCode } = await testbed.probe(host, argv);
  if (stdout.length > 0) return;
  const observed = exitCode === 7 ? 'connection refused' : exitCode === 28 ? 'no answer' : 'an empty answer';
  const expected = `an answer from container ${name} at 127.0.0.1:${port} in ${pod}`;
  throw new CheckFailure(expected, observed, { kind: 'localhost-refused', host, port });
}

/** Nobody else can listen on the port: it has one container, and asking for it again is refused. */
export async function expectPortTaken(
  network: Network,
  pod: string,
  { name, port }: ContainerOnPort,
): Promise<void> {
  const view = await viewOf(network, pod);
  const { host } = view;
  const expected = `port ${port} of ${pod} to belong to container ${name} alone`;
  const [first, ...others] = view.listeners.filter((each) => each.net === view.net && each.port === port);
  const second = first && others.find((each) => !sameContainer(view, first, each));
  if (second) {
    const owners = [first, second].flatMap((each) => each.owners.slice(0, 1)).map(({ command }) => command);
    throw new CheckFailure(expected, 'two containers listen on it', {
      kind: 'port-shared',
      host,
      port,
      owners,
    });
  }
  const { exitCode } = await network.testbed.probe(host, [
    '/usr/lib/podwire/agent',
    'serve',
    'second',
    String(port),
    '0',
  ]);
  if (exitCode !== 0) return;
  throw new CheckFailure(expected, 'it is free', { kind: 'no-container', host, name, port });
}

/** Each container has a mount namespace of its own, apart from the node's and from each other. */
export async function expectOwnFiles(
  network: Network,
  pod: string,
  containers: readonly ContainerOnPort[],
): Promise<void> {
  const view = await viewOf(network, pod);
  const homes = new Map([[view.first.mnt, view.host.node]]);
  for (const { name, port } of containers) {
    const owner = ownerOf(view, { name, port });
    const other = homes.get(owner.mnt);
    if (other) {
      const observed = `it sees the files of ${other}`;
      const symptom = { kind: 'shared-files', host: view.host, name, other, namespace: owner.mnt } as const;
      throw new CheckFailure(`container ${name} with files of its own`, observed, symptom);
    }
    homes.set(owner.mnt, `container ${name}`);
  }
}

/**
 * Every container shares the pod's hostname: it is in the UTS namespace of pause, and not by way of the node's. The same
 * text in another namespace is a copy, which a container keeps when the pod is made anew around it.
 */
export async function expectPodHostname(
  network: Network,
  pod: string,
  containers: readonly ContainerOnPort[],
): Promise<void> {
  const view = await viewOf(network, pod);
  const { host, first } = view;
  const holders = holdersOf(view);
  for (const { name, port } of containers) {
    const owner = ownerOf(view, { name, port });
    const seen = await readHostname(network.testbed, owner);
    const ofNode = owner.uts === first.uts;
    const apart = !holders.some(({ uts }) => uts === owner.uts);
    if (seen === host.pod && !ofNode && !apart) continue;
    const outlived = apart && !ofNode && holders.every((pause) => isYounger(pause, owner));
    const observed = seen === host.pod && !ofNode ? `${seen}, in another UTS namespace than pause` : seen;
    const symptom = { kind: 'wrong-hostname', host, name, seen, ofNode, apart, outlived } as const;
    throw new CheckFailure(`container ${name} to share the hostname ${host.pod} of pause`, observed, symptom);
  }
}

/** One container was started after the other: it has been started again, and the pod is the same. */
export async function expectYounger(
  network: Network,
  pod: string,
  younger: ContainerOnPort,
  older: ContainerOnPort,
): Promise<void> {
  const view = await viewOf(network, pod);
  const [young, old] = [ownerOf(view, younger), ownerOf(view, older)];
  if (isYounger(young, old)) return;
  const symptom = { kind: 'not-restarted', host: view.host, name: younger.name, older: older.name } as const;
  throw new CheckFailure(
    `container ${younger.name} started again, after ${older.name}`,
    'it is the older one',
    symptom,
  );
}

/** One look for all checks of a run: they speak of the same processes. */
function viewOf(network: Network, pod: string): Promise<PodView> {
  return network.once(`processes ${pod}`, async () => {
    const { testbed } = network;
    const host = testbed.host(pod);
    const [net, processes] = await Promise.all([
      namespaceOf(testbed, host),
      readProcesses(testbed, host.node),
    ]);
    return { host, net, ...processes };
  });
}

/** The clock of the kernel ticks a hundred times a second; processes of one tick are numbered in their order. */
function isYounger(one: WorldProcess, other: WorldProcess): boolean {
  return one.startedAt === other.startedAt ? one.pid > other.pid : one.startedAt > other.startedAt;
}

/** What holds a pod: apps are told by their sockets and by the files that they have for themselves. */
function holdersOf({ all, first, listeners, net }: PodView): WorldProcess[] {
  const apps = listeners.filter((listener) => listener.net === net).flatMap(({ owners }) => owners);
  const files = new Set(apps.map(({ mnt }) => mnt).filter((mnt) => mnt !== first.mnt));
  const inside = all.filter((process) => process.net === net && process.uts !== first.uts);
  return inside.filter((process) => !apps.includes(process) && !files.has(process.mnt));
}

function listenerIn({ listeners, net }: PodView, port: number): Listener | undefined {
  return listeners.find((each) => each.net === net && each.port === port);
}

/** The first process of a container. @throws {CheckFailure} when nobody listens on its port. */
function ownerOf(view: PodView, { name, port }: ContainerOnPort): WorldProcess {
  const [owner] = listenerIn(view, port)?.owners.toSorted((a, b) => (isYounger(a, b) ? 1 : -1)) ?? [];
  if (owner) return owner;
  const { host } = view;
  throw new CheckFailure(`container ${name} listening on port ${port}`, 'nobody listens there', {
    kind: 'no-container',
    host,
    name,
    port,
  });
}

function sameContainer({ first }: PodView, one: Listener, other: Listener): boolean {
  const shared = one.owners.some((process) => other.owners.includes(process));
  const [a, b] = [one.owners[0], other.owners[0]];
  return shared || (a !== undefined && a.mnt === b?.mnt && a.mnt !== first.mnt);
}
