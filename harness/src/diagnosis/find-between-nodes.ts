/**
 * Follows a packet from a host on one node to a host on another by what the kernels would do with it: out of
 * the pod, through its node, over the underlay or a tunnel, into the other node, and into the pod there.
 */
import { interfaceWith, traceCable } from '../probes/cable.ts';
import type { Interface, RouteDecision } from '../probes/kernel-state.ts';
import type { NamedCause, Symptom } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { contains } from '../topology/cidr.ts';
import { cause, type Evidence } from './evidence.ts';
import { interfacesWith } from './find-at-cable.ts';
import { findForwardingOff } from './find-forwarding-off.ts';
import { findDropper, findRewriter } from './find-in-filters.ts';
import { findBlockedTunnel, findInOverlay } from './find-in-overlay.ts';
import { findPodAsGateway } from './find-next-hop.ts';
import { explainOwnNetwork } from './find-no-route.ts';
import { findOnPath } from './find-on-path.ts';

type Found = NamedCause | null;

/** A packet under way: who sent it, who is to have it. */
export interface Journey {
  readonly receiver: Host;
  readonly source: string;
  readonly destination: string;
}

/** What Ethernet takes. */
const FULL_SIZE = 1500;
/** More nodes than any right way passes. */
const MOST_HOPS = 5;

/** Why there is no answer: the way there, the way back, then rules that drop. */
export async function findSilenceBetween(
  evidence: Evidence,
  from: Host,
  to: Host,
  address: string,
): Promise<Found> {
  const there = await findOneWay(evidence, from, to, address);
  if (there) return there;
  const source = await sourceOf(evidence, from, address);
  const addressless = await findAddressless(evidence, from, address, source);
  if (addressless) return addressless;
  return (
    (source ? await findOneWay(evidence, to, from, source) : null) ?? findInRules(evidence, from, to, address)
  );
}

export async function explainBetweenNodes(
  evidence: Evidence,
  symptom: Symptom & { kind: 'between-nodes' },
): Promise<Found> {
  const { from, to, address, wrong, seen } = symptom;
  const node: Host = { node: from.node, pod: '' };
  switch (wrong) {
    case 'not-arrived':
      return (await findOneWay(evidence, from, to, address)) ?? findInRules(evidence, from, to, address);
    case 'ttl':
    case 'vtep':
      return findOneWay(evidence, from, to, address);
    case 'encapsulated':
      return (
        (await findTunnel(evidence, from, address)) ??
        (await findOneWay(evidence, from, to, address)) ??
        findRewriter(evidence, from, to, address)
      );
    case 'not-encapsulated': {
      const rewriter = await findRewriter(evidence, from, to, address);
      return (
        rewriter ??
        cause(
          'not-encapsulated',
          node,
          `on the underlay was ${seen}, though the underlay is not to know pods`,
        )
      );
    }
    case 'vni':
      return cause(
        'vni-mismatch',
        node,
        `seen on the underlay: ${seen}; the plan's VNI is ${evidence.testbed.plan.cluster.vni}`,
      );
    case 'port':
      return cause(
        'vxlan-port-mismatch',
        node,
        `seen on the underlay: ${seen}; the plan's port is ${evidence.testbed.plan.cluster.vxlanPort}`,
      );
    case 'copied': {
      const text = `${node.node} does not know behind which node the next hop is, and sends copies to all: ${seen}`;
      return cause('overlay-floods', node, text);
    }
    case 'asked':
      return cause('overlay-asks', node, `${node.node} asks in the overlay who has the next hop: ${seen}`);
    case 'too-big':
      return (
        (await findSmallMtuBetween(evidence, from, to, address, FULL_SIZE)) ??
        findSilenceBetween(evidence, from, to, address)
      );
    case 'fragmented':
      return (
        (await findFragmenting(evidence, from, address)) ??
        findFragmenting(evidence, to, await sourceOf(evidence, from, address))
      );
  }
}

