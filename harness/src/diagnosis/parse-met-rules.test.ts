import { parseMetRules } from './parse-met-rules.ts';

// Printed by nft 1.0.6 on Debian 12, with a table of ours that marks the packet.
const PRINTED = `trace id 7ef4fcaf ip podwire_trace_1 output packet: oif "eth0" ip saddr 10.0.0.1 ip daddr 10.96.0.20 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 14450 ip length 60 tcp sport 62000 tcp dport 80 tcp flags == syn tcp window 64240
trace id 7ef4fcaf ip podwire_trace_1 output unknown rule handle 5 (verdict continue)
trace id 7ef4fcaf ip podwire_trace_1 output policy accept
trace id 7ef4fcaf ip nat OUTPUT packet: oif "eth0" ip saddr 10.0.0.1 ip daddr 10.96.0.20 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 14450 ip length 60 tcp sport 62000 tcp dport 80 tcp flags == syn tcp window 64240
trace id 7ef4fcaf ip nat OUTPUT rule ip daddr 10.96.0.20 tcp dport 80 counter packets 0 bytes 0 dnat to 10.0.0.2:8080 (verdict accept)
trace id 7ef4fcaf ip filter FORWARD policy drop
trace id ebfbce3e bridge filter FORWARD rule ether type arp counter packets 1 bytes 28 drop (verdict drop)
`;

test('rules are read with the packet that met them; those of our own tables are left out', () => {
  const packet = {
    source: '10.0.0.1',
    destination: '10.96.0.20',
    id: 14450,
    length: 60,
    protocol: '',
    sourcePort: 62000,
    destinationPort: 80,
    icmpId: null,
  };
  expect(parseMetRules(PRINTED)).toEqual([
    {
      family: 'ip',
      table: 'nat',
      chain: 'OUTPUT',
      rule: 'ip daddr 10.96.0.20 tcp dport 80 counter packets 0 bytes 0 dnat to 10.0.0.2:8080',
      verdict: 'accept',
      packet,
    },
    { family: 'ip', table: 'filter', chain: 'FORWARD', rule: 'policy drop', verdict: 'drop', packet },
    {
      family: 'bridge',
      table: 'filter',
      chain: 'FORWARD',
      rule: 'ether type arp counter packets 1 bytes 28 drop',
      verdict: 'drop',
      packet: null,
    },
  ]);
});

test('a policy that drops a marked packet is read, and the id of a ping', () => {
  const printed = `trace id 0c1d ip filter FORWARD packet: iif "cni0" oif "eth0" ip saddr 10.0.0.1 ip daddr 10.0.0.2 ip id 7 ip protocol icmp icmp type echo-request icmp code net-unreachable icmp id 61234 icmp sequence 1
trace id 0c1d ip filter FORWARD verdict continue meta mark 0x00004000
trace id 0c1d ip filter FORWARD policy drop meta mark 0x00004000
`;
  expect(parseMetRules(printed).map(({ rule, verdict, packet }) => [rule, verdict, packet?.icmpId])).toEqual([
    ['policy drop', 'drop', 61234],
  ]);
});
