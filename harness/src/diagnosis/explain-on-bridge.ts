/** Causes of what is wrong although packets pass: a router, a table, a size, a pod that comes later. */
import { interfaceWith, traceCable } from '../probes/cable.ts';
import type { Interface } from '../probes/kernel-state.ts';
import { takePorts } from '../probes/probe-ports.ts';
import type { NamedCause, Symptom } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import { findAddressOnPort, findAtPort, notPluggedIn } from './find-at-cable.ts';
import { findArpIgnored, findOtherVlan } from './find-at-receiver.ts';
import { dropperIn, findTtlRewriter, rewriterIn, sendAgain } from './find-in-filters.ts';
import { leadsTo } from './find-on-path.ts';

type Found = NamedCause | null;

export async function explainRouted(
  evidence: Evidence,
  { from, to, address, ttl, router }: Symptom & { kind: 'routed' },
): Promise<NamedCause> {
  const node: Host = { node: from.node, pod: '' };
  if (ttl === 64) {
    const text = `${hostName(from)} hands its packets for ${hostName(to)} to ${router}, which routes them, although their TTL is 64`;
    return cause('routed-not-bridged', node, text);
  }
  const rewriter = router === null ? await findTtlRewriter(evidence, from, to, address) : null;
  if (rewriter) return rewriter;
  if (ttl > 64) return cause('unknown', node, `the TTL rose from 64 to ${ttl}`);
  const routers = 64 - ttl;
  const times = routers === 1 ? 'once' : `${routers} times`;
  const text = `the TTL fell from 64 to ${ttl}: ${from.node} routed the packet from ${hostName(from)} to ${hostName(to)} ${times} instead of bridging it`;
  return cause('routed-not-bridged', node, text);
}

export async function explainNeighbour(
  evidence: Evidence,
  { host, address, mac }: Symptom & { kind: 'neighbour-wrong' },
): Promise<NamedCause> {
  const name = hostName(host);
  if (mac === null)
    return cause('neighbour-unresolved', host, `${name} has no neighbour entry for ${address}`);
  const entry = (await evidence.neighbours(host)).find(
    (each) => each.address === address && each.mac === mac,
  );
  const kind = entry?.state === 'PERMANENT' ? 'a permanent entry' : 'an entry';
  const node: Host = { node: host.node, pod: '' };
  const there = (await evidence.interfaces(node)).find((each) => each.mac === mac);
  const whose = there
    ? `the MAC address of ${there.name} in ${host.node}`
    : 'and nobody with that address is there';
  return cause('wrong-neighbour', host, `${name} has ${kind} that puts ${address} at ${mac}, ${whose}`);
}

export async function explainFdb(
  evidence: Evidence,
  { host, bridge: name, mac }: Symptom & { kind: 'fdb-missing' },
): Promise<NamedCause> {
  const node: Host = { node: host.node, pod: '' };
  const nodeInterfaces = await evidence.interfaces(node);
  const inside = (await evidence.interfaces(host)).find((each) => each.mac === mac);
  const { outside, bridge } = inside ? traceCable(inside, nodeInterfaces) : { outside: null, bridge: null };
  const what = `${name} has no entry for ${mac}, the MAC address of ${hostName(host)}`;
  if (outside && !outside.learning)
    return cause('learning-off', node, `${what}: learning is off on ${outside.name}`);
  if (bridge?.ageingMs === 0)
    return cause('learning-off', node, `${what}: its ageing time is 0, so it forgets at once`);
  return cause('fdb-entry-missing', node, what);
}

export async function explainNoBridge(evidence: Evidence, host: Host): Promise<NamedCause> {
  const node: Host = { node: host.node, pod: '' };
  const nodeInterfaces = await evidence.interfaces(node);
  const own = await evidence.interfaces(host);
  for (const inside of own) {
    const { outside, bridge } = traceCable(inside, nodeInterfaces);
    if (outside && !bridge) return notPluggedIn(node, host, outside);
  }
  const other = own.find(({ kind }) => kind !== 'veth');
  if (other) {
    const text = `${other.name} in ${hostName(host)} is of kind "${other.kind}", not a cable that is plugged into a bridge`;
    return cause('not-in-bridge', host, text);
  }
  return cause('peer-elsewhere', host, `no cable leads from ${hostName(host)} to ${host.node}`);
}

