import { Interpreter } from './monitor.ts';

/** An attribute of a netlink message: its number, then text, bytes, a number or attributes in it. */
type Attribute = readonly [number, string | Buffer | number | readonly Attribute[]];

function attributes(list: readonly Attribute[]): Buffer {
  return Buffer.concat(
    list.map(([number, value]) => {
      const data =
        typeof value === 'string'
          ? Buffer.from(`${value}\0`)
          : typeof value === 'number'
            ? u32(value)
            : Buffer.isBuffer(value)
              ? value
              : attributes(value as readonly Attribute[]);
      const header = Buffer.alloc(4);
      header.writeUInt16LE(4 + data.length, 0);
      header.writeUInt16LE(number, 2);
      return Buffer.concat([header, data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
    }),
  );
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value, 0);
  return bytes;
}

function line(
  kind: 'route' | 'rules',
  place: string,
  type: number,
  body: Buffer,
  list: readonly Attribute[],
): string {
  const payload = Buffer.concat([body, attributes(list)]);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + payload.length, 0);
  header.writeUInt16LE(type, 4);
  return `${kind}\t${place}\t${Buffer.concat([header, payload]).toString('hex')}`;
}

interface LinkState {
  readonly up?: boolean;
  readonly master?: number;
  readonly mac?: string;
  readonly kind?: string;
}

function link(
  index: number,
  name: string,
  { up = false, master, mac = '02:00:00:00:00:01', kind = 'veth' }: LinkState,
  type = 16,
): string {
  const body = Buffer.alloc(16);
  body.writeInt32LE(index, 4);
  body.writeUInt32LE(up ? 1 : 0, 8);
  return line('route', 'node1\t', type, body, [
    [3, name],
    [1, Buffer.from(mac.replaceAll(':', ''), 'hex')],
    [18, [[1, kind]]],
    ...(master === undefined ? [] : [[10, master] as const]),
  ]);
}

function address(index: number, text: string, type = 20): string {
  const body = Buffer.from([2, 24, 0, 0, 0, 0, 0, 0]);
  body.writeUInt32LE(index, 4);
  return line('route', 'node1\t', type, body, [[2, Buffer.from(text.split('.').map(Number))]]);
}

function rule(table: string, chain: string, type = 0x0a06): string {
  return line('rules', 'node1\t', type, Buffer.from([2, 0, 0, 0]), [
    [1, table],
    [2, chain],
  ]);
}

function neighbour(state: number, type = 28): string {
  const body = Buffer.alloc(12);
  body[0] = 2;
  body.writeInt32LE(3, 4);
  body.writeUInt16LE(state, 8);
  return line('route', 'node1\t', type, body, [
    [1, Buffer.from([10, 244, 1, 3])],
    [2, Buffer.from('020000000005', 'hex')],
  ]);
}

/** An entry of a bridge's table for an address of its own, or of a port of its. */
function ownEntry(index: number, mac: string, type = 28): string {
  const body = Buffer.alloc(12);
  body[0] = 7;
  body.writeInt32LE(index, 4);
  body.writeUInt16LE(0x80, 8);
  return line('route', 'node1\t', type, body, [[2, Buffer.from(mac.replaceAll(':', ''), 'hex')]]);
}

function reader() {
  const interpreter = new Interpreter({ a: { node: 'node1' } });
  return (...lines: string[]) =>
    [...lines.flatMap((text) => interpreter.read(text)), ...interpreter.settle()].map(
      ({ host, text }) => `${host}: ${text}`,
    );
}

test('an interface that appears, joins a bridge, goes up and is removed is told step by step', () => {
  const read = reader();
  expect(
    read(
      link(2, 'cni0', { kind: 'bridge' }),
      link(3, 'veth-a', {}),
      link(3, 'veth-a', { master: 2 }),
      link(3, 'veth-a', { master: 2, up: true }),
      link(3, 'veth-a', { up: true }),
      link(3, 'veth-a', { up: true }, 17),
    ),
  ).toEqual([
    'node1: bridge cni0 was added',
    'node1: veth veth-a was added',
    'node1: veth-a joined cni0',
    'node1: veth-a was set up',
    'node1: veth-a left cni0',
    'node1: veth-a was removed',
  ]);
});

test('a message that tells nothing new is not a change', () => {
  const read = reader();
  read(link(3, 'veth-a', {}));
  expect(read(link(3, 'veth-a', {}))).toEqual([]);
});

test('ports of the fabric, and what they do to the bridge, are not the learner’s', () => {
  const read = reader();
  read(link(2, 'cni0', { kind: 'bridge' }));
  expect(
    read(
      link(9, 'veth-1', { master: 2, mac: 'fe:ff:77:00:00:01' }),
      link(2, 'cni0', { kind: 'bridge', mac: 'fe:00:00:00:00:01' }),
      address(9, '10.244.1.9'),
      link(9, 'veth-1', { mac: 'fe:ff:77:00:00:01' }, 17),
      link(2, 'cni0', { kind: 'bridge' }),
    ),
  ).toEqual([]);
  expect(read(link(2, 'cni0', { kind: 'bridge', up: true }))).toEqual(['node1: cni0 was set up']);
});

