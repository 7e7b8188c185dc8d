import {
  chainsNaming,
  dice,
  leadingTo,
  parseRules,
  portsNamedWith,
  ruleTranslatingTo,
  targetsIn,
  translating,
} from './service-rules.ts';

const ruleset = `table ip nat {
	chain KUBE-SERVICES {
		ip daddr 10.96.0.20 tcp dport 80 counter packets 8675 bytes 520500 jump KUBE-SVC-WEB
	}

	chain KUBE-SVC-WEB {
		ip saddr != 10.244.0.0/16 counter packets 4215 bytes 252900 jump KUBE-MARK-MASQ
		meta random & 2147483647 < 715827883 counter packets 2973 bytes 178380 jump KUBE-SEP-B
		meta random & 2147483647 < 1073741824 counter packets 2909 bytes 174540 jump KUBE-SEP-C
		counter packets 2793 bytes 167580 jump KUBE-SEP-D
	}

	chain KUBE-SEP-B {
		meta l4proto tcp counter packets 2909 bytes 174540 dnat to 10.244.1.3:8080
	}
}
table ip kube-proxy {
	map service-ips {
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = { 10.96.0.20 . tcp . 81 : goto WEB,
			     10.96.0.30 . udp . 123 : goto CLOCK }
	}
}
`;
const rules = parseRules(ruleset);

test('rules are told with their table and chain, without their counters', () => {
  expect(rules[0]).toEqual({
    table: 'ip nat',
    chain: 'KUBE-SERVICES',
    rule: 'ip daddr 10.96.0.20 tcp dport 80 jump KUBE-SVC-WEB',
  });
  expect(chainsNaming(rules, '10.96.0.20')).toEqual(['KUBE-SERVICES', 'service-ips']);
  expect(chainsNaming(rules, '10.96.0.2')).toEqual([]);
});

test('what a chain throws dice for is told in its order', () => {
  expect(dice(rules, 'KUBE-SVC-WEB')).toBe('KUBE-SVC-WEB takes 0.33, 0.50, the rest');
  expect(dice(rules, 'KUBE-SERVICES')).toBeNull();
});

test('where a rule leads to is read from rules and from their maps', () => {
  expect(ruleTranslatingTo(rules, '10.244.1.3:8080')?.chain).toBe('KUBE-SEP-B');
  expect(ruleTranslatingTo(rules, '10.244.1.3:8081')).toBeNull();
  expect(targetsIn('dnat to 10.244.1.3')).toEqual([['10.244.1.3', null]]);
  expect(
    targetsIn('dnat ip to numgen random mod 2 map { 0 : 10.244.1.3 . 8080, 1 : 10.244.2.2 . 8080 }'),
  ).toEqual([
    ['10.244.1.3', 8080],
    ['10.244.2.2', 8080],
  ]);
  expect(targetsIn('jump KUBE-SEP-B')).toEqual([]);
});

test('ports that are named with an address are found in rules and in maps', () => {
  expect(portsNamedWith(rules, '10.96.0.20')).toEqual([80, 81]);
});

test('a rule translates if it leads to one that does, by chains or by a map', () => {
  const others = parseRules(`table ip nat {
	chain SERVICES {
		ip daddr 10.96.0.20 jump MARK-MASQ
		ip daddr . meta l4proto . th dport vmap @of-services
	}
	chain MARK-MASQ {
		meta mark set meta mark | 0x00004000
	}
	map of-services {
		elements = { 10.96.0.30 . udp . 123 : goto CLOCK }
	}
	chain CLOCK {
		dnat to 10.244.1.3:8123
	}
}
`);
  expect(
    others.filter(({ rule, table }) => translating(others)(rule, table)).map(({ rule }) => rule),
  ).toEqual([
    'ip daddr . meta l4proto . th dport vmap @of-services',
    'elements = { 10.96.0.30 . udp . 123 : goto CLOCK }',
    'dnat to 10.244.1.3:8123',
  ]);
});

test('a chain of the same name in another table is another chain', () => {
  const others = parseRules(`table ip filter {
	chain OUTPUT {
		ct state new jump KUBE-SERVICES
	}
	chain KUBE-SERVICES {
		ip daddr 10.96.0.9 reject
	}
}
table ip nat {
	chain KUBE-SERVICES {
		tcp dport 30080 dnat to 10.244.1.2:8080
	}
	chain PREROUTING {
		jump KUBE-SERVICES
	}
}
`);
  const leads = leadingTo(others, (rule) => rule.includes('30080'));
  expect(others.filter(({ rule, table }) => leads(rule, table)).map(({ chain }) => chain)).toEqual([
    'KUBE-SERVICES',
    'PREROUTING',
  ]);
});
