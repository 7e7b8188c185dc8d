import { parseMetRules } from './parse-met-rules.ts';
import { ProbePackets } from './probe-packets.ts';

// A probe from port 61004 to a ClusterIP, masqueraded to port 2077, and its answer; beside it a check's from 10004.
const PRINTED = `trace id 1 ip nat PREROUTING packet: iif "cni0" ip saddr 10.244.1.2 ip daddr 10.96.0.20 ip ttl 64 ip id 501 ip length 60 tcp sport 61004 tcp dport 80
trace id 1 ip nat PREROUTING rule jump KUBE-SERVICES (verdict jump KUBE-SERVICES)
trace id 2 ip raw PREROUTING packet: iif "eth0" ip saddr 192.168.56.11 ip daddr 10.244.2.2 ip ttl 63 ip id 501 ip length 60 tcp sport 2077 tcp dport 8080
trace id 2 ip raw PREROUTING rule counter (verdict continue)
trace id 3 ip raw PREROUTING packet: iif "eth0" ip saddr 10.244.2.2 ip daddr 192.168.56.11 ip ttl 63 ip id 0 ip length 60 tcp sport 8080 tcp dport 2077
trace id 3 ip raw PREROUTING rule drop (verdict drop)
trace id 4 ip nat PREROUTING packet: iif "cni0" ip saddr 10.244.1.2 ip daddr 10.96.0.20 ip ttl 64 ip id 777 ip length 60 tcp sport 10004 tcp dport 80
trace id 4 ip nat PREROUTING rule dnat to 10.244.2.2:8080 (verdict accept)
trace id 5 ip filter OUTPUT packet: oif "cni0" ip saddr 10.244.1.1 ip daddr 10.244.1.2 ip ttl 64 ip id 9 ip length 80 ip protocol icmp icmp type destination-unreachable
trace id 5 ip filter OUTPUT rule drop (verdict drop)
`;

test('a probe is known by its port, through NAT by its IP id, and its answer by the port that NAT gave it', () => {
  const met = parseMetRules(PRINTED);
  const packets = met.flatMap(({ packet }) => packet ?? []);
  const probe = new ProbePackets({ first: 61_004, last: 61_004 }, packets);
  const own = met.filter(({ packet }) => packet && probe.has(packet)).map(({ packet }) => packet?.id);
  expect(own).toEqual([501, 501, 0, 9]);
});

test('of a check that asks the same address at the same time, nothing is the probe’s', () => {
  const packets = parseMetRules(PRINTED).flatMap(({ packet }) => packet ?? []);
  const other = new ProbePackets({ first: 61_500, last: 61_500 }, packets);
  expect(packets.filter((packet) => other.has(packet))).toEqual([]);
});
