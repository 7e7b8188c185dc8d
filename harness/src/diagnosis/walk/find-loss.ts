/**
 * Why a packet went no further than it was seen. The walk says which host had it in hand; what that host would do
 * with it is read from its kernel. A rule that dropped it is proof by itself; the rest is looked at in the order
 * in which the kernel would: filter, reverse path, route, next hop, size.
 */
import { forgetUnresolvedNeighbours } from '../../probes/kernel-state.ts';
import type { NamedCause } from '../../probes/symptom.ts';
import type { Host } from '../../testbed/host.ts';
import { contains } from '../../topology/cidr.ts';
import { cause, type Evidence } from '../evidence.ts';
import { findReversePath } from '../find-at-receiver.ts';
import { findOneWay, findSilenceBetween, travel } from '../find-between-nodes.ts';
import { isOutside, noMasquerade } from '../find-egress.ts';
import { findForwardingOff } from '../find-forwarding-off.ts';
import { watchTrafficControl } from '../find-in-traffic-control.ts';
import { findOneWayOnNode } from '../find-on-path.ts';
import { readLegacyCounters, rulesThatCounted } from '../legacy-rules.ts';
import { describeRule, dropping } from '../trace-rules.ts';
import { isSameHost, type Knowledge } from './explain-steps.ts';
import { findUnanswering } from './find-arp-silence.ts';
import { type Dropped, findArpDropped, findDroppingRule } from './find-dropping-rule.ts';
import { findInTunnel } from './find-in-tunnel.ts';
import { ownerIn } from './find-target.ts';
import { findUntranslated, translatedTo } from './find-untranslated.ts';
import { isIgnored, portKey, type Step } from './follow-packet.ts';
import { hostInHand, type Missing } from './missing.ts';

type Found = NamedCause | null;

type Find = () => Promise<Found> | Found;

/**
 * Causes that the evidence supports, the likeliest first; none when nothing is proven. What a rule, a tunnel's end or a
 * counter proves stands alone. What is read from the kernel's state may be true of two things at once, and both lose it.
 */
export async function findLoss(
  known: Knowledge,
  evidence: Evidence,
  missing: Missing,
): Promise<NamedCause[]> {
  const last = missing.way.at(-1) ?? null;
  const host = hostInHand(missing);
  const proofs: Find[] = [
    () => findRule(known, evidence, missing),
    () => findArpDropped(known, host),
    () => (last ? findInTunnel(known, last) : null),
    () => (last ? findTooBig(known, last) : null),
    () => (last ? findMartian(known, missing, last) : null),
    () => (last && isArrival(known, last) ? findUnanswered(known, evidence, missing, last) : null),
    () => (last ? findReceiverDown(known, last) : null),
    () => (last ? findHairpinOff(known, missing, last) : null),
    () => (last ? findUntranslated(known, missing, last) : null),
    () => (last ? findPodAsRouter(known, evidence, missing, last) : null),
  ];
  const onward: Find[] = [
    () => (last ? findUnmasqueraded(known, evidence, last) : null),
    () => findOnTheWay(known, evidence, missing, host, last),
    () => (last ? findUnforwarded(known, evidence, missing, last) : null),
  ];
  const nextHop: Find[] = [
    () => findUnanswering(known, evidence, host, destinationOf(known, missing, last)),
    () => (last ? findStrangeFrame(known, last) : null),
  ];
  const [proven] = await ask(proofs, 1);
  if (proven) return [proven];
  const read = await ask(onward, 2);
  const counted = read.length === 0 ? await findByCounters(known, evidence, missing, host) : null;
  if (counted) return [counted];
  const [first, second] = [...read, ...(read.length < 2 ? await ask(nextHop, 2) : [])];
  if (!first) return [];
  return second && isSecondCause(known, first, second) ? [first, second] : [first];
}

/**
 * That nobody answers is how another cause shows itself, and the same word twice is one cause; a host outside that knows
 * no pods is as it should be.
 */
function isSecondCause({ testbed }: Knowledge, first: NamedCause, second: NamedCause): boolean {
  const outside = testbed.plan.nodes[second.where]?.podCidr === null;
  return second.id !== first.id && second.id !== 'neighbour-unresolved' && !outside;
}

