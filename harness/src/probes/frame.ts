/** Frames that no kernel would send for us, byte by byte, and a way to put them on a cable. */
import { CommandError } from '../errors.ts';
import { type Host, hostName } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';

export interface FrameEnds {
  readonly fromMac: string;
  readonly toMac: string;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** An opening TCP segment (RFC 9293, section 3.1). */
export function tcpSyn(ends: FrameEnds): Buffer {
  const segment = Buffer.alloc(20);
  segment.writeUInt16BE(ends.sourcePort, 0);
  segment.writeUInt16BE(ends.destinationPort, 2);
  segment.writeUInt32BE(1, 4);
  segment.writeUInt8(5 << 4, 12);
  segment.writeUInt8(0x02, 13);
  segment.writeUInt16BE(0xffff, 14);
  const pseudo = Buffer.concat([
    bytesOf(ends.source),
    bytesOf(ends.destination),
    Buffer.from([0, 6, 0, segment.length]),
  ]);
  segment.writeUInt16BE(checksum(Buffer.concat([pseudo, segment])), 16);
  return ethernet(ends, 6, segment);
}

/** A datagram; a checksum of zero says that there is none (RFC 768). */
export function udpDatagram(ends: FrameEnds, payload: string): Buffer {
  const data = Buffer.from(payload);
  const datagram = Buffer.concat([Buffer.alloc(8), data]);
  datagram.writeUInt16BE(ends.sourcePort, 0);
  datagram.writeUInt16BE(ends.destinationPort, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  return ethernet(ends, 17, datagram);
}

/** Sends a frame as it is, past the routing tables of the host (man 1 socat, INTERFACE). */
export async function sendFrame(testbed: Testbed, host: Host, device: string, frame: Buffer): Promise<void> {
  const octal = [...frame].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  const argv = ['sh', '-c', 'printf "$1" | socat -u - "INTERFACE:$2"', '-', octal, device];
  const { exitCode, stderr } = await testbed.probe(host, argv);
  if (exitCode !== 0)
    throw new CommandError(hostName(host), ['socat', `INTERFACE:${device}`], exitCode, stderr);
}

function ethernet(
  { fromMac, toMac, source, destination }: FrameEnds,
  protocol: number,
  payload: Buffer,
): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt8(64, 8);
  header.writeUInt8(protocol, 9);
  bytesOf(source).copy(header, 12);
  bytesOf(destination).copy(header, 16);
  header.writeUInt16BE(checksum(header), 10);
  const macs = [toMac, fromMac].map((mac) => Buffer.from(mac.replaceAll(':', ''), 'hex'));
  return Buffer.concat([...macs, Buffer.from([0x08, 0x00]), header, payload]);
}

function bytesOf(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** The Internet checksum (RFC 1071). */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
