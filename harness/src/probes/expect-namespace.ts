/**
 * What makes a network namespace a pod's: that it is one of its own, speaks to itself, has a cable to its
 * node, the address that was planned for it, and hands whatever it cannot deliver to the node.
 */
import { randomInt } from 'node:crypto';
import { type Host, hostName } from '../testbed/host.ts';
import { RefusedError } from '../testbed/session.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { type Cable, traceCable } from './cable.ts';
import { type Interface, readInterfaces, readNeighbours, readRoute } from './kernel-state.ts';
import type { Network } from './network.ts';
import type { PodSymptom } from './pod-symptom.ts';
import { ask } from './reach.ts';
import { CheckFailure } from './symptom.ts';

/** RFC 5737: an address for documentation, which no network has. */
const FAR_ADDRESS = '198.51.100.7';
/** On one machine ARP is answered within a millisecond. */
const ARP_MS = 250;

/** The pod has a network namespace, and it is not the one that the node itself lives in. */
export async function expectOwnNamespace({ testbed }: Network, pod: string): Promise<void> {
  const host = testbed.host(pod);
  const [own, node] = [await namespaceOf(testbed, host), await namespaceOf(testbed, nodeOf(host))];
  if (own !== node) return;
  const expected = `${pod} in a network namespace of its own`;
  throw new CheckFailure(expected, `it is in ${own}, and so is ${host.node}`, {
    kind: 'node-namespace',
    host,
  });
}

/** The pod reaches itself on 127.0.0.1, over ICMP, TCP and UDP. */
export async function expectLoopback(network: Network, pod: string): Promise<void> {
  const host = network.testbed.host(pod);
  await namespaceOf(network.testbed, host);
  await insteadOf({ kind: 'loopback-silent', host }, () => network.expectReach(pod, pod, '127.0.0.1'));
}

/** A veth pair leads from the interface `eth0` of the pod to the namespace of its node. */
export async function expectCable({ testbed }: Network, pod: string): Promise<void> {
  const host = testbed.host(pod);
  const { inside, outside } = await findCable(testbed, host);
  if (inside && outside) return;
  const expected = `a cable from eth0 in ${pod} to ${host.node}`;
  const observed = inside ? 'its other end is not there' : `no interface eth0 in ${pod}`;
  throw new CheckFailure(expected, observed, { kind: 'no-cable', host });
}

/** Both ends of the cable are up, so that each sees the other (man 8 ip-link, LOWER_UP). */
export async function expectCableUp({ testbed }: Network, pod: string): Promise<void> {
  const host = testbed.host(pod);
  const { inside, outside } = await findCable(testbed, host);
  if (inside?.up && outside?.up && inside.carrier && outside.carrier) return;
  const down = [inside, outside].flatMap((end) => (end && !end.up ? [end.name] : []));
  const observed = `${down.join(' and ') || 'the cable'} down`;
  throw new CheckFailure(`both ends of the cable of ${pod} up`, observed, { kind: 'cable-down', host });
}

/**
 * `eth0` has the pod's planned address and no other, with the prefix length of the pod CIDR; or with 32,
 * which says that nobody else is on the cable and leaves the rest to routes.
 */
export async function expectPlannedAddress({ testbed, plan }: Network, pod: string): Promise<void> {
  const host = testbed.host(pod);
  const planned = plan.pods[host.pod];
  const { inside } = await findCable(testbed, host);
  const [first, ...others] = inside?.addresses ?? [];
  const lengths = [planned?.prefixLength, 32];
  if (first?.address === planned?.address && others.length === 0 && lengths.includes(first?.prefixLength))
    return;
  const found = (inside?.addresses ?? []).map(({ address, prefixLength }) => `${address}/${prefixLength}`);
  throw new CheckFailure(
    `${planned?.address}/${planned?.prefixLength} on eth0 in ${pod}`,
    found.join(' and ') || 'no address',
    { kind: 'not-as-planned', host },
  );
}

/**
 * What the pod sends to an address far away arrives at the node: it leaves by the cable, in a frame with a
 * MAC address of the node's. It does not matter whether a gateway is named, or the node answers ARP for all.
 */
export async function expectNodeAsWayOut(network: Network, pod: string): Promise<void> {
  const { testbed } = network;
  const host = testbed.host(pod);
  await network.forgetNeighboursOf(pod);
  await network.expectEach(farAddresses(), (address) => expectHandedToNode(testbed, host, address));
}

/** One that guides name, and one of each half of all addresses, drawn anew: no route was made for those. */
function farAddresses(): string[] {
  const drawn = (from: number, to: number) =>
    [randomInt(from, to), ...[0, 0, 0].map(() => randomInt(256))].join('.');
  return [FAR_ADDRESS, drawn(11, 100), drawn(193, 224)];
}

async function expectHandedToNode(testbed: Testbed, host: Host, address: string): Promise<void> {
  const expected = `${hostName(host)} to hand a packet for ${address} to ${host.node}`;
  const symptom: PodSymptom = { kind: 'no-way-out', host, address };
  const route = await readRoute(testbed, host, address);
  if (route.kind !== 'unicast') {
    const observed = route.kind === 'none' ? `"${route.error}"` : 'it keeps the packet to itself';
    throw new CheckFailure(expected, observed, symptom);
  }
  const nextHop = route.gateway ?? address;
  await ask(testbed, host, { protocol: 'icmp', address, timeoutMs: ARP_MS });
  const [neighbours, nodeInterfaces] = await Promise.all([
    readNeighbours(testbed, host),
    readInterfaces(testbed, nodeOf(host)),
  ]);
  const entry = neighbours.find((each) => each.address === nextHop && each.device === route.device);
  if (entry?.mac && nodeInterfaces.some(({ mac }) => mac === entry.mac)) return;
  const observed = entry?.mac ? `${entry.mac}, which is not the node's` : `nobody answers ARP for ${nextHop}`;
  throw new CheckFailure(expected, observed, symptom);
}

/** The two ends of the pod's cable, as far as they are there. */
async function findCable(testbed: Testbed, host: Host): Promise<Partial<Cable>> {
  await namespaceOf(testbed, host);
  const [own, node] = await Promise.all([
    readInterfaces(testbed, host),
    readInterfaces(testbed, nodeOf(host)),
  ]);
  const inside = own.find(({ name }: Interface) => name === 'eth0');
  return inside ? traceCable(inside, node) : {};
}

/** The inode of the namespace, as in `net:[4026532321]`: two paths with one inode are one namespace. */
export async function namespaceOf(testbed: Testbed, host: Host): Promise<string> {
  try {
    const { stdout } = await testbed.probe(host, ['readlink', '/proc/self/ns/net']);
    return stdout.trim();
  } catch (error) {
    if (!(error instanceof RefusedError) || error.reason === 'node-gone') throw error;
    const name = hostName(host);
    throw new CheckFailure(`a network namespace of ${name}`, error.message, { kind: 'no-namespace', host });
  }
}

/** Another symptom for the same failure, where this check knows better what to look at. */
async function insteadOf(symptom: PodSymptom, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof CheckFailure)) throw error;
    throw new CheckFailure(error.expected, error.observed, symptom);
  }
}

function nodeOf({ node }: Host): Host {
  return { node, pod: '' };
}