/** Asks one after the other, until so many have found something. */
async function ask(finders: readonly Find[], most: number): Promise<NamedCause[]> {
  const found: NamedCause[] = [];
  for (const find of finders) {
    if (found.length === most) break;
    const next = await find();
    if (next) found.push(next);
  }
  return found;
}

/** The rule that dropped it; where the packet should not have come there, first who sent it. */
async function findRule(known: Knowledge, evidence: Evidence, missing: Missing): Promise<Found> {
  const dropped = findDroppingRule(known, missing);
  if (!dropped || !isStray(known, missing, dropped)) return dropped?.cause ?? null;
  const { plan } = known.testbed;
  const { asker, address } = missing;
  const [receiver] = known.scene.ownersOf(address);
  if (!receiver || plan.nodes[receiver.node]?.podCidr === null || receiver.node === asker.node)
    return dropped.cause;
  const before = await findSilenceBetween(evidence, asker, receiver, address);
  return before && before.id !== 'filter-drop' ? before : dropped.cause;
}

/**
 * A host outside of the cluster that lets no pod's packets through is not to blame: somebody should have masqueraded
 * them, or wrapped them, or sent them by another way.
 */
export function isStray({ testbed, scene }: Knowledge, { way }: Missing, { host }: Dropped): boolean {
  const last = way.at(-1);
  const { nodes, cluster } = testbed.plan;
  if (!last || host.pod !== '' || nodes[host.node]?.podCidr !== null) return false;
  // What is wrapped is for the node at the tunnel's other end: for nobody it is only by a mistake before.
  if (last.outer !== null) return scene.ownersOf(last.outer.destination).length === 0;
  const { source, destination } = last.packet;
  return (
    !scene.isOwn(host, destination) &&
    !scene.isOwn(host, source) &&
    (contains(cluster.podCidr, source) || contains(cluster.podCidr, destination))
  );
}

/** The packet is where it was sent: the host takes the address for its own. */
export function isArrival({ scene }: Knowledge, { sighting, packet }: Step): boolean {
  return (
    sighting.direction === 'in' &&
    !isIgnored({ sighting, packet, outer: null }, scene.wiring) &&
    scene.bridgeOf(sighting.host, sighting.device) === null &&
    scene.isOwn(sighting.host, packet.destination)
  );
}

/** An interface on the next step takes only smaller packets: the cable's other end, or whoever the frame is for. */
function findTooBig({ scene }: Knowledge, { sighting, packet, outer }: Step): Found {
  if (sighting.direction !== 'out') return null;
  const peer = scene.wiring.peers.get(portKey(sighting));
  const receiver = scene.isUplink(sighting.host, sighting.device)
    ? scene.ownerOfMac(sighting.frame.destinationMac)
    : null;
  const next = peer ?? (receiver ? portKey(receiver) : null);
  const { length } = outer ?? packet;
  for (const { host, interfaces } of scene.places) {
    const other = interfaces.find(({ name }) => portKey({ host, device: name }) === next);
    if (!other?.up || other.mtu >= length) continue;
    const text = `${other.name} in ${scene.nameOf(host)} takes packets of ${other.mtu} bytes, this one has ${length}`;
    return cause('mtu-mismatch', host, text);
  }
  return null;
}

/** The kernel drops what comes in from outside and bears an address of its own as the sender's (RFC 1812, 5.3.7). */
function findMartian({ scene }: Knowledge, { address }: Missing, { sighting, packet }: Step): Found {
  const { host, device, direction } = sighting;
  if (direction !== 'in' || device === 'lo' || scene.bridgeOf(host, device) !== null) return null;
  if (!scene.isOwn(host, packet.source)) return null;
  if (packet.source === packet.destination && address !== packet.destination) {
    const text = `${scene.nameOf(host)} asked ${address} and became its own endpoint: the packet comes back to it with ${packet.source} as sender and receiver, and the kernel drops that; nobody masqueraded it`;
    return cause('hairpin-masquerade-missing', { node: host.node, pod: '' }, text);
  }
  const text = `the packet comes back in by ${device} with ${packet.source} as its sender, which is ${scene.nameOf(host)}'s own address: the kernel drops that`;
  return cause('martian-source', host, text);
}

