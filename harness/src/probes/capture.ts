/** What passes an interface while something is sent: frames, decoded down to the packet inside a VXLAN. */
import { TestbedError } from '../errors.ts';
import type { Host } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';

export interface Frame {
  readonly sourceMac: string;
  readonly destinationMac: string;
  /** 0x0800 is IPv4, 0x0806 ARP. */
  readonly etherType: number;
  readonly packet: Packet | null;
  readonly arp: Arp | null;
}

/** Who asks or answers, and whom (RFC 826). */
export interface Arp {
  readonly sender: string;
  readonly target: string;
  readonly senderMac: string;
  /** Zeroes in a question. */
  readonly targetMac: string;
}

/** An IPv4 packet (RFC 791). */
export interface Packet {
  readonly source: string;
  readonly destination: string;
  readonly ttl: number;
  /** 1 ICMP, 4 IP in IP, 6 TCP, 17 UDP, 47 GRE. */
  readonly protocol: number;
  readonly length: number;
  /** A piece of a larger packet: the flag "more fragments", or an offset. */
  readonly fragment: boolean;
  /** The IP id, which NAT leaves alone. */
  readonly id: number;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  /** Of an echo request or reply. */
  readonly icmpId: number | null;
  readonly vxlan: Vxlan | null;
}

/** What a UDP datagram carries when it is VXLAN (RFC 7348, section 5). */
export interface Vxlan {
  readonly vni: number;
  readonly inner: Frame;
}

/** Where to listen: an interface of a host, or the fabric's own port at the other end of a node's cable. */
export type Tap = { readonly host: Host; readonly device: string } | { readonly port: string };

const READY_MS = 10_000;
/** Enough for both headers of a VXLAN packet. */
const SNAP_BYTES = 160;

/** How long a capture waits for what was sent: on one machine it takes microseconds, and on a busy one it is told late. */
export function settleMs({ patienceMs }: { readonly patienceMs: number }): number {
  return 0.4 * patienceMs;
}

/**
 * Where the last packet sent is one that certainly passes: how long it is waited for. With it, all that passed before it
 * has been told, however busy the machine is.
 */
export const MARK_WITHIN_MS = 5_000;

/**
 * Captures while `act` runs, and then until `enough` says so or the time is up. Frames come in the order in
 * which they passed: once the last expected one is there, everything before it is too.
 */
export async function captureWhile(
  testbed: Testbed,
  tap: Tap,
  filter: string,
  act: () => Promise<unknown>,
  enough: (frames: readonly Frame[]) => boolean,
  settleMs: number,
): Promise<Frame[]> {
  const device = 'port' in tap ? tap.port : tap.device;
  // As root: the fabric may not end the processes of another user, which tcpdump otherwise becomes.
  const command = 'exec tcpdump -Z root -i "$1" --immediate-mode -l -n -t -xx -s "$2" "$3" 2>&1';
  const argv = ['sh', '-c', command, '-', device, String(SNAP_BYTES), filter];
  const ready = Promise.withResolvers<void>();
  let printed = '';
  let listening = false;
  let onPrinted = () => {};
  const options = {
    deadlineMs: Number.POSITIVE_INFINITY,
    onOutput: (text: string) => {
      printed += text;
      if (!listening && printed.includes('listening on')) {
        listening = true;
        ready.resolve();
      }
      onPrinted();
    },
  };
  const job =
    'port' in tap ? testbed.startInFabric(argv, options) : testbed.startProbe(tap.host, argv, options);
  job.done.then(
    () => ready.reject(new TestbedError(`The capture on ${device} ended: ${printed}`)),
    (error) => ready.reject(error),
  );
  const timer = setTimeout(
    () =>
      ready.reject(
        new TestbedError(`The capture on ${device} did not begin within ${READY_MS} ms: ${printed}`),
      ),
    READY_MS,
  );
  try {
    await ready.promise;
    await act();
    const settled = Promise.withResolvers<void>();
    const stop = setTimeout(settled.resolve, settleMs);
    onPrinted = () => {
      if (enough(parseFrames(printed))) settled.resolve();
    };
    onPrinted();
    await settled.promise;
    clearTimeout(stop);
  } finally {
    clearTimeout(timer);
    job.kill();
    await Promise.allSettled([job.done]);
  }
  return parseFrames(printed);
}

