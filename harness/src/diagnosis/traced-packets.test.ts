import { TracedPackets } from './traced-packets.ts';

const PRINTED = `trace id 11111111 ip podwire_trace_aaaaaa prerouting packet: iif "cni0" ip saddr 10.244.1.2 ip daddr 10.96.0.20 ip ttl 64 ip id 501 ip length 60 tcp sport 4
trace id 11111111 ip podwire_trace_aaaaaa prerouting unknown rule handle 3 (verdict continue)
trace id 11111112 ip nat POSTROUTING packet: oif "eth0" ip saddr 10.244.1.2 ip daddr 10.244.2.2 ip ttl 63 ip id 501 ip length 60 tcp sport 4
trace id 22222222 ip podwire_trace_bbbbbb output packet: oif "eth0" ip saddr 192.168.56.11 ip daddr 10.244.2.2 ip ttl 64 ip id 777 ip length 60 tcp sport 5
trace id 22222222 ip podwire_trace_bbbbbb output rule ip daddr 10.244.2.2 meta nftrace set 1 (verdict continue)
trace id 22222223 ip nat POSTROUTING packet: oif "eth0" ip saddr 192.168.56.11 ip daddr 10.244.2.2 ip ttl 64 ip id 777 ip length 60 tcp sport 5
trace id 33333333 bridge filter FORWARD packet: iif "veth-a" ether saddr 8a:cb:01:02:03:04
`;

test('of several tracers in one namespace each takes what its own table marked, also under another name', () => {
  const [a, b] = ['aaaaaa', 'bbbbbb'].map((name) => new TracedPackets(`podwire_trace_${name}`));
  for (const packets of [a, b]) packets?.read(PRINTED);
  const ids = ['11111111', '11111112', '22222222', '22222223', '33333333'];
  expect(ids.filter((id) => a?.isOurs(id))).toEqual(['11111111', '11111112', '33333333']);
  expect(ids.filter((id) => b?.isOurs(id))).toEqual(['22222222', '22222223', '33333333']);
});