/** The packet is there, and nothing comes back. */
async function findUnanswered(
  known: Knowledge,
  evidence: Evidence,
  missing: Missing,
  last: Step,
): Promise<Found> {
  const { host, device } = last.sighting;
  const { source, destination } = last.packet;
  const filtered = await findReversePath(evidence, host, device, source);
  if (filtered) return filtered;
  if (missing.protocol === 'icmp') {
    const ignored = await evidence.setting(host, 'net/ipv4/icmp_echo_ignore_all');
    if (ignored === '1') {
      const text = `net.ipv4.icmp_echo_ignore_all is 1 in ${known.scene.nameOf(host)}: it answers no ping`;
      return cause('echo-ignored', host, text);
    }
  }
  const back = await evidence.route(host, source);
  if (back.kind === 'none') {
    const text = `${known.scene.nameOf(host)} has the packet, but no route back to ${source} ("${back.error}")`;
    return cause(
      /Invalid argument|denied|No route to host/.test(back.error) ? 'route-rejects' : 'no-route',
      host,
      text,
    );
  }
  const [receiver] = known.scene.ownersOf(source);
  const returned = receiver ? await findFrom(evidence, host, null, receiver, destination, source) : null;
  return returned;
}

/** Where the packet was to go next: what the host in hand made of its destination, or else what it bears. */
function destinationOf(known: Knowledge, { address }: Missing, last: Step | null): string {
  if (!last) return address;
  if (last.outer) return last.outer.destination;
  return translatedTo(known, last)?.address ?? last.packet.destination;
}

/** A pod that got a packet for an address that it has not: its own of before, or somebody took the pod for a router. */
async function findPodAsRouter(
  { scene }: Knowledge,
  evidence: Evidence,
  { way }: Missing,
  { sighting, packet }: Step,
): Promise<Found> {
  const { host, device, direction } = sighting;
  const [first] = way;
  if (!first || direction !== 'in' || host.pod === '' || scene.isOwn(host, packet.destination)) return null;
  if (sighting.forOthers || !(await findForwardingOff(evidence, host, device))) return null;
  // It is for this very pod, which has lost its address: somebody still knows it by that.
  const planned = ownerIn(evidence, packet.destination);
  if (planned && isSameHost(planned, host)) {
    const own = scene.interfacesOf(host).flatMap(({ addresses }) => addresses.map(({ address }) => address));
    const has = own.length === 0 ? 'no IPv4 address' : own.join(' and ');
    const lacks = `${scene.nameOf(host)} has ${has}; the packet is for ${packet.destination}, which it was to have`;
    return cause(own.length === 0 ? 'no-address' : 'wrong-address', host, lacks);
  }
  const before = way.findLast((step) => !isSameHost(step.sighting.host, host) && step.sighting.direction === 'out' && scene.isOwn(step.sighting.host, packet.source)); // biome-ignore format: one condition
  const text = `the packet for ${packet.destination} is handed to ${scene.nameOf(host)}, which is a pod and passes nothing on: the route before it names the wrong gateway`;
  return cause('wrong-gateway', (before ?? first).sighting.host, text);
}

/** Follows the packet from where it was lost by what the kernels would do with it. */
async function findOnTheWay(
  known: Knowledge,
  evidence: Evidence,
  missing: Missing,
  host: Host,
  last: Step | null,
): Promise<Found> {
  const { way, sender } = missing;
  // Around a packet in a tunnel is another one, and that is what the host has in hand.
  const destination = destinationOf(known, missing, last);
  const source = (last?.outer ?? last?.packet)?.source ?? '';
  const [receiver] = known.scene
    .ownersOf(destination)
    .sort((a, b) => Number(isSameHost(a, sender)) - Number(isSameHost(b, sender)));
  if (!receiver) return null;
  const incoming =
    last?.sighting.direction === 'in' && !isSameHost(receiver, host) ? routedBy(known, last) : null;
  // A packet that is at a bridge's port is followed from its sender: the bridge is between two cables.
  const start =
    last && incoming === null && last.sighting.direction === 'in' ? senderOnNode(known, way, host) : host;
  if (isSameHost(receiver, start)) return null;
  // A router that knows no pods is not to blame: somebody before it should not have sent it a pod's packet.
  const strayed =
    last?.outer === null && receiver.pod !== '' && known.testbed.plan.nodes[host.node]?.podCidr === null;
  if (strayed) {
    const before = await findFrom(evidence, sender, null, receiver, source, destination);
    if (before) return before;
  }
  const found = await findFrom(evidence, start, incoming, receiver, source, destination);
  if (!found) return null;
  const passed = way.slice(0, -1).map(({ sighting }) => known.scene.nameOf(sighting.host));
  const stillThere = found.where === known.scene.nameOf(host) || found.where === known.scene.nameOf(start);
  return passed.includes(found.where) && !stillThere ? null : found;
}

