import type { DecodedPacket } from '../../probes/decode-frame.ts';
import type { TracedPacket } from '../parse-met-rules.ts';
import { isOfPacket } from './find-dropping-rule.ts';

const probe = { address: '10.0.0.2', port: 80, protocol: 'tcp', sourcePort: 61_000 } as const;

const traced = (change: Partial<TracedPacket> = {}): TracedPacket => ({
  source: '10.0.0.1',
  destination: '10.0.0.2',
  id: 7,
  length: 60,
  protocol: 'tcp',
  sourcePort: 61_000,
  destinationPort: 80,
  icmpId: null,
  ...change,
});

const packet = (change: Partial<DecodedPacket> = {}): DecodedPacket => ({
  source: '10.0.0.1',
  destination: '10.0.0.2',
  id: 7,
  ttl: 64,
  length: 60,
  dontFragment: true,
  moreFragments: false,
  fragmentOffset: 0,
  protocol: 6,
  sourcePort: 61_000,
  destinationPort: 80,
  tcp: { sequence: 1, acknowledgement: 0, flags: 'S' },
  icmp: null,
  vxlan: null,
  payload: '',
  payloadLength: 0,
  ...change,
});

test('a packet that was never seen is the one from our port to the port that was asked', () => {
  expect(isOfPacket(traced(), [], probe)).toBe(true);
  expect(isOfPacket(traced({ sourcePort: 40_000 }), [], probe)).toBe(false);
  expect(isOfPacket(traced({ destinationPort: 443 }), [], probe)).toBe(false);
  const ping = { ...probe, protocol: 'icmp' } as const;
  expect(isOfPacket(traced({ sourcePort: null, destinationPort: null, icmpId: 61_000 }), [], ping)).toBe(
    true,
  );
  expect(isOfPacket(traced({ sourcePort: null, destinationPort: null, icmpId: 4 }), [], ping)).toBe(false);
});

test('the IP id tells the packet, whatever NAT did to one of its ends', () => {
  expect(isOfPacket(traced({ destination: '10.96.0.20' }), [packet()], probe)).toBe(true);
  expect(isOfPacket(traced({ id: 8 }), [packet()], probe)).toBe(false);
  expect(isOfPacket(traced({ source: '10.9.9.9', destination: '10.8.8.8' }), [packet()], probe)).toBe(false);
  expect(isOfPacket(traced({ id: 0, sourcePort: 4 }), [packet({ id: 0 })], probe)).toBe(false);
});

test('of the answers only the one that goes back to our port counts', () => {
  const back = { source: '10.0.0.2', destination: '10.0.0.1', id: 99 };
  expect(isOfPacket(traced({ ...back, sourcePort: 80, destinationPort: 61_000 }), [packet()], probe)).toBe(
    true,
  );
  expect(isOfPacket(traced({ ...back, sourcePort: 80, destinationPort: 40_000 }), [packet()], probe)).toBe(
    false,
  );
  const error = { ...back, protocol: 'icmp', sourcePort: null, destinationPort: null };
  expect(isOfPacket(traced(error), [packet()], probe)).toBe(true);
  expect(isOfPacket(traced({ ...error, icmpId: 12 }), [packet()], probe)).toBe(false);
});