/** A node that speaks into the overlay with its address on the underlay: answers to that do not come back by the overlay. */
async function findAddressless(
  evidence: Evidence,
  from: Host,
  address: string,
  source: string | null,
): Promise<Found> {
  const route = await evidence.route(from, address);
  const device = (await evidence.interfaces(from)).find(
    (each) => route.kind === 'unicast' && each.name === route.device,
  );
  if (from.pod || device?.kind !== 'vxlan' || source === null || !ownerOf(evidence, source)) return null;
  const text = `${device.name} in ${from.node} has no address, so packets to ${address} leave with ${source}; an answer to that does not come by the overlay`;
  return cause('vtep-no-address', from, text);
}

async function findInRules(evidence: Evidence, from: Host, to: Host, address: string): Promise<Found> {
  return (await findDropper(evidence, from, to, address)) ?? findBlockedTunnel(evidence, from, to, address);
}

/** The first thing on the way from one host to the other that cannot work; nothing is sent. */
export async function findOneWay(
  evidence: Evidence,
  sender: Host,
  receiver: Host,
  destination: string,
): Promise<Found> {
  const source = await sourceOf(evidence, sender, destination);
  if (!sender.pod) return travel(evidence, sender, null, { receiver, source: source ?? '', destination });
  const node: Host = { node: sender.node, pod: '' };
  const route = await evidence.route(sender, destination);
  const gateway = evidence.testbed.plan.nodes[sender.node]?.podGateway ?? '';
  if (route.kind !== 'unicast' || !source) {
    const local = await findOnPath(evidence, sender, node, gateway);
    const error = route.kind === 'none' ? ` ("${route.error}")` : '';
    const rejected = route.kind === 'none' && isRejection(route.error);
    const what = rejected
      ? `a route in ${hostName(sender)} refuses ${destination}`
      : `${hostName(sender)} has no route to ${destination}`;
    return local ?? cause(rejected ? 'route-rejects' : 'no-route', sender, `${what}${error}`);
  }
  if (route.gateway === null) {
    const wide = interfaceWith(await evidence.interfaces(sender), source);
    const prefix = wide?.addresses.find(({ address }) => address === source)?.prefixLength ?? 24;
    if (prefix < 24) {
      const text = `${hostName(sender)} has ${source}/${prefix}, so it takes ${destination} for a neighbour and asks for it by ARP on its own node`;
      return cause('wrong-prefix', sender, text);
    }
    return cause(
      'wrong-route',
      sender,
      `${hostName(sender)} sends packets for ${destination} out of ${route.device} without a gateway`,
    );
  }
  const local = await findOnPath(evidence, sender, node, route.gateway);
  if (local?.id === 'neighbour-unresolved') {
    const text = `${hostName(sender)} sends by the gateway ${route.gateway}, and nobody has that address (wanted ${gateway})`;
    return cause('wrong-gateway', sender, text);
  }
  if (local) return local;
  const [router] = await interfacesWith(evidence, sender.node, route.gateway);
  const stranger = router ? await findPodAsGateway(evidence, sender, receiver, route, router[0]) : null;
  if (stranger) return stranger;
  const inside = (await evidence.interfaces(sender)).find(({ name }) => name === route.device);
  const { outside, bridge } = inside
    ? traceCable(inside, await evidence.interfaces(node))
    : { outside: null, bridge: null };
  const incoming = bridge?.name ?? outside?.name;
  return incoming ? travel(evidence, node, incoming, { receiver, source, destination }) : null;
}