/** An interface between two pods of a node that is too small: what is larger is dropped without a word. */
export async function findSmallMtu(
  evidence: Evidence,
  { from, to, address, size }: Symptom & { kind: 'packet-too-big' },
): Promise<Found> {
  const node: Host = { node: from.node, pod: '' };
  const nodeInterfaces = await evidence.interfaces(node);
  const route = await evidence.route(from, address);
  const device = route.kind === 'unicast' ? route.device : '';
  const ends: [Host, Interface | null][] = [
    [from, (await evidence.interfaces(from)).find(({ name }) => name === device) ?? null],
    [to, interfaceWith(await evidence.interfaces(to), address)],
  ];
  const cables = ends.flatMap(([host, inside]) =>
    inside ? [[host, traceCable(inside, nodeInterfaces)] as const] : [],
  );
  // A bridge takes the smallest MTU of its ports for its own: the ports come first.
  const onWay = [
    ...cables.map(([host, { inside }]) => [host, inside] as const),
    ...cables.map(([, { outside }]) => [node, outside] as const),
    ...cables.map(([, { bridge }]) => [node, bridge] as const),
  ];
  for (const [where, each] of onWay) {
    if (!each || each.mtu >= size) continue;
    const text = `${each.name} in ${hostName(where)} takes packets of ${each.mtu} bytes, ${hostName(from)} sends ${size}`;
    return cause('mtu-mismatch', where, text);
  }
  return null;
}

export async function explainAddedPod(
  evidence: Evidence,
  symptom: Symptom & { kind: 'added-pod' },
): Promise<Found> {
  const { neighbour, address } = symptom;
  const node: Host = { node: neighbour.node, pod: '' };
  const nodeInterfaces = await evidence.interfaces(node);
  const bridge = nodeInterfaces.find(({ name }) => name === symptom.bridge);
  const port = nodeInterfaces.find(({ name }) => name === symptom.port);
  const theirs = await portOf(evidence, neighbour, nodeInterfaces);
  if (bridge && port) {
    const closed =
      findAtPort(node, port, bridge) ??
      (await findOtherVlan(evidence, node, bridge, theirs?.name ?? bridge.name, port.name));
    if (closed) return closed;
  }
  for (const host of [neighbour, node]) {
    const lost = await findNoWayTo(evidence, host, address, bridge ?? null, nodeInterfaces);
    if (lost) return lost;
  }
  const gateway = evidence.testbed.plan.nodes[node.node]?.podGateway ?? '';
  const ports = takePorts();
  const traced = { addresses: [address], protocol: symptom.protocol, ports };
  const seen = await sendAgain(evidence, [neighbour, node], traced, async () => {
    await symptom.resend(ports.first);
    return ports;
  });
  return (
    dropperIn(seen) ??
    rewriterIn(seen, 'dnat') ??
    findAddressOnPort(node, nodeInterfaces, gateway) ??
    rewriterIn(seen, 'snat')
  );
}

async function portOf(
  evidence: Evidence,
  pod: Host,
  nodeInterfaces: readonly Interface[],
): Promise<Interface | null> {
  const cables = (await evidence.interfaces(pod)).map((inside) => traceCable(inside, nodeInterfaces));
  return cables.find(({ bridge }) => bridge !== null)?.outside ?? null;
}

/** What keeps a host from sending to a pod that nobody told it of. */
async function findNoWayTo(
  evidence: Evidence,
  host: Host,
  address: string,
  bridge: Interface | null,
  nodeInterfaces: readonly Interface[],
): Promise<Found> {
  const name = hostName(host);
  const route = await evidence.route(host, address);
  if (route.kind === 'none')
    return cause('no-route', host, `${name} has no route to a new pod at ${address} ("${route.error}")`);
  if (route.kind !== 'unicast') return null;
  const device = (await evidence.interfaces(host)).find((each) => each.name === route.device);
  if (!host.pod && device && bridge && !leadsTo(device, bridge, nodeInterfaces)) {
    const text = `${name} sends packets for a new pod at ${address} out of ${device.name}, not ${bridge.name}`;
    return cause('wrong-route', host, text);
  }
  if (!device) return null;
  if (device.arp) return findArpIgnored(evidence, host, device.name);
  return cause('arp-off', host, `${device.name} in ${name} does not use ARP, so it finds no new pod`);
}
