import { tcpSyn, udpDatagram } from './frame.ts';

const ends = {
  fromMac: '02:00:00:00:00:64',
  toMac: '02:00:00:00:00:0b',
  source: '192.168.56.100',
  destination: '127.0.0.1',
  sourcePort: 40000,
  destinationPort: 80,
};

/** What a receiver does: over a packet with its checksum in place, the sum is all ones (RFC 1071). */
function sumOf(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  return (sum & 0xffff) + (sum >>> 16);
}

test('a frame names both ends, and its checksums hold', () => {
  const frame = tcpSyn(ends);
  expect(frame.subarray(0, 14).toString('hex')).toBe('02000000000b0200000000640800');
  const [header, segment] = [frame.subarray(14, 34), frame.subarray(34)];
  expect(sumOf(header)).toBe(0xffff);
  const pseudo = Buffer.concat([header.subarray(12, 20), Buffer.from([0, 6, 0, 20])]);
  expect(sumOf(Buffer.concat([pseudo, segment]))).toBe(0xffff);
});

test('a datagram carries its payload', () => {
  const frame = udpDatagram(ends, 'hi');
  expect(frame.subarray(14 + 20 + 8).toString()).toBe('hi');
  expect(frame.readUInt16BE(14 + 20 + 4)).toBe(10);
});