/** From node to node until the packet is at the receiver's, or lost; nothing is sent. */
export async function travel(
  evidence: Evidence,
  start: Host,
  incomingAtStart: string | null,
  journey: Journey,
): Promise<Found> {
  const { receiver, source, destination } = journey;
  let node = start;
  let incoming = incomingAtStart;
  for (let hop = 0; hop < MOST_HOPS; hop++) {
    const last = node.node === receiver.node;
    const arrived =
      last && !receiver.pod && interfaceWith(await evidence.interfaces(node), destination) !== null;
    const off = incoming && !arrived ? await findForwardingOff(evidence, node, incoming) : null;
    if (off) return off;
    const route = await evidence.route(
      node,
      destination,
      incoming ? { device: incoming, source } : undefined,
    );
    if (route.kind === 'none') return explainNone(evidence, node, incoming, journey, route.error);
    if (last) return receiver.pod ? deliver(evidence, node, receiver, destination, route) : null;
    if (route.kind === 'local') {
      return cause(
        'duplicate-address',
        node,
        `${node.node} has ${destination} itself, the address of ${hostName(receiver)}`,
      );
    }
    const device = (await evidence.interfaces(node)).find(({ name }) => name === route.device);
    if (!device) return null;
    const next = isUplink(evidence, node, device)
      ? await overUnderlay(evidence, node, device, route, journey)
      : device.kind === 'vxlan'
        ? await findInOverlay(evidence, node, device.name, route.gateway, receiver, destination)
        : await explainOtherDevice(evidence, node, device, journey);
    if (next === null || 'id' in next) return next;
    node = { node: next.node, pod: '' };
    incoming = next.device;
  }
  return null;
}

/** Where a packet comes in next. */
export interface Arrival {
  readonly node: string;
  readonly device: string;
}

/** What `ip route get` says of routes of type blackhole, prohibit and unreachable. */
function isRejection(error: string): boolean {
  return (
    /Invalid argument|denied|No route to host|blackhole|unreachable$|prohibit/.test(error) &&
    !error.startsWith('Network')
  );
}

async function explainNone(
  evidence: Evidence,
  node: Host,
  incoming: string | null,
  { receiver, source, destination }: Journey,
  error: string,
): Promise<Found> {
  const filtered = incoming ? await findReversePath(evidence, node, incoming, source) : null;
  if (filtered) return filtered;
  if (isRejection(error)) {
    return cause('route-rejects', node, `a route in ${node.node} refuses ${destination} ("${error}")`);
  }
  const overlapping = await findOverlap(evidence, node, receiver);
  if (overlapping) return overlapping;
  const interfaces = await evidence.interfaces(node);
  const ofOwnPods =
    receiver.pod && receiver.node === node.node
      ? explainOwnNetwork(evidence, node, interfaces, destination)
      : null;
  if (ofOwnPods) return ofOwnPods;
  const down = interfaces.find(
    (each) => !each.up && (each.kind === 'vxlan' || isUplink(evidence, node, each)),
  );
  if (down) return cause('link-down', node, `${down.name} in ${node.node} is down`);
  const cidr = evidence.testbed.plan.nodes[receiver.node]?.podCidr;
  const what = receiver.pod && cidr ? `${destination}, a pod of ${receiver.node} (${cidr})` : destination;
  return cause('no-route', node, `${node.node} has no route to ${what}: "${error}"`);
}

/** The kernel refuses what comes in by another interface than the one it would answer by (RFC 3704). */
async function findReversePath(
  evidence: Evidence,
  node: Host,
  incoming: string,
  source: string,
): Promise<Found> {
  const modes = await Promise.all(
    ['all', incoming].map((scope) => evidence.setting(node, `net/ipv4/conf/${scope}/rp_filter`)),
  );
  const mode = Math.max(...modes.map(Number));
  if (mode === 0) return null;
  const back = await evidence.route(node, source);
  const leads = back.kind === 'unicast' ? back.device : 'nowhere';
  if (back.kind === 'unicast' && (mode === 2 || leads === incoming)) return null;
  const text = `the reverse path filter of ${node.node} (rp_filter ${mode}) drops packets from ${source} that come in by ${incoming}: its own route to ${source} leads to ${leads}`;
  return cause('rp-filter', node, text);
}

/** The last node has the packet: from here on it is a matter of one node. */
async function deliver(
  evidence: Evidence,
  node: Host,
  receiver: Host,
  destination: string,
  route: RouteDecision,
): Promise<Found> {
  if (route.kind === 'local') {
    return cause(
      'duplicate-address',
      node,
      `${node.node} has ${destination} itself, the address of ${hostName(receiver)}`,
    );
  }
  return findOnPath(evidence, node, receiver, destination);
}

