/**
 * Follows one packet through all that was captured. NAT changes addresses and ports, routers change the TTL, a
 * tunnel wraps the whole packet; what stays is what it is known by: TCP's sequence numbers, ICMP's sequence, the
 * IP id, and what is carried.
 */
import type { Sighting } from '../../probes/capture-everywhere.ts';
import type { DecodedPacket } from '../../probes/decode-frame.ts';
import { hostName } from '../../testbed/host.ts';

/** A packet at one interface; `outer` is what it was wrapped in there. */
export interface Step {
  readonly sighting: Sighting;
  readonly packet: DecodedPacket;
  readonly outer: DecodedPacket | null;
}

/** How interfaces hang together, as far as it is known. */
export interface Wiring {
  /** The other end of a cable: `HOST DEVICE` to `HOST DEVICE`. */
  readonly peers: ReadonlyMap<string, string>;
  /** The bridge that a port belongs to: `HOST DEVICE` to the bridge's name. */
  readonly bridges: ReadonlyMap<string, string>;
  /** Interfaces that lead to other nodes. */
  readonly uplinks: ReadonlySet<string>;
}

export function portKey({ host, device }: Pick<Sighting, 'host' | 'device'>): string {
  return `${host.node}/${host.pod} ${device}`;
}

/** Every IPv4 packet that was seen, the one inside where it was wrapped. */
export function stepsOf(sightings: readonly Sighting[]): Step[] {
  return sightings.flatMap((sighting) => {
    const { ip } = sighting.frame;
    if (!ip) return [];
    const inner = ip.vxlan?.inner.ip;
    return [inner ? { sighting, packet: inner, outer: ip } : { sighting, packet: ip, outer: null }];
  });
}

/** What a packet keeps wherever it goes. */
export function identityOf(packet: DecodedPacket): string {
  const { protocol, id, tcp, icmp, payload, payloadLength, fragmentOffset } = packet;
  if (fragmentOffset > 0) return `fragment ${protocol} ${id}`;
  if (tcp) return `tcp ${id} ${tcp.sequence} ${tcp.acknowledgement} ${tcp.flags} ${payloadLength}`;
  if (icmp?.about) return `error ${id} ${icmp.type} ${icmp.code} ${identityOf(icmp.about)}`;
  if (icmp) return `icmp ${id} ${icmp.type} ${icmp.sequence} ${payloadLength}`;
  return `${protocol} ${id} ${payload} ${payloadLength}`;
}

/**
 * The way of the packet that `first` begins with: each sighting hangs on the one that it came from; of several
 * ends, which a bridge's flooding makes, the one that got furthest counts.
 */
export function followPacket(steps: readonly Step[], first: Step, wiring: Wiring): Step[] {
  const identity = identityOf(first.packet);
  const begin = steps.indexOf(first);
  const parents = new Map<Step, Step | null>([[first, null]]);
  for (const step of steps.slice(begin + 1)) {
    if (identityOf(step.packet) !== identity) continue;
    // The same packet, sent once more by its sender.
    if (sameStop(step, first) && step.packet.ttl === first.packet.ttl) break;
    const parent = findParent([...parents.keys()], step, wiring);
    if (parent) parents.set(step, parent);
  }
  const all = [...parents.keys()];
  const isParent = new Set(parents.values());
  const ends = all.filter((step) => !isParent.has(step));
  const end = ends.reduce((best, step) =>
    progressOf(step, wiring) >= progressOf(best, wiring) ? step : best,
  );
  const way: Step[] = [];
  for (let step: Step | null = end; step; step = parents.get(step) ?? null) way.unshift(step);
  return withoutCopy(way, wiring);
}

/** Where nobody took the packet, the way ends at what flooded it: the copy for a stranger is none of it. */
function withoutCopy(way: readonly Step[], wiring: Wiring): Step[] {
  const end = way.at(-1);
  if (!end || way.length < 2 || !isIgnored(end, wiring)) return [...way];
  const before = way.at(-2);
  const flooded = before !== undefined && wiring.bridges.has(portKey(before.sighting)) && way.length > 2;
  return way.slice(0, flooded ? -2 : -1);
}

