/**
 * Which of the packets that traces and captures tell of are a probe's own. Checks and other diagnoses send to the same
 * addresses at the same time, and a monitor tells of everything that anybody has marked. A probe is known by the ports
 * that it is sent from (ICMP: its id). NAT may give it another port; what stays then is its IP id and its length, and so
 * the other port is known too.
 */

import { isWithin, type ProbePorts } from '../probes/probe-ports.ts';
import type { TracedPacket } from './parse-met-rules.ts';

/** As much of a packet as tells whose it is. */
export type Sign = Pick<TracedPacket, 'id' | 'length' | 'sourcePort' | 'destinationPort' | 'icmpId'> &
  Partial<Pick<TracedPacket, 'source' | 'destination'>>;

export class ProbePackets {
  readonly #ports: ProbePorts;
  readonly #keys = new Set<string>();
  /** What NAT made of the ports. */
  readonly #otherPorts = new Set<number>();
  readonly #senders = new Set<string>();

  /** @param seen the packets of every namespace that the probe may have passed */
  constructor(ports: ProbePorts, seen: readonly Sign[]) {
    this.#ports = ports;
    const sent = seen.filter(
      ({ sourcePort, icmpId }) => isWithin(ports, sourcePort) || isWithin(ports, icmpId),
    );
    for (const packet of sent) {
      if (keyOf(packet) !== null) this.#keys.add(keyOf(packet) ?? '');
      if (packet.source) this.#senders.add(packet.source);
    }
    for (const packet of seen) {
      if (!this.#keys.has(keyOf(packet) ?? '')) continue;
      const port = packet.sourcePort ?? packet.icmpId;
      if (port !== null) this.#otherPorts.add(port);
      if (packet.source) this.#senders.add(packet.source);
    }
  }

  has(packet: Sign): boolean {
    const ports = [packet.sourcePort, packet.destinationPort, packet.icmpId];
    if (bearsPort(packet, this.#ports) || ports.some((port) => this.#otherPorts.has(port ?? 0))) return true;
    if (this.#keys.has(keyOf(packet) ?? '')) return true;
    // An ICMP error has none of these, and is for whoever has sent.
    return ports.every((port) => !port) && this.#senders.has(packet.destination ?? '');
  }
}

/** Whether the ports alone say that a packet is a probe's, or its answer. */
export function bearsPort({ sourcePort, destinationPort, icmpId }: Sign, ports: ProbePorts): boolean {
  return [sourcePort, destinationPort, icmpId].some((port) => isWithin(ports, port));
}

/** Where fragments are forbidden the id may be 0 (RFC 6864), and tells nothing. */
function keyOf({ id, length }: Sign): string | null {
  return id === 0 ? null : `${id} ${length}`;
}
