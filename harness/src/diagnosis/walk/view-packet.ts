/** A packet as it is shown: in words that a reader of tcpdump knows. */
import type { DecodedPacket } from '../../probes/decode-frame.ts';
import { endOf } from './explain-steps.ts';
import type { Step } from './follow-packet.ts';
import type { OuterView, PacketView } from './walk.ts';

const FLAG_NAMES: Readonly<Record<string, string>> = { S: 'SYN', F: 'FIN', R: 'RST', P: 'PSH', '.': 'ACK' };
/** ICMP types and codes (RFC 792, RFC 1812). */
const UNREACHABLE: Readonly<Record<number, string>> = {
  0: 'network unreachable',
  1: 'host unreachable',
  2: 'protocol unreachable',
  3: 'port unreachable',
  4: 'fragmentation needed',
  9: 'network prohibited',
  10: 'host prohibited',
  13: 'administratively prohibited',
};

export function viewPacket({ packet, outer, sighting }: Step): PacketView {
  const frame = outer ? (sighting.frame.ip?.vxlan?.inner ?? sighting.frame) : sighting.frame;
  return {
    sourceMac: frame.sourceMac,
    destinationMac: frame.destinationMac,
    source: packet.source,
    destination: packet.destination,
    sourcePort: packet.sourcePort,
    destinationPort: packet.destinationPort,
    protocol: protocolOf(packet),
    what: describeKind(packet),
    ttl: packet.ttl,
    length: packet.length,
    outer: outer ? viewOuter(outer) : null,
  };
}

function viewOuter(outer: DecodedPacket): OuterView {
  const { source, destination, ttl, length } = outer;
  return { source, destination, port: outer.destinationPort ?? 0, vni: outer.vxlan?.vni ?? 0, ttl, length };
}

export function protocolOf({ protocol }: DecodedPacket): PacketView['protocol'] {
  return protocol === 6 ? 'tcp' : protocol === 17 ? 'udp' : protocol === 1 ? 'icmp' : 'other';
}

/** `SYN, ACK`, `echo request`, `port unreachable`, `512 bytes`. */
export function describeKind(packet: DecodedPacket): string {
  const { tcp, icmp, fragmentOffset, payloadLength } = packet;
  if (fragmentOffset > 0) return `fragment at ${fragmentOffset}`;
  if (tcp) {
    const flags = [...tcp.flags].map((flag) => FLAG_NAMES[flag] ?? flag).join(', ');
    return payloadLength > 0 ? `${flags}, ${payloadLength} bytes` : flags;
  }
  if (icmp?.type === 8) return 'echo request';
  if (icmp?.type === 0) return 'echo reply';
  if (icmp?.type === 3) {
    const text = UNREACHABLE[icmp.code] ?? `unreachable, code ${icmp.code}`;
    return icmp.mtu > 0 ? `${text}: MTU ${icmp.mtu}` : text;
  }
  if (icmp?.type === 5) return 'redirect';
  if (icmp?.type === 11) return 'time exceeded';
  if (icmp) return `ICMP type ${icmp.type}`;
  return payloadLength === 1 ? '1 byte' : `${payloadLength} bytes`;
}

/** `TCP SYN 10.244.1.2:43210 > 10.244.2.2:8080`. */
export function summarize(packet: DecodedPacket): string {
  const ends = `${endOf(packet.source, packet.sourcePort)} > ${endOf(packet.destination, packet.destinationPort)}`;
  return `${protocolOf(packet).toUpperCase()} ${describeKind(packet)} ${ends}`;
}
