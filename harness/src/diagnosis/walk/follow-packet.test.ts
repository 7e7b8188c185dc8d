import type { Sighting } from '../../probes/capture-everywhere.ts';
import { decodeFrame } from '../../probes/decode-frame.ts';
import { findAnswer, followPacket, type Step, stepsOf, type Wiring } from './follow-packet.ts';

const MAC = { a: '02000000000a', b: '02000000000b', c: '02000000000c' };

/** A UDP datagram in an Ethernet frame. */
function frame(
  from: string,
  to: string,
  { id = 7, ttl = 64, ports = [62000, 53] as readonly number[], macs = MAC.b + MAC.a, text = 'hello' } = {},
): Buffer {
  const payload = Buffer.from(text);
  const ip = Buffer.alloc(28);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(28 + payload.length, 2);
  ip.writeUInt16BE(id, 4);
  ip.writeUInt8(ttl, 8);
  ip.writeUInt8(17, 9);
  for (const [at, address] of [[12, from], [16, to]] as const) Buffer.from(address.split('.').map(Number)).copy(ip, at); // biome-ignore format: pairs
  ip.writeUInt16BE(ports[0] ?? 0, 20);
  ip.writeUInt16BE(ports[1] ?? 0, 22);
  return Buffer.concat([Buffer.from(`${macs}0800`, 'hex'), ip, payload]);
}

let clock = 0n;

function seen(
  place: string,
  device: string,
  direction: 'in' | 'out',
  bytes: Buffer,
  forOthers = false,
): Sighting {
  const [node = '', pod = ''] = place.split('/');
  const decoded = decodeFrame(bytes);
  if (!decoded) throw new Error('not a frame');
  return {
    host: { node, pod },
    device,
    direction,
    forOthers,
    atNs: clock++,
    length: bytes.length,
    bytes,
    frame: decoded,
  };
}

const WIRING: Wiring = {
  peers: new Map(
    ['a', 'b', 'c'].flatMap((pod) => [
      [`node1/${pod} eth0`, `node1/ veth-${pod}`],
      [`node1/ veth-${pod}`, `node1/${pod} eth0`],
    ]),
  ),
  bridges: new Map(['a', 'b', 'c'].map((pod) => [`node1/ veth-${pod}`, 'cni0'])),
  uplinks: new Set(),
};

function way(steps: readonly Step[]): string[] {
  return steps.map(
    ({ sighting: { host, device, direction } }) => `${host.node}/${host.pod} ${device} ${direction}`,
  );
}

test('a packet is followed over a bridge; the copy that was flooded to another pod is none of it', () => {
  const packet = frame('10.0.0.1', '10.0.0.2');
  const steps = stepsOf([
    seen('node1/a', 'eth0', 'out', packet),
    seen('node1/', 'veth-a', 'in', packet, true),
    seen('node1/', 'veth-b', 'out', packet),
    seen('node1/b', 'eth0', 'in', packet),
    seen('node1/', 'veth-c', 'out', packet),
    seen('node1/c', 'eth0', 'in', packet, true),
  ]);
  expect(way(followPacket(steps, steps[0] as Step, WIRING))).toEqual([
    'node1/a eth0 out',
    'node1/ veth-a in',
    'node1/ veth-b out',
    'node1/b eth0 in',
  ]);
});

test('where nobody takes it, the way ends at the bridge that flooded it', () => {
  const packet = frame('10.0.0.1', '10.0.0.2');
  const steps = stepsOf([
    seen('node1/a', 'eth0', 'out', packet),
    seen('node1/', 'veth-a', 'in', packet, true),
    seen('node1/', 'veth-b', 'out', packet),
    seen('node1/b', 'eth0', 'in', packet, true),
  ]);
  expect(way(followPacket(steps, steps[0] as Step, WIRING))).toEqual([
    'node1/a eth0 out',
    'node1/ veth-a in',
  ]);
});

test('NAT changes addresses, ports and TTL; the packet stays the same one, and its answer is found', () => {
  const asked = frame('10.0.0.1', '10.96.0.10');
  const translated = frame('10.0.0.1', '10.0.0.2', { ports: [62000, 5353], ttl: 63 });
  const answer = frame('10.0.0.2', '10.0.0.1', { id: 9, ports: [5353, 62000], text: 'answer' });
  const steps = stepsOf([
    seen('node1/a', 'eth0', 'out', asked),
    seen('node1/', 'veth-a', 'in', asked, true),
    seen('node1/', 'cni0', 'in', asked),
    seen('node1/', 'cni0', 'out', translated),
    seen('node1/', 'veth-b', 'out', translated),
    seen('node1/b', 'eth0', 'in', translated),
    seen('node1/b', 'eth0', 'out', answer),
  ]);
  const followed = followPacket(steps, steps[0] as Step, WIRING);
  expect(way(followed).at(-1)).toBe('node1/b eth0 in');
  expect(findAnswer(steps, followed)).toEqual({ step: steps.at(-1), role: 'reply' });
});

test('the same packet sent once more by its sender is another walk', () => {
  const packet = frame('10.0.0.1', '10.0.0.2');
  const steps = stepsOf([
    seen('node1/a', 'eth0', 'out', packet),
    seen('node1/a', 'eth0', 'out', packet),
    seen('node1/', 'veth-a', 'in', packet, true),
  ]);
  expect(way(followPacket(steps, steps[0] as Step, WIRING))).toEqual(['node1/a eth0 out']);
});
