import { type AddressOwner, freeAddress, judgeAddresses } from './own-addresses.ts';

const RANGE = { cidr: '10.244.1.0/24', gateway: '10.244.1.1' };
const pod = (name: string, ...addresses: string[]): AddressOwner => ({
  host: { node: 'node1', pod: name },
  addresses,
});
const node = (...addresses: string[]): AddressOwner => ({ host: { node: 'node1', pod: '' }, addresses });
const judge = (pods: readonly AddressOwner[], nodes: readonly AddressOwner[] = []) =>
  judgeAddresses(pods, nodes, RANGE)?.message ?? null;
const wanted = 'wanted an address of its own from 10.244.1.0/24 on every pod, found';

test('accepts any addresses of the range, in any order', () => {
  expect(judge([pod('a', '10.244.1.200'), pod('b', '10.244.1.2')], [node('10.244.1.1')])).toBeNull();
});

test('lets a pod have addresses of other networks besides', () => {
  expect(judge([pod('a', '172.31.0.1', '10.244.1.2'), pod('b', '172.31.0.1', '10.244.1.3')])).toBeNull();
});

test('refuses a pod without an address', () => {
  expect(judge([pod('a')])).toBe(`${wanted} pod/a has no address`);
});

test('refuses a pod whose addresses are all from elsewhere', () => {
  expect(judge([pod('a', '172.31.0.1')])).toBe(`${wanted} pod/a has 172.31.0.1`);
});

test.each([
  ['10.244.1.1', "the node's own, the pods' gateway"],
  ['10.244.1.0', 'the address of the network 10.244.1.0/24 itself'],
  ['10.244.1.255', 'the broadcast address of 10.244.1.0/24'],
])('refuses %s, which is reserved', (address, role) => {
  expect(judge([pod('a', '10.244.1.2', address)])).toBe(`${wanted} pod/a has ${address}, ${role}`);
});

test('refuses an address that two pods have', () => {
  expect(judge([pod('a', '10.244.1.2'), pod('b', '10.244.1.2')])).toBe(
    `${wanted} pod/a and pod/b both have 10.244.1.2`,
  );
});

test('refuses an address that the node has too', () => {
  expect(judge([pod('a', '10.244.1.2')], [node('10.244.1.2')])).toBe(
    `${wanted} node1 and pod/a both have 10.244.1.2`,
  );
});

test('gives a new pod one of the highest addresses that are free', () => {
  const taken = new Set(['10.244.1.254']);
  expect(freeAddress('10.244.1.0/24', taken, () => 0)).toBe('10.244.1.253');
  expect(freeAddress('10.244.1.0/24', taken, () => 0.999)).toBe('10.244.1.222');
  expect(freeAddress('10.244.1.0/30', new Set(['10.244.1.1']), () => 0.999)).toBe('10.244.1.2');
});

test('says when the range is full', () => {
  expect(freeAddress('10.244.1.0/30', new Set(['10.244.1.1', '10.244.1.2']))).toBeNull();
});