async function findFrom(
  evidence: Evidence,
  host: Host,
  incoming: string | null,
  receiver: Host,
  source: string,
  destination: string,
): Promise<Found> {
  if (incoming !== null) return travel(evidence, host, incoming, { receiver, source, destination });
  if (host.node === receiver.node) return findOneWayOnNode(evidence, host, receiver, destination);
  return findOneWay(evidence, host, receiver, destination);
}

/** The interface by which the packet entered the node's routing; null while it is still on a bridge. */
function routedBy({ scene }: Knowledge, { sighting, packet, outer }: Step): string | null {
  const { host, device } = sighting;
  if (host.pod !== '' || (outer && scene.isOwn(host, outer.destination))) return null;
  const bridge = scene.bridgeOf(host, device);
  if (bridge === null) return device;
  // A frame for the bridge's own address is for the node.
  const mac = scene.interfaceOf(host, bridge)?.mac;
  return mac !== undefined && sighting.frame.destinationMac === mac && packet.destination !== ''
    ? bridge
    : null;
}

function senderOnNode({ scene }: Knowledge, way: readonly Step[], host: Host): Host {
  const before = way.findLast(
    ({ sighting }) => sighting.host.node === host.node && !isSameHost(sighting.host, host),
  );
  return before && scene.nameOf(before.sighting.host) !== scene.nameOf(host) ? before.sighting.host : host;
}

/**
 * A pod's packet for an address that nobody has is at a router outside, and still the pod's: that the router knows no such
 * address is as it should be.
 */
function findUnmasqueraded({ testbed, scene }: Knowledge, evidence: Evidence, last: Step): Found {
  const { host, direction } = last.sighting;
  const { source, destination } = last.packet;
  const { cluster } = testbed.plan;
  const isNobodys = ![cluster.podCidr, cluster.serviceCidr].some((cidr) => contains(cidr, destination)) && scene.ownersOf(destination).length === 0; // biome-ignore format: one condition
  const pod = ownerIn(evidence, source);
  if (direction !== 'in' || last.outer !== null || !pod?.pod || !isNobodys) return null;
  if (!isOutside(evidence, host) || !knowsOutside(testbed.plan)) return null;
  return noMasquerade(pod, source, destination, ', which nobody outside answers');
}

/** Hosts beyond the networks of the cluster's nodes. */
function knowsOutside({ nodes }: Knowledge['testbed']['plan']): boolean {
  const networksOf = (name: string) =>
    Object.values(nodes[name]?.interfaces ?? {}).map(({ network }) => network);
  const inner = new Set(
    Object.keys(nodes)
      .filter((name) => nodes[name]?.podCidr !== null)
      .flatMap(networksOf),
  );
  return Object.keys(nodes).some((name) => networksOf(name).every((network) => !inner.has(network)));
}

/** What keeps a node from passing a packet on that it took in. */
async function findUnforwarded(
  known: Knowledge,
  evidence: Evidence,
  missing: Missing,
  last: Step,
): Promise<Found> {
  const { host } = last.sighting;
  const inHand = last.outer ?? last.packet;
  const { source } = inHand;
  const destination = destinationOf(known, missing, last);
  if (last.sighting.direction !== 'in') return null;
  // What is at a port of a bridge, and not for the node itself, is bridged and not routed.
  const incoming = routedBy(known, last);
  if (incoming === null) return null;
  const name = known.scene.nameOf(host);
  const filtered = await findReversePath(evidence, host, incoming, source);
  if (filtered) return filtered;
  if (known.scene.isOwn(host, destination)) return null;
  const off = await findForwardingOff(evidence, host, incoming);
  if (off) return off;
  const route = await evidence.route(host, destination, { device: incoming, source });
  if (route.kind === 'none') {
    const rejects = /Invalid argument|denied|No route to host|blackhole|prohibit/.test(route.error);
    return cause(
      rejects ? 'route-rejects' : 'no-route',
      host,
      `${name} has no way to ${destination} ("${route.error}")`,
    );
  }
  if (route.kind !== 'unicast') return null;
  const out = known.scene.interfaceOf(host, route.device);
  if (out && !out.up) return cause('link-down', host, `${out.name} in ${name} is down`);
  if (out && out.mtu < inHand.length && inHand.dontFragment) {
    const text = `${out.name} in ${name} takes packets of ${out.mtu} bytes, this one has ${inHand.length} and may not be cut`;
    return cause('mtu-mismatch', host, text);
  }
  return null;
}

