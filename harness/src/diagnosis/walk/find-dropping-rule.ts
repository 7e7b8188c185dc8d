/** The rule that dropped the very packet of a walk, or its answer: proof by itself. */
import type { DecodedPacket } from '../../probes/decode-frame.ts';
import type { NamedCause } from '../../probes/symptom.ts';
import type { Host } from '../../testbed/host.ts';
import { cause } from '../evidence.ts';
import type { MetRule, TracedPacket } from '../parse-met-rules.ts';
import { describeRule, dropping } from '../trace-rules.ts';
import { isSameHost, type Knowledge } from './explain-steps.ts';
import { unansweredArp } from './find-arp-silence.ts';
import type { Missing } from './missing.ts';

export interface Dropped {
  readonly host: Host;
  readonly cause: NamedCause;
}

export function findDroppingRule(known: Knowledge, missing: Missing): Dropped | null {
  const { way, sender } = missing;
  const hosts = [...way.map(({ sighting }) => sighting.host), sender];
  const unique = hosts.filter((host, index) => hosts.findIndex((other) => isSameHost(other, host)) === index);
  for (const host of unique.reverse()) {
    const packets = way
      .filter(({ sighting }) => isSameHost(sighting.host, host))
      .flatMap(({ packet, outer }) => (outer ? [packet, outer] : [packet]));
    const rule = dropping(known.metIn(host)).find((met) => {
      const traced = (met as MetRule).packet;
      return traced !== null && isOfPacket(traced, packets, missing);
    });
    if (rule) return { host, cause: cause('filter-drop', host, `${describeRule(rule)} drops it`) };
  }
  return null;
}

/** @param packets the packet as it was seen in the host of the rule; where it was seen nowhere, the probe itself counts. */
export function isOfPacket(
  traced: TracedPacket,
  packets: readonly DecodedPacket[],
  { address, port, protocol, sourcePort }: Pick<Missing, 'address' | 'port' | 'protocol' | 'sourcePort'>,
): boolean {
  if (packets.length === 0) {
    if (traced.destination !== address) return false;
    if (protocol === 'icmp') return traced.icmpId === sourcePort;
    return traced.sourcePort === sourcePort && traced.destinationPort === port;
  }
  return packets.some((packet) => isSame(traced, packet) || isAnswerTo(traced, packet));
}

/** NAT changes one end at a time, and leaves the IP id; an id of 0 is everybody's (RFC 6864). */
function isSame(traced: TracedPacket, packet: DecodedPacket): boolean {
  if (traced.id !== packet.id) return false;
  const [from, to] = [traced.source === packet.source, traced.destination === packet.destination];
  if (packet.id !== 0) return from || to;
  return from && to && traced.sourcePort === packet.sourcePort && isSameIcmp(traced, packet);
}

function isAnswerTo(traced: TracedPacket, packet: DecodedPacket): boolean {
  if (traced.source !== packet.destination || traced.destination !== packet.source) return false;
  // An ICMP error has neither ports nor an id of its own.
  if (traced.protocol === 'icmp' && packet.protocol !== 1) return !traced.icmpId;
  return (
    traced.sourcePort === packet.destinationPort &&
    traced.destinationPort === packet.sourcePort &&
    isSameIcmp(traced, packet)
  );
}

function isSameIcmp({ icmpId }: TracedPacket, { icmp }: DecodedPacket): boolean {
  return !icmpId || !icmp || icmpId === icmp.id;
}

/** Rules of families bridge and arp see ARP; a trace prints no IP packet for that. */
export function findArpDropped(known: Knowledge, host: Host): NamedCause | null {
  const near = [host, { node: host.node, pod: '' }, ...known.scene.places.map((place) => place.host)].filter(
    (each, index, all) =>
      each.node === host.node && all.findIndex((other) => isSameHost(other, each)) === index,
  );
  for (const each of near) {
    const rule = dropping(known.metIn(each)).find(
      (met) => (met as MetRule).packet === null && ['bridge', 'arp', 'netdev'].includes(met.family),
    );
    if (rule && unansweredArp(known, host))
      return cause('filter-drop', each, `${describeRule(rule)} drops ARP`);
  }
  return null;
}