test('addresses are told with their interface', () => {
  const read = reader();
  read(link(3, 'eth0', {}));
  expect(read(address(3, '10.244.1.2'), address(3, '10.244.1.2', 21))).toEqual([
    'node1: 10.244.1.2/24 added to eth0',
    'node1: 10.244.1.2/24 removed from eth0',
  ]);
});

test('a neighbour is told when it is permanent, and when such a one goes; what ARP finds is not', () => {
  const [REACHABLE, FAILED, PERMANENT] = [0x02, 0x20, 0x80];
  const read = reader();
  read(link(3, 'eth0', {}));
  expect(read(neighbour(REACHABLE), neighbour(FAILED), neighbour(FAILED, 29))).toEqual([]);
  expect(read(neighbour(PERMANENT), neighbour(FAILED), neighbour(FAILED, 29))).toEqual([
    'node1: neighbour 10.244.1.3 set to 02:00:00:00:00:05 on eth0',
    'node1: neighbour 10.244.1.3 removed from eth0',
  ]);
});

describe('an entry of a bridge for its own address', () => {
  const [OWN, PORT] = ['02:00:00:00:00:0a', '02:00:00:00:00:0b'];
  const plugged = () => {
    const read = reader();
    read(
      link(2, 'cni0', { kind: 'bridge', mac: OWN }),
      link(3, 'veth-a', { mac: PORT }),
      ownEntry(3, PORT),
      link(3, 'veth-a', { mac: PORT, master: 2 }),
    );
    return read;
  };

  test('is told when it goes and nothing else of the bridge does, and when it comes back', () => {
    const read = plugged();
    expect(read(ownEntry(2, OWN, 29), ownEntry(3, PORT, 29))).toEqual([
      `node1: FDB entry ${OWN} removed from cni0`,
      `node1: FDB entry ${PORT} removed from veth-a`,
    ]);
    expect(read(ownEntry(2, OWN))).toEqual([`node1: FDB entry ${OWN} added to cni0`]);
  });

  test('is not when it goes with a port, with the bridge, or because the address changed', () => {
    const read = plugged();
    expect(read(ownEntry(3, PORT, 29), link(3, 'veth-a', { mac: PORT }))).toEqual([
      'node1: veth-a left cni0',
    ]);
    const other = '02:00:00:00:00:0c';
    expect(
      read(ownEntry(2, OWN, 29), ownEntry(2, other), link(2, 'cni0', { kind: 'bridge', mac: other })),
    ).toEqual([`node1: FDB entry ${other} added to cni0`, `node1: cni0 has MAC address ${other}`]);
    expect(read(ownEntry(2, other, 29), link(2, 'cni0', { kind: 'bridge', mac: other }, 17))).toEqual([
      'node1: cni0 was removed',
    ]);
  });
});

test('a table of the old iptables is told when it is there first, and whenever it differs', () => {
  const read = reader();
  expect(read('legacy\tnode1\ta\t')).toEqual([]);
  expect(read('legacy\tnode1\ta\tfilter=5 ')).toEqual(['pod/a: table filter of the old iptables changed']);
  expect(read('legacy\tnode1\ta\tfilter=5 nat=1 ')).toEqual(['pod/a: table nat of the old iptables changed']);
});

test('rules are told with their table and chain, except those of the fabric', () => {
  const read = reader();
  expect(
    read(rule('nat', 'POSTROUTING'), rule('podwire_trace', 'x'), rule('nat', 'POSTROUTING', 0x0a08)),
  ).toEqual(['node1: rule added to nat POSTROUTING', 'node1: rule removed from nat POSTROUTING']);
});

test('lists tell what differs from the one before: settings, namespaces, files', () => {
  const read = reader();
  expect(
    read(
      'settings\tnode1\ta\tipv4/ip_forward=0 ipv4/conf/eth0/forwarding=0 ',
      'namespaces\tnode1\t\ta=1 ',
      'files\tnode1\t\t',
    ),
  ).toEqual([]);
  expect(
    read(
      'settings\tnode1\ta\tipv4/ip_forward=1 ipv4/conf/eth0/forwarding=1 ',
      'namespaces\tnode1\t\ta=2 z=3 ',
      'files\tnode1\t\t/etc/netns/a/resolv.conf=7.1 ',
    ),
  ).toEqual([
    'pod/a: net.ipv4.ip_forward = 1',
    'node1: namespace a was made anew',
    'node1: namespace z was added',
    'node1: /etc/netns/a/resolv.conf was written',
  ]);
});

test('a namespace that the plan does not know is named after its node', () => {
  expect(reader()('overflow\tnode1\tz\t')).toEqual(['node1/z: more changed at once than could be heard']);
});
