import { devicesWithFilters, parseFilters, parseQueues } from './find-in-traffic-control.ts';

const QUEUES = `qdisc noqueue 0: dev lo root refcnt 2
 Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0)
 backlog 0b 0p requeues 0
qdisc blackhole 8001: dev veth-b root refcnt 3
 Sent 0 bytes 0 pkt (dropped 4, overlimits 0 requeues 0)
 backlog 0b 0p requeues 0
qdisc clsact ffff: dev veth-a parent ffff:fff1
 Sent 84 bytes 1 pkt (dropped 1, overlimits 0 requeues 0)
 backlog 0b 0p requeues 0
`;

test('counts what queues that somebody made have dropped', () => {
  expect([...parseQueues(QUEUES)]).toEqual([['the queue of veth-b (tc qdisc blackhole)', 4]]);
});

test('finds the devices that may have filters', () => {
  expect(devicesWithFilters(QUEUES)).toEqual(['veth-a']);
});

test('counts what filters have dropped, by device and direction', () => {
  const printed = `@ veth-a ingress
filter protocol all pref 49152 matchall chain 0 handle 0x1
  not_in_hw (rule hit 3)
	action order 1: gact action drop
	 Sent 126 bytes 3 pkt (dropped 3, overlimits 0 requeues 0)
@ veth-a egress
`;
  expect([...parseFilters(printed)]).toEqual([['a tc filter at the ingress of veth-a', 3]]);
});