/** The frame was sent, and the interface that it is for is down. */
function findReceiverDown({ scene }: Knowledge, { sighting }: Step): Found {
  if (sighting.direction !== 'out') return null;
  const { destinationMac } = sighting.frame;
  for (const { host, interfaces } of scene.places) {
    const down = interfaces.find(({ mac, up }) => mac === destinationMac && !up);
    if (down)
      return cause(
        'link-down',
        host,
        `${down.name} in ${scene.nameOf(host)}, which the frame is for, is down`,
      );
  }
  return null;
}

/** The packet became one for its own sender, behind the same port of the bridge that it came in by. */
async function findHairpinOff(known: Knowledge, { way, sender }: Missing, step: Step): Promise<Found> {
  const { sighting, packet } = step;
  const { scene } = known;
  const { host } = sighting;
  const port = way.findLast(
    (step) => isSameHost(step.sighting.host, host) && scene.bridgeOf(host, step.sighting.device) !== null,
  )?.sighting;
  if (port?.direction !== 'in') return null;
  const translated = translatedTo(known, step)?.address ?? packet.destination;
  if (!scene.isOwn(sender, translated)) return null;
  const { stdout } = await known.testbed.probe(host, [
    'bridge',
    '-j',
    '-d',
    'link',
    'show',
    'dev',
    port.device,
  ]);
  const [shown] = JSON.parse(stdout || '[]') as { hairpin?: boolean }[];
  if (shown?.hairpin !== false) return null;
  const text = `the packet is for ${scene.nameOf(sender)} itself now, behind ${port.device} of ${scene.nameOf(host)}, which it came in by; a bridge sends nothing back by the same port unless hairpin is on there`;
  return cause('hairpin-port-off', host, text);
}

/** Of so many, one goes where a third of them goes: (2/3)^12 is less than a hundredth. */
const TO_MEET_EACH = 12;

/** What neither a rule's trace nor the state tells: queues, filters of tc, and rules of the old iptables count. */
export async function findByCounters(
  known: Knowledge,
  evidence: Evidence,
  missing: Missing,
  host: Host,
): Promise<Found> {
  const node: Host = { node: host.node, pod: '' };
  const pods = known.scene.places.map((place) => place.host).filter((each) => each.node === host.node);
  const hosts = isSameHost(host, node) ? [node, ...pods.filter(({ pod }) => pod !== '')] : [host, node];
  const readLegacy = () => Promise.all(hosts.map((each) => readLegacyCounters(known.testbed, each)));
  const [stop, before] = await Promise.all([watchTrafficControl(evidence, hosts), readLegacy()]);
  // Whoever waits for an answer by ARP would hold the packet back instead of sending it.
  await Promise.allSettled(hosts.map((each) => forgetUnresolvedNeighbours(known.testbed, each)));
  const seen = missing.way.at(-1)?.packet.destination ?? missing.address;
  await missing.resend(seen === missing.address ? 1 : TO_MEET_EACH);
  const [dropped, after] = await Promise.all([stop(), readLegacy()]);
  if (dropped) return dropped;
  for (const [index, each] of hosts.entries()) {
    const [rule] = dropping(rulesThatCounted(before[index] ?? new Map(), after[index] ?? new Map()));
    if (rule) return cause('filter-drop', each, `${describeRule(rule)} drops it`);
  }
  return null;
}

/** A frame that was sent to a MAC address which nobody on the way has. */
function findStrangeFrame({ scene }: Knowledge, { sighting }: Step): Found {
  const { destinationMac } = sighting.frame;
  // lo, and devices without MAC addresses, put nothing there.
  if (!/[1-9a-f]/.test(destinationMac) || sighting.device === 'lo') return null;
  if (scene.ownerOfMac(destinationMac) !== null || destinationMac === 'ff:ff:ff:ff:ff:ff') return null;
  const text = `the frame is for ${destinationMac}, and no interface of the testbed has that MAC address`;
  return cause('wrong-neighbour', sighting.host, text);
}