async function overUnderlay(
  evidence: Evidence,
  node: Host,
  device: Interface,
  route: RouteDecision & { kind: 'unicast' },
  { receiver, destination }: Journey,
): Promise<Found | Arrival> {
  const { plan } = evidence.testbed;
  const nextHop = route.gateway ?? destination;
  const cidr = plan.nodes[receiver.node]?.podCidr;
  if (!device.up) return cause('link-down', node, `${device.name} in ${node.node} is down`);
  // A neighbour of the other family, and whoever answers for what is behind him: what follows knows neither.
  if (nextHop.includes(':')) return null;
  const entry = (await evidence.neighbours(node)).find(
    (each) => each.address === nextHop && each.device === device.name,
  );
  if (receiver.pod && route.gateway === null && entry?.mac) return null;
  if (receiver.pod && route.gateway === null) {
    const text = `the route of ${node.node} to ${destination} has no "via": it asks by ARP on the underlay who has ${destination}, and nobody there does`;
    return cause('route-without-via', node, text);
  }
  const owner = ownerOf(evidence, nextHop);
  if (!owner) {
    return cause(
      'wrong-gateway',
      node,
      `${node.node} sends packets for ${destination} via ${nextHop}, and nobody has that address`,
    );
  }
  const right = interfaceWith(await evidence.interfaces({ node: owner.node, pod: '' }), nextHop)?.mac;
  if (entry?.state === 'PERMANENT' && right && entry.mac !== right) {
    return cause(
      'wrong-neighbour',
      node,
      `${node.node} is told that ${nextHop} is at ${entry.mac}, but it is at ${right}`,
    );
  }
  const near = device.addresses.some((own) => contains(`${own.address}/${own.prefixLength}`, nextHop));
  if (!near && !entry?.mac) {
    const text = `${node.node} looks for the next hop ${nextHop} by ARP on ${device.name}; that is ${owner.node}, in another network, and ARP does not pass a router`;
    return cause('wrong-gateway', node, text);
  }
  if (owner.node === receiver.node || !receiver.pod) return owner;
  if (plan.nodes[owner.node]?.podCidr === null) {
    const onward = await evidence.route({ node: owner.node, pod: '' }, destination);
    const after = onward.kind === 'unicast' && onward.gateway ? ownerOf(evidence, onward.gateway) : null;
    if (after?.node === receiver.node) return owner;
    const down = (await evidence.interfaces(node)).find(({ kind, up }) => kind === 'vxlan' && !up);
    if (down) return cause('link-down', node, `${down.name} in ${node.node} is down`);
    if (plan.nodes[node.node]?.podCidr === null) {
      const unknown = `${owner.node} has no route to ${cidr}, so it does not pass on what ${node.node} sends to ${destination}`;
      return cause('no-route', { node: owner.node, pod: '' }, unknown);
    }
    const text = `${node.node} has no route to ${cidr}: its default route takes the packet for ${destination} to ${owner.node}, which knows nothing of pods`;
    return cause('no-route', node, text);
  }
  const text = `${node.node} sends packets for ${destination} via ${nextHop}, which is ${owner.node}; the pods of ${cidr} are on ${receiver.node}`;
  return cause('wrong-next-hop', node, text);
}

async function explainOtherDevice(
  evidence: Evidence,
  node: Host,
  device: Interface,
  { receiver, destination }: Journey,
): Promise<Found> {
  const overlapping = await findOverlap(evidence, node, receiver);
  if (overlapping) return overlapping;
  // Behind a port that is a tunnel, other nodes may well be.
  const tunnelled = (await evidence.interfaces(node)).some(
    ({ kind, master }) => kind === 'vxlan' && master === device.name,
  );
  if (!tunnelled && ['bridge', 'veth', 'dummy'].includes(device.kind)) {
    return cause(
      'wrong-route',
      node,
      `${node.node} sends packets for ${destination} out of ${device.name}, and ${hostName(receiver)} is on ${receiver.node}`,
    );
  }
  return null;
}

