import { readPassing } from './passing-state.ts';

test('addresses with a lifetime, elements that expire, clocks and quotas are told', () => {
  const printed = `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
4: cni0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
    link/ether 2e:91:72:f6:5e:7d brd ff:ff:ff:ff:ff:ff
    inet 10.244.1.1/24 brd 10.244.1.255 scope global dynamic cni0
       valid_lft 4sec preferred_lft 4sec
table ip t {
	set open {
		type ipv4_addr
		timeout 5s
		elements = { 1.2.3.4 timeout 4s expires 3s900ms, 1.2.3.5 timeout 1h expires 59m }
	}
	set affinity {
		type ipv4_addr
		size 65535
		flags dynamic,timeout
		elements = { 10.244.1.2 expires 2h59m }
	}
	chain c {
		meta hour "10:00"-"12:00" drop
		quota 20 bytes drop
		limit rate 3/second accept
		counter packets 0 bytes 0 accept
	}
}
-A INPUT -m time --timestart 10:00:00 -j ACCEPT
`;
  expect(readPassing(printed)).toEqual([
    { text: '10.244.1.1/24 on cni0 has a lifetime of 4 s', leftMs: 4000, hidden: false },
    { text: 'an element of a set expires after 4 s', leftMs: 3900, hidden: false },
    { text: 'a rule looks at the clock: meta hour "10:00"-"12:00" drop', leftMs: null, hidden: false },
    { text: 'a rule has a quota: quota 20 bytes drop', leftMs: null, hidden: false },
    {
      text: 'a rule looks at the clock: -A INPUT -m time --timestart 10:00:00 -j ACCEPT',
      leftMs: null,
      hidden: false,
    },
  ]);
});

test('what the monitor would pass over is told', () => {
  const printed = `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
7: cni0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default qlen 1000
    link/ether fe:ff:77:00:00:01 brd ff:ff:ff:ff:ff:ff
8: veth-a@if2: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default qlen 1000
    link/ether fe:ff:00:00:00:01 brd ff:ff:ff:ff:ff:ff
9: veth-b@if2: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default qlen 1000
    link/ether fe:ff:77:00:00:02 brd ff:ff:ff:ff:ff:ff link-netns b
table ip podwire_x {
}
table ip filter {
}
`;
  expect(readPassing(printed).map(({ text, hidden }) => [text, hidden])).toEqual([
    ["cni0 looks like something of the grader's own", true],
    ["veth-b looks like something of the grader's own", true],
    ["podwire_x looks like something of the grader's own", true],
  ]);
});