/** Copies of the packet that a bridge flooded to others, and that led nowhere. */
export function isIgnored(step: Step, wiring: Wiring): boolean {
  return (
    step.sighting.direction === 'in' && step.sighting.forOthers && !wiring.bridges.has(portKey(step.sighting))
  );
}

/** An end that somebody took is further than one that was flooded past somebody; of equals the later one. */
function progressOf(step: Step, wiring: Wiring): number {
  if (isIgnored(step, wiring)) return 0;
  return step.sighting.direction === 'in' ? 2 : 1;
}

function findParent(earlier: readonly Step[], step: Step, wiring: Wiring): Step | null {
  return earlier.findLast((candidate) => leadsTo(candidate, step, wiring)) ?? null;
}

function leadsTo(before: Step, after: Step, wiring: Wiring): boolean {
  const [from, to] = [before.sighting, after.sighting];
  const sameHost = hostName(from.host) === hostName(to.host) && from.host.node === to.host.node;
  const [fromKey, toKey] = [portKey(from), portKey(to)];
  if (to.direction === 'in' && (wiring.peers.has(toKey) || wiring.uplinks.has(toKey))) {
    if (from.direction !== 'out') return false;
    const peer = wiring.peers.get(toKey);
    if (peer !== undefined) return peer === fromKey;
    return !sameHost && wiring.uplinks.has(fromKey) && sameFrame(from, to);
  }
  if (!sameHost) return false;
  if (to.direction === 'in') return true;
  // What a bridge sends out of one port does not come from another port that it sent it out of.
  const bridge = wiring.bridges.get(toKey);
  const copied = from.direction === 'out' && bridge !== undefined && wiring.bridges.get(fromKey) === bridge;
  // What went out by a cable or to another node has left, unless it comes in again.
  const left = from.direction === 'out' && (wiring.peers.has(fromKey) || wiring.uplinks.has(fromKey));
  return !copied && !left && !(fromKey === toKey && from.direction === to.direction);
}

function sameFrame(a: Sighting, b: Sighting): boolean {
  return a.frame.sourceMac === b.frame.sourceMac && a.frame.destinationMac === b.frame.destinationMac;
}

function sameStop(a: Step, b: Step): boolean {
  return portKey(a.sighting) === portKey(b.sighting) && a.sighting.direction === b.sighting.direction;
}

/** The first packet that answers another: of the connection, or an ICMP error about it. */
export function findAnswer(
  steps: readonly Step[],
  way: readonly Step[],
): { step: Step; role: 'reply' | 'error' } | null {
  const end = way.at(-1);
  if (!end) return null;
  const from = steps.indexOf(end);
  for (const step of steps.slice(from + 1)) {
    if (step.sighting.direction !== 'out') continue;
    if (isReply(step.packet, end.packet)) return { step, role: 'reply' };
  }
  const identities = way.map(({ packet }) => packet);
  for (const step of steps.slice(steps.indexOf(way[0] as Step))) {
    const about = step.packet.icmp?.about;
    if (about && identities.some((packet) => isAbout(about, packet))) return { step, role: 'error' };
  }
  return null;
}

function isReply(reply: DecodedPacket, request: DecodedPacket): boolean {
  if (reply.protocol !== request.protocol || reply.source !== request.destination) return false;
  if (reply.destination !== request.source) return false;
  if (request.tcp && reply.tcp) {
    const length = request.payloadLength + (request.tcp.flags.includes('S') ? 1 : 0);
    return reply.tcp.acknowledgement === (request.tcp.sequence + length) % 2 ** 32;
  }
  if (request.icmp) return reply.icmp?.type === 0 && reply.icmp.id === request.icmp.id;
  return reply.sourcePort === request.destinationPort && reply.destinationPort === request.sourcePort;
}

/** An error quotes the packet as it was where the error was made. */
function isAbout(quoted: DecodedPacket, packet: DecodedPacket): boolean {
  if (quoted.protocol !== packet.protocol || quoted.id !== packet.id) return false;
  if (quoted.tcp && packet.tcp) return quoted.tcp.sequence === packet.tcp.sequence;
  return quoted.destination === packet.destination || quoted.source === packet.source;
}