/** An interface of this node that claims addresses of the other node's pods. */
async function findOverlap(evidence: Evidence, node: Host, receiver: Host): Promise<Found> {
  const cidr = evidence.testbed.plan.nodes[receiver.node]?.podCidr;
  if (!cidr || receiver.node === node.node) return null;
  for (const each of await evidence.interfaces(node)) {
    const inside = each.addresses.find(
      ({ address, prefixLength }) => contains(cidr, address) && prefixLength <= 24,
    );
    if (!inside) continue;
    const text = `${each.name} in ${node.node} has ${inside.address}/${inside.prefixLength}: those are the addresses of ${receiver.node}'s pods (${cidr})`;
    return cause('overlapping-cidr', node, text);
  }
  return null;
}

async function findTunnel(evidence: Evidence, from: Host, address: string): Promise<Found> {
  const node: Host = { node: from.node, pod: '' };
  const route = await evidence.route(node, address);
  const device = (await evidence.interfaces(node)).find(
    (each) => route.kind === 'unicast' && each.name === route.device,
  );
  if (!device || isUplink(evidence, node, device)) return null;
  return cause(
    'encapsulated',
    node,
    `${node.node} sends packets for ${address} out of ${device.name}, a ${device.kind} device`,
  );
}

/** A tunnel that takes packets which, wrapped, no longer fit the underlay. */
async function findFragmenting(evidence: Evidence, from: Host, address: string | null): Promise<Found> {
  if (!address) return null;
  const node: Host = { node: from.node, pod: '' };
  const route = await evidence.route(node, address);
  const interfaces = await evidence.interfaces(node);
  const tunnel = interfaces.find((each) => route.kind === 'unicast' && each.name === route.device);
  const uplink = interfaces.find((each) => isUplink(evidence, node, each));
  if (tunnel?.kind !== 'vxlan' || !uplink || tunnel.mtu + VXLAN_OVERHEAD <= uplink.mtu) return null;
  const text = `${tunnel.name} in ${node.node} takes packets of ${tunnel.mtu} bytes; with the ${VXLAN_OVERHEAD} of VXLAN around them they do not fit the ${uplink.mtu} of ${uplink.name}`;
  return cause('mtu-mismatch', node, text);
}

/** Outer IP 20, UDP 8, VXLAN 8, inner Ethernet 14 (RFC 7348, section 5). */
const VXLAN_OVERHEAD = 50;

/** An interface on the way between nodes that takes only smaller packets. */
export async function findSmallMtuBetween(
  evidence: Evidence,
  from: Host,
  to: Host,
  address: string,
  size: number,
): Promise<Found> {
  const back = await sourceOf(evidence, from, address);
  const found: (readonly [Host, Interface])[] = [];
  for (const [host, destination] of [
    [from, address],
    [to, back ?? ''],
  ] as const) {
    const node: Host = { node: host.node, pod: '' };
    const route = await evidence.route(node, destination);
    for (const each of await evidence.interfaces(node)) {
      const onWay =
        isUplink(evidence, node, each) || (route.kind === 'unicast' && route.device === each.name);
      if (onWay && each.mtu < size) found.push([node, each]);
    }
  }
  const [smallest] = found.sort(([, a], [, b]) => a.mtu - b.mtu);
  if (!smallest) return null;
  const [host, { name, mtu }] = smallest;
  return cause(
    'mtu-mismatch',
    host,
    `${name} in ${host.node} takes packets of ${mtu} bytes, ${hostName(from)} sends ${size}`,
  );
}

function isUplink(evidence: Evidence, node: Host, device: Interface): boolean {
  return device.name in (evidence.testbed.plan.nodes[node.node]?.interfaces ?? {});
}

/** Which node has an address of the underlay, and by which interface packets come in there. */
function ownerOf(evidence: Evidence, address: string): Arrival | null {
  for (const [node, { interfaces }] of Object.entries(evidence.testbed.plan.nodes)) {
    for (const [device, { address: owned }] of Object.entries(interfaces)) {
      if (owned === address) return { node, device };
    }
  }
  return null;
}

/** The address that a host's packets for a destination come from. */
async function sourceOf(evidence: Evidence, host: Host, destination: string): Promise<string | null> {
  const route = await evidence.route(host, destination);
  if (route.kind === 'unicast') return route.source;
  return (await evidence.interfaces(host))[0]?.addresses[0]?.address ?? null;
}
