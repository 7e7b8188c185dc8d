import { parseMetRules } from './parse-met-rules.ts';
import { describeRule, dropping, rewriting } from './trace-rules.ts';

const PRINTED = `trace id 5c2b6a0e bridge podwire_trace_0a1b2c prerouting packet: iif "veth-a" ether saddr 8a:cb:01:02:03:04
trace id 5c2b6a0e bridge podwire_trace_0a1b2c prerouting rule ip daddr { 10.244.1.3 } meta nftrace set 1 (verdict continue)
trace id 5c2b6a0e bridge podwire_trace_0a1b2c prerouting policy accept
trace id 77f0aa11 ip filter FORWARD packet: iif "cni0" oif "cni0" ip saddr 10.244.1.2
trace id 77f0aa11 ip filter FORWARD rule counter packets 3 bytes 252 log prefix "DROP: " (verdict continue)
trace id 77f0aa11 ip filter FORWARD rule ip protocol udp counter packets 1 bytes 84 drop (verdict drop)
trace id 77f0aa12 ip filter FORWARD rule meta l4proto tcp queue num 0 (verdict queue)
trace id 77f0aa13 inet guard input verdict continue
trace id 77f0aa13 inet guard input policy drop
`;

test('a rule that only logs the word DROP drops nothing; a queue and a policy do', () => {
  expect(dropping(parseMetRules(PRINTED)).map(describeRule)).toEqual([
    'the rule "ip protocol udp drop" in chain FORWARD of table ip filter',
    'the rule "meta l4proto tcp queue num 0" in chain FORWARD of table ip filter',
    'the policy drop in chain input of table inet guard',
  ]);
});

test.each([
  ['ip saddr 10.244.1.0/24 masquerade', 'snat', 1],
  ['xt target "SNAT"', 'snat', 1],
  ['meta l4proto tcp redirect to :7', 'dnat', 1],
  ['ip saddr 10.244.1.0/24 masquerade', 'dnat', 0],
  ['log prefix "masquerade? "', 'snat', 0],
  ['comment "snat later" return', 'snat', 0],
] as const)('of %s it says for %s: %i rule', (rule, side, count) => {
  const traced = { family: 'ip', table: 'nat', chain: 'POSTROUTING', rule, verdict: 'accept' };
  expect(rewriting([traced], side)).toHaveLength(count);
});
