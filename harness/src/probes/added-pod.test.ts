import { nameLike } from './added-pod.ts';

test.each([
  [['veth-a', 'veth-b', 'veth-c'], /^veth-\d{6}$/],
  [['veth12345678', 'veth1f'], /^veth1\d{6}$/],
  [['a', 'b'], /^veth\d{6}$/],
  [[], /^veth\d{6}$/],
  [['a-very-long-nam'], /^a-very-lo\d{6}$/],
  [['p%d1', 'p%d2'], /^p\d{6}$/],
  [['-x', '-y'], /^veth\d{6}$/],
])('beside %j a port is called like them', (ports, name) => {
  expect(nameLike(ports)).toMatch(name);
});
