import { candidatesOf, parseResolverFile } from './resolver-file.ts';

const read = (text: string) => parseResolverFile('/etc/resolv.conf', text);

test('what the kubelet writes is read', () => {
  const text =
    'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n';
  expect(read(text)).toEqual({
    path: '/etc/resolv.conf',
    nameservers: ['10.96.0.10'],
    search: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
    ndots: 5,
    rotate: false,
  });
});

test('the last search or domain counts, three nameservers at most, comments and indented lines are passed over', () => {
  const file = read(`# nameserver 1.1.1.1
; nameserver 2.2.2.2
  nameserver 3.3.3.3
domain example.com
search\ta.example\tB.example.
nameserver 10.0.0.1
nameserver 10.0.0.2
nameserver 10.0.0.3
nameserver 10.0.0.4
options timeout:1 ndots:99 attempts:2
`);
  expect(file.nameservers).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  expect(file.search).toEqual(['a.example', 'b.example']);
  expect(file.ndots).toBe(15);
  expect(read('').ndots).toBe(1);
});

test('a name with fewer dots than ndots is searched first, and asked for as it is at last', () => {
  const file = read('search one two\noptions ndots:2\n');
  expect(candidatesOf('web', file)).toEqual(['web.one.', 'web.two.', 'web.']);
  expect(candidatesOf('web.shop', file)).toEqual(['web.shop.one.', 'web.shop.two.', 'web.shop.']);
  expect(candidatesOf('web.shop.svc', file)).toEqual([
    'web.shop.svc.',
    'web.shop.svc.one.',
    'web.shop.svc.two.',
  ]);
  expect(candidatesOf('web.', file)).toEqual(['web.']);
});
