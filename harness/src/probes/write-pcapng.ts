/**
 * Writes a capture of many interfaces as one pcapng file (draft-ietf-opsawg-pcapng): Wireshark and tcpdump
 * show each packet with the name of its interface, `node1:eth0`.
 */
export interface PcapInterface {
  readonly name: string;
  /** LINKTYPE_*: 1 is Ethernet, 101 a bare IP packet. */
  readonly linkType: number;
}

export interface PcapPacket {
  /** Its interface: the place in the list. */
  readonly interface: number;
  readonly atNs: bigint;
  readonly length: number;
  readonly bytes: Buffer;
  readonly direction: 'in' | 'out';
}

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
const OPTION_END = 0;
const OPTION_IF_NAME = 2;
const OPTION_IF_TSRESOL = 9;
const OPTION_PACKET_FLAGS = 2;

export function writePcapng(interfaces: readonly PcapInterface[], packets: readonly PcapPacket[]): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(0x1a2b3c4d, 0);
  header.writeUInt16LE(1, 4);
  // The length of the section is not told.
  header.writeBigInt64LE(-1n, 8);
  return Buffer.concat([
    block(SECTION_HEADER, header),
    ...interfaces.map(({ name, linkType }) => {
      const body = Buffer.alloc(8);
      body.writeUInt16LE(linkType, 0);
      // 10 to the power of -9: nanoseconds.
      const options = [
        option(OPTION_IF_NAME, Buffer.from(name)),
        option(OPTION_IF_TSRESOL, Buffer.from([9])),
      ];
      return block(INTERFACE, Buffer.concat([body, ...options, option(OPTION_END)]));
    }),
    ...packets.map((packet) => {
      const body = Buffer.alloc(20);
      body.writeUInt32LE(packet.interface, 0);
      body.writeUInt32LE(Number(packet.atNs >> 32n), 4);
      body.writeUInt32LE(Number(packet.atNs & 0xffff_ffffn), 8);
      body.writeUInt32LE(packet.bytes.length, 12);
      body.writeUInt32LE(packet.length, 16);
      const flags = Buffer.alloc(4);
      flags.writeUInt32LE(packet.direction === 'in' ? 1 : 2, 0);
      const options = [option(OPTION_PACKET_FLAGS, flags), option(OPTION_END)];
      return block(ENHANCED_PACKET, Buffer.concat([body, padded(packet.bytes), ...options]));
    }),
  ]);
}

function block(type: number, body: Buffer): Buffer {
  const length = body.length + 12;
  const frame = Buffer.alloc(8);
  frame.writeUInt32LE(type, 0);
  frame.writeUInt32LE(length, 4);
  return Buffer.concat([frame, body, frame.subarray(4)]);
}

function option(code: number, value: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(code, 0);
  head.writeUInt16LE(value.length, 2);
  return Buffer.concat([head, padded(value)]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
