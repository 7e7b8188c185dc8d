import { familiesIn, PASS_OVER_CHECKS, traceTable } from './trace-table.ts';

test('watches the families that have tables', () => {
  const ruleset = 'table ip filter {\n}\ntable bridge guard {\n}\ntable ip nat {\n}\ntable ip6 filter {\n}\n';
  expect(familiesIn(ruleset)).toEqual(['ip', 'bridge']);
});

test('watches devices where a chain stands at their ingress', () => {
  const ruleset =
    'table inet early {\n\tchain i {\n\t\ttype filter hook ingress device "veth-a" priority 0;\n';
  expect(familiesIn(ruleset)).toEqual(['inet', 'netdev']);
});

test('marks packets of the addresses, of one protocol, and few of those that checks send', () => {
  const first = PASS_OVER_CHECKS.join('; ');
  expect(traceTable('ip', 'podwire_trace_1', { addresses: ['10.244.1.3'], protocol: 'udp' }, [])).toBe(
    'add table ip podwire_trace_1 { flags owner; ' +
      'chain prerouting { type filter hook prerouting priority -1000; ' +
      `${first}; ip saddr { 10.244.1.3 } meta l4proto udp meta nftrace set 1; ` +
      'ip daddr { 10.244.1.3 } meta l4proto udp meta nftrace set 1; }; ' +
      'chain output { type filter hook output priority -1000; ' +
      `${first}; ip saddr { 10.244.1.3 } meta l4proto udp meta nftrace set 1; ` +
      'ip daddr { 10.244.1.3 } meta l4proto udp meta nftrace set 1; }; }\n',
  );
});

test('marks ARP too where whole frames are seen', () => {
  const table = traceTable('netdev', 'podwire_trace_1', { addresses: ['10.244.1.3'] }, ['veth-a', 'cni0']);
  expect(table).toContain('type filter hook ingress devices = { "veth-a", "cni0" } priority -1000');
  expect(table).toContain('ether type arp meta nftrace set 1');
});