/** Reads what `tcpdump -xx` printed; a frame whose lines are not all there yet is cut short or left out. */
export function parseFrames(printed: string): Frame[] {
  const frames: Frame[] = [];
  let hex = '';
  const flush = () => {
    const frame = hex ? readFrame(Buffer.from(hex, 'hex')) : null;
    if (frame) frames.push(frame);
    hex = '';
  };
  for (const line of printed.split('\n')) {
    const match = /^\s+0x([0-9a-f]{4}):\s+(.*)$/.exec(line);
    if (!match) continue;
    if (match[1] === '0000') flush();
    hex += (match[2] ?? '').replaceAll(' ', '');
  }
  flush();
  return frames;
}

const ETHERNET_BYTES = 14;
const VXLAN_BYTES = 8;

function readFrame(bytes: Buffer): Frame | null {
  if (bytes.length < ETHERNET_BYTES) return null;
  const etherType = bytes.readUInt16BE(12);
  return {
    destinationMac: macAt(bytes, 0),
    sourceMac: macAt(bytes, 6),
    etherType,
    packet: etherType === 0x0800 ? readPacket(bytes.subarray(ETHERNET_BYTES)) : null,
    arp: etherType === 0x0806 ? readArp(bytes.subarray(ETHERNET_BYTES)) : null,
  };
}

/** Over Ethernet and IPv4: 8 bytes, and then a MAC address and an address of each. */
function readArp(bytes: Buffer): Arp | null {
  const addressAt = (at: number) => [...bytes.subarray(at, at + 4)].join('.');
  if (bytes.length < 28) return null;
  return {
    sender: addressAt(14),
    target: addressAt(24),
    senderMac: macAt(bytes, 8),
    targetMac: macAt(bytes, 18),
  };
}

function readPacket(bytes: Buffer): Packet | null {
  if (bytes.length < 20) return null;
  const headerBytes = (bytes.readUInt8(0) & 0x0f) * 4;
  const protocol = bytes.readUInt8(9);
  const offset = bytes.readUInt16BE(6);
  const first = (offset & 0x1fff) === 0;
  const payload = bytes.subarray(headerBytes);
  const hasPorts = first && (protocol === 6 || protocol === 17) && payload.length >= 4;
  const isEcho = first && protocol === 1 && payload.length >= 6 && [0, 8].includes(payload.readUInt8(0));
  return {
    source: [...bytes.subarray(12, 16)].join('.'),
    destination: [...bytes.subarray(16, 20)].join('.'),
    ttl: bytes.readUInt8(8),
    protocol,
    length: bytes.readUInt16BE(2),
    fragment: (offset & 0x3fff) !== 0,
    id: bytes.readUInt16BE(4),
    sourcePort: hasPorts ? payload.readUInt16BE(0) : null,
    destinationPort: hasPorts ? payload.readUInt16BE(2) : null,
    icmpId: isEcho ? payload.readUInt16BE(4) : null,
    vxlan: first && protocol === 17 ? readVxlan(payload.subarray(8)) : null,
  };
}

/** Known by its header, not its port: a VXLAN on another port is still one. */
function readVxlan(bytes: Buffer): Vxlan | null {
  if (bytes.length < VXLAN_BYTES + ETHERNET_BYTES) return null;
  if (bytes.readUInt8(0) !== 0x08 || bytes.readUIntBE(1, 3) !== 0 || bytes.readUInt8(7) !== 0) return null;
  const inner = readFrame(bytes.subarray(VXLAN_BYTES));
  return inner && (inner.etherType === 0x0800 || inner.etherType === 0x0806)
    ? { vni: bytes.readUIntBE(4, 3), inner }
    : null;
}

function macAt(bytes: Buffer, at: number): string {
  return [...bytes.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
