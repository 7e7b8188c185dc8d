/** Decodes a captured frame as far as a packet has to be told from others: Ethernet, ARP, IPv4, ICMP, TCP, UDP, VXLAN. */
import { createHash } from 'node:crypto';

export interface DecodedFrame {
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly arp: DecodedArp | null;
  readonly ip: DecodedPacket | null;
}

/** RFC 826. */
export interface DecodedArp {
  readonly kind: 'request' | 'reply';
  readonly senderMac: string;
  readonly senderAddress: string;
  readonly targetAddress: string;
}

/** RFC 791. */
export interface DecodedPacket {
  readonly source: string;
  readonly destination: string;
  readonly id: number;
  readonly ttl: number;
  readonly length: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** In bytes; 0 for a packet that is whole, and for the first fragment. */
  readonly fragmentOffset: number;
  readonly protocol: number;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  readonly tcp: DecodedTcp | null;
  readonly icmp: DecodedIcmp | null;
  /** What a UDP datagram carries when it is VXLAN (RFC 7348, section 5). */
  readonly vxlan: { readonly vni: number; readonly inner: DecodedFrame } | null;
  /** A short digest of how what the transport carries begins: NAT leaves it as it is. */
  readonly payload: string;
  readonly payloadLength: number;
}

export interface DecodedTcp {
  readonly sequence: number;
  readonly acknowledgement: number;
  /** `S`, `S.`, `.`, `P.`, `F.`, `R`: as tcpdump writes them. */
  readonly flags: string;
}

export interface DecodedIcmp {
  readonly type: number;
  readonly code: number;
  /** Of an echo request or reply. */
  readonly id: number;
  readonly sequence: number;
  /** Of "fragmentation needed": the size that would fit. */
  readonly mtu: number;
  /** The packet that an error is about, as far as it is quoted. */
  readonly about: DecodedPacket | null;
}

const ETHERNET_BYTES = 14;
const VXLAN_BYTES = 8;
/** The first fragment of a wrapped packet holds at least as much of it. */
const DIGESTED_BYTES = 64;
const TCP_FLAGS: readonly (readonly [number, string])[] = [
  [0x02, 'S'],
  [0x01, 'F'],
  [0x04, 'R'],
  [0x08, 'P'],
  [0x10, '.'],
];

export function decodeFrame(bytes: Buffer): DecodedFrame | null {
  if (bytes.length < ETHERNET_BYTES) return null;
  const etherType = bytes.readUInt16BE(12);
  const rest = bytes.subarray(ETHERNET_BYTES);
  return {
    destinationMac: macAt(bytes, 0),
    sourceMac: macAt(bytes, 6),
    arp: etherType === 0x0806 ? decodeArp(rest) : null,
    ip: etherType === 0x0800 ? decodePacket(rest) : null,
  };
}

/** For devices whose frames have no Ethernet header (tunnels of IP). */
export function decodeBare(bytes: Buffer): DecodedFrame | null {
  const ip = decodePacket(bytes);
  return ip ? { sourceMac: '', destinationMac: '', arp: null, ip } : null;
}

function decodeArp(bytes: Buffer): DecodedArp | null {
  if (bytes.length < 28 || bytes.readUInt16BE(2) !== 0x0800) return null;
  const operation = bytes.readUInt16BE(6);
  if (operation !== 1 && operation !== 2) return null;
  return {
    kind: operation === 1 ? 'request' : 'reply',
    senderMac: macAt(bytes, 8),
    senderAddress: addressAt(bytes, 14),
    targetAddress: addressAt(bytes, 24),
  };
}

function decodePacket(bytes: Buffer): DecodedPacket | null {
  if (bytes.length < 20 || bytes.readUInt8(0) >> 4 !== 4) return null;
  const headerBytes = (bytes.readUInt8(0) & 0x0f) * 4;
  const length = bytes.readUInt16BE(2);
  const fragment = bytes.readUInt16BE(6);
  const fragmentOffset = (fragment & 0x1fff) * 8;
  const protocol = bytes.readUInt8(9);
  // Ethernet pads short frames.
  const transport = bytes.subarray(headerBytes, Math.max(length, headerBytes));
  const first = fragmentOffset === 0;
  const hasPorts = first && (protocol === 6 || protocol === 17) && transport.length >= 8;
  const tcp = hasPorts && protocol === 6 ? decodeTcp(transport) : null;
  const icmp = first && protocol === 1 ? decodeIcmp(transport) : null;
  const headerLength = tcp && transport.length > 12 ? (transport.readUInt8(12) >> 4) * 4 : 8;
  const payload = first ? transport.subarray(headerLength) : transport;
  return {
    source: addressAt(bytes, 12),
    destination: addressAt(bytes, 16),
    id: bytes.readUInt16BE(4),
    ttl: bytes.readUInt8(8),
    length,
    dontFragment: (fragment & 0x4000) !== 0,
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset,
    protocol,
    sourcePort: hasPorts ? transport.readUInt16BE(0) : null,
    destinationPort: hasPorts ? transport.readUInt16BE(2) : null,
    tcp,
    icmp,
    vxlan: first && protocol === 17 ? decodeVxlan(transport.subarray(8)) : null,
    payload: createHash('sha1').update(payload.subarray(0, DIGESTED_BYTES)).digest('base64url').slice(0, 12),
    payloadLength: Math.max(0, length - headerBytes - (first ? headerLength : 0)),
  };
}

function decodeTcp(bytes: Buffer): DecodedTcp {
  const bits = bytes.length > 13 ? bytes.readUInt8(13) : 0;
  return {
    sequence: bytes.readUInt32BE(4),
    acknowledgement: bytes.length >= 12 ? bytes.readUInt32BE(8) : 0,
    flags: TCP_FLAGS.filter(([bit]) => bits & bit)
      .map(([, letter]) => letter)
      .join(''),
  };
}

/** RFC 792; RFC 1191 for the size in "fragmentation needed". */
function decodeIcmp(bytes: Buffer): DecodedIcmp | null {
  if (bytes.length < 8) return null;
  const [type, code] = [bytes.readUInt8(0), bytes.readUInt8(1)];
  const isError = [3, 4, 5, 11, 12].includes(type);
  return {
    type,
    code,
    id: isError ? 0 : bytes.readUInt16BE(4),
    sequence: isError ? 0 : bytes.readUInt16BE(6),
    mtu: type === 3 && code === 4 ? bytes.readUInt16BE(6) : 0,
    about: isError ? decodePacket(bytes.subarray(8)) : null,
  };
}

/** Known by its header, not its port: a VXLAN on another port is still one. */
function decodeVxlan(bytes: Buffer): { vni: number; inner: DecodedFrame } | null {
  if (bytes.length < VXLAN_BYTES + ETHERNET_BYTES) return null;
  if (bytes.readUInt8(0) !== 0x08 || bytes.readUIntBE(1, 3) !== 0 || bytes.readUInt8(7) !== 0) return null;
  const inner = decodeFrame(bytes.subarray(VXLAN_BYTES));
  return inner && (inner.ip || inner.arp) ? { vni: bytes.readUIntBE(4, 3), inner } : null;
}

function macAt(bytes: Buffer, at: number): string {
  return [...bytes.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function addressAt(bytes: Buffer, at: number): string {
  return [...bytes.subarray(at, at + 4)].join('.');
}
