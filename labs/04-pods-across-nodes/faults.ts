/**
 * Faults of lab 04, in the order of the checks that catch them. Each is put into the solved testbed, as the
 * guide leaves it: one route per other node on every node, forwarding on.
 *
 * Not among them: a bridge with the cluster's /16. While every other node has a /24 route, the longer prefix wins, and no
 * packet takes another way.
 */
import { defineFaults, type Fault } from 'podwire';

const ROUTE_THERE = 'ip route replace "$NODE2_POD_CIDR" via "$NODE2_IP"';
const ROUTE_BACK = 'ip route replace "$NODE1_POD_CIDR" via "$NODE1_IP"';

/** A VXLAN tunnel to one other node, with an address of its own. */
const tunnelTo = (own: string, other: string, address: string) =>
  [
    `ip link add tunnel type vxlan id 77 remote "$${other}_IP" local "$${own}_IP" dstport 8472 dev eth0`,
    `ip address add ${address}/24 dev tunnel`,
    'ip link set tunnel up',
  ].join('\n');

const forwarding: Fault[] = [
  {
    id: 'forwarding-off',
    title: 'node1 does not forward',
    caughtBy: 'forwarding',
    cause: 'ip-forward-off',
    apply: { node1: 'sysctl -q -w net.ipv4.ip_forward=0' },
    repair: { node1: 'sysctl -q -w net.ipv4.ip_forward=1' },
  },
  {
    id: 'forward-drop',
    title: 'The FORWARD chain of node1 drops, as Docker leaves it',
    caughtBy: 'forwarding',
    cause: 'filter-drop',
    apply: { node1: 'iptables -P FORWARD DROP' },
    repair: { node1: 'iptables -P FORWARD ACCEPT' },
  },
  {
    id: 'forwarding-off-there',
    title: 'node2 does not forward',
    caughtBy: 'forwarding',
    cause: 'ip-forward-off',
    apply: { node2: 'sysctl -q -w net.ipv4.ip_forward=0' },
    repair: { node2: 'sysctl -q -w net.ipv4.ip_forward=1' },
  },
];

const there: Fault[] = [
  {
    id: 'no-route',
    title: "node1 has no route to node2's pods",
    caughtBy: 'one-way',
    cause: 'no-route',
    apply: { node1: 'ip route del "$NODE2_POD_CIDR"' },
    repair: { node1: ROUTE_THERE },
  },
  {
    id: 'wrong-cidr',
    title: 'The route of node1 is for a range that nobody has',
    caughtBy: 'one-way',
    cause: 'no-route',
    apply: { node1: 'ip route del "$NODE2_POD_CIDR"; ip route add 172.31.2.0/24 via "$NODE2_IP"' },
    repair: { node1: `ip route del 172.31.2.0/24; ${ROUTE_THERE}` },
  },
  {
    id: 'next-hop-nobody',
    title: 'The next hop is an address that nobody has',
    caughtBy: 'one-way',
    cause: 'wrong-gateway',
    apply: { node1: 'ip route replace "$NODE2_POD_CIDR" via "$(echo "$NODE2_IP" | cut -d. -f1-3).1"' },
    repair: { node1: ROUTE_THERE },
  },
  {
    id: 'next-hop-pod-gateway',
    title: 'The route names only the interface: node1 asks by ARP for the pod itself',
    caughtBy: 'one-way',
    cause: 'route-without-via',
    apply: { node1: 'ip route replace "$NODE2_POD_CIDR" dev eth0' },
    repair: { node1: ROUTE_THERE },
  },
  {
    id: 'blackhole',
    title: "A blackhole route takes the packets for node2's pods",
    caughtBy: 'one-way',
    cause: 'route-rejects',
    apply: { node1: 'ip route replace blackhole "$NODE2_POD_CIDR"' },
    repair: { node1: `ip route del blackhole "$NODE2_POD_CIDR"; ${ROUTE_THERE}` },
  },
  {
    id: 'static-neighbour-wrong',
    title: 'node1 has been told a wrong MAC address for node2',
    caughtBy: 'one-way',
    cause: 'wrong-neighbour',
    apply: { node1: 'ip neigh replace "$NODE2_IP" lladdr 02:00:00:00:00:99 dev eth0 nud permanent' },
    repair: { node1: 'ip neigh del "$NODE2_IP" dev eth0' },
  },
  {
    id: 'pods-too-wide',
    title: 'Pod a has a /16, so it takes the pods of other nodes for its neighbours',
    caughtBy: 'one-way',
    cause: 'wrong-prefix',
    apply: {
      'pod/a': [
        'ip address flush dev eth0',
        'ip address add "$POD_A_IP/16" dev eth0',
        'ip route add default via "$NODE1_POD_GATEWAY"',
      ].join('\n'),
    },
    repair: {
      'pod/a': [
        'ip address flush dev eth0',
        'ip address add "$POD_A_IP/24" dev eth0',
        'ip route add default via "$NODE1_POD_GATEWAY"',
      ].join('\n'),
    },
  },
  {
    id: 'drop-there',
    title: "A filter on node2 drops what comes from other nodes' pods",
    caughtBy: 'one-way',
    cause: 'filter-drop',
    apply: { node2: 'iptables -I FORWARD -i eth0 -s "$CLUSTER_CIDR" -j DROP' },
    repair: { node2: 'iptables -D FORWARD -i eth0 -s "$CLUSTER_CIDR" -j DROP' },
  },
];

const back: Fault[] = [
  {
    id: 'route-on-one-side-only',
    title: "node2 has no route back to node1's pods",
    caughtBy: 'a-reaches-c',
    cause: 'no-route',
    apply: { node2: 'ip route del "$NODE1_POD_CIDR"' },
    repair: { node2: ROUTE_BACK },
  },
  {
    id: 'overlapping-cidrs',
    title: "node2's bridge has an address from node1's pod CIDR",
    caughtBy: 'a-reaches-c',
    cause: 'overlapping-cidr',
    apply: { node2: 'ip route del "$NODE1_POD_CIDR"; ip address add "$NODE1_POD_GATEWAY/24" dev cni0' },
    repair: { node2: `ip address del "$NODE1_POD_GATEWAY/24" dev cni0; ${ROUTE_BACK}` },
  },
  {
    id: 'rp-filter-strict',
    title: 'Answers come back by a tunnel, and node1 checks the reverse path strictly',
    caughtBy: 'a-reaches-c',
    cause: 'rp-filter',
    apply: {
      node1: `${tunnelTo('NODE1', 'NODE2', '172.31.0.1')}\nsysctl -q -w net.ipv4.conf.all.rp_filter=1`,
      node2: `${tunnelTo('NODE2', 'NODE1', '172.31.0.2')}\nip route replace "$NODE1_POD_CIDR" via 172.31.0.1`,
    },
    repair: {
      node1: 'ip link del tunnel; sysctl -q -w net.ipv4.conf.all.rp_filter=0',
      node2: `${ROUTE_BACK}; ip link del tunnel`,
    },
  },
];

const afterReach: Fault[] = [
  {
    id: 'pod-without-default-route',
    title: 'Pod d has no default route',
    caughtBy: 'mesh',
    cause: 'no-route',
    apply: { 'pod/d': 'ip route del default' },
    repair: { 'pod/d': 'ip route add default via "$NODE2_POD_GATEWAY"' },
  },
  {
    id: 'neighbours-cut-off',
    title: 'The ports of pods a and b, on one node, are isolated from each other',
    caughtBy: 'mesh',
    cause: 'port-isolated',
    apply: { node1: 'for port in veth-a veth-b; do bridge link set dev "$port" isolated on; done' },
    repair: { node1: 'for port in veth-a veth-b; do bridge link set dev "$port" isolated off; done' },
  },
  {
    id: 'masquerade-everything',
    title: 'Everything that leaves node1 by eth0 is masqueraded',
    caughtBy: 'no-nat',
    cause: 'snat-on-pod-traffic',
    apply: { node1: 'iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE' },
    repair: { node1: 'iptables -t nat -D POSTROUTING -o eth0 -j MASQUERADE' },
  },
  {
    id: 'masquerade-docker-style',
    title: 'node2 masquerades its pods as Docker does: whatever does not leave by the bridge',
    caughtBy: 'no-nat',
    cause: 'snat-on-pod-traffic',
    apply: { node2: 'iptables -t nat -A POSTROUTING -s "$NODE2_POD_CIDR" ! -o cni0 -j MASQUERADE' },
    repair: { node2: 'iptables -t nat -D POSTROUTING -s "$NODE2_POD_CIDR" ! -o cni0 -j MASQUERADE' },
  },
  {
    id: 'masquerade-pings',
    title: 'node1 masquerades what its pods send to other nodes over ICMP, and nothing else',
    caughtBy: 'no-nat',
    cause: 'snat-on-pod-traffic',
    apply: { node1: 'iptables -t nat -A POSTROUTING -o eth0 -p icmp -j MASQUERADE' },
    repair: { node1: 'iptables -t nat -D POSTROUTING -o eth0 -p icmp -j MASQUERADE' },
  },
  {
    id: 'next-hop-other-node',
    title: "node1 sends packets for node2's pods to node3, which passes them on",
    caughtBy: 'two-routers',
    cause: 'wrong-next-hop',
    apply: { node1: 'ip route replace "$NODE2_POD_CIDR" via "$NODE3_IP"' },
    repair: { node1: ROUTE_THERE },
  },
  {
    id: 'tunnel',
    title: 'A VXLAN tunnel carries the packets, though plain routes would do',
    caughtBy: 'plain',
    cause: 'encapsulated',
    apply: {
      node1: `${tunnelTo('NODE1', 'NODE2', '172.31.0.1')}\nip route replace "$NODE2_POD_CIDR" via 172.31.0.2`,
      node2: `${tunnelTo('NODE2', 'NODE1', '172.31.0.2')}\nip route replace "$NODE1_POD_CIDR" via 172.31.0.1`,
    },
    repair: { node1: `${ROUTE_THERE}; ip link del tunnel`, node2: `${ROUTE_BACK}; ip link del tunnel` },
  },
  {
    id: 'small-mtu',
    title: 'eth0 of node1 takes packets of 1400 bytes only',
    caughtBy: 'full-size',
    cause: 'mtu-mismatch',
    apply: { node1: 'ip link set eth0 mtu 1400' },
    repair: { node1: 'ip link set eth0 mtu 1500' },
  },
  {
    id: 'large-segments-dropped',
    title: 'A rule on node2 drops large packets of TCP',
    caughtBy: 'full-size',
    cause: 'filter-drop',
    apply: { node2: 'iptables -A FORWARD -p tcp -m length --length 1400: -j DROP' },
    repair: { node2: 'iptables -D FORWARD -p tcp -m length --length 1400: -j DROP' },
  },
  {
    id: 'route-for-pods-only',
    title: "node1 has the route for its pods' packets only, not for its own",
    caughtBy: 'nodes-and-pods',
    cause: 'no-route',
    apply: {
      node1: [
        'ip rule add from "$NODE1_POD_CIDR" lookup 100',
        'ip route add "$NODE2_POD_CIDR" via "$NODE2_IP" table 100',
        'ip route del "$NODE2_POD_CIDR"',
      ].join('\n'),
    },
    repair: {
      node1: ['ip rule del from "$NODE1_POD_CIDR" lookup 100', 'ip route flush table 100', ROUTE_THERE].join(
        '\n',
      ),
    },
  },
  {
    id: 'routes-per-pod',
    title: 'node1 has a route for each pod instead of one for the pod CIDR',
    caughtBy: 'added-later',
    cause: 'no-route',
    apply: {
      node1: [
        'ip route del "$NODE2_POD_CIDR"',
        'ip route add "$POD_C_IP" via "$NODE2_IP"',
        'ip route add "$POD_D_IP" via "$NODE2_IP"',
      ].join('\n'),
    },
    repair: { node1: ['ip route del "$POD_C_IP"', 'ip route del "$POD_D_IP"', ROUTE_THERE].join('\n') },
  },
];

const node3: Fault[] = [
  {
    id: 'node3-unknown-to-node2',
    title: "node2 has no route to node3's pods",
    caughtBy: 'node3-joins',
    cause: 'no-route',
    apply: { node2: 'ip route del "$NODE3_POD_CIDR"' },
    repair: { node2: 'ip route add "$NODE3_POD_CIDR" via "$NODE3_IP"' },
  },
  {
    id: 'node3-does-not-forward',
    title: 'node3 does not forward',
    caughtBy: 'node3-joins',
    cause: 'ip-forward-off',
    apply: { node3: 'sysctl -q -w net.ipv4.ip_forward=0' },
    repair: { node3: 'sysctl -q -w net.ipv4.ip_forward=1' },
  },
  {
    id: 'node3-small-mtu',
    title: 'eth0 of node3 takes packets of 1400 bytes only',
    caughtBy: 'node3-joins',
    cause: 'mtu-mismatch',
    apply: { node3: 'ip link set eth0 mtu 1400' },
    repair: { node3: 'ip link set eth0 mtu 1500' },
  },
  {
    id: 'node3-route-mtu',
    title: "node3's route to node2's pods takes packets of 1280 bytes only",
    caughtBy: 'node3-joins',
    cause: 'mtu-mismatch',
    apply: { node3: 'ip route replace "$NODE2_POD_CIDR" via "$NODE2_IP" mtu 1280' },
    repair: { node3: 'ip route replace "$NODE2_POD_CIDR" via "$NODE2_IP"' },
  },
  {
    id: 'node3-route-for-one-pod',
    title: 'node1 has a route for pod e alone instead of one for the pod CIDR of node3',
    caughtBy: 'node3-joins',
    cause: 'no-route',
    apply: { node1: 'ip route del "$NODE3_POD_CIDR"; ip route add "$POD_E_IP" via "$NODE3_IP"' },
    repair: { node1: 'ip route del "$POD_E_IP"; ip route add "$NODE3_POD_CIDR" via "$NODE3_IP"' },
  },
  {
    id: 'node3-route-for-pods-only',
    title: "node3 has the route to node2's pods for its pods' packets only, not for its own",
    caughtBy: 'node3-joins',
    cause: 'no-route',
    apply: {
      node3: [
        'ip rule add from "$NODE3_POD_CIDR" lookup 100',
        'ip route add "$NODE2_POD_CIDR" via "$NODE2_IP" table 100',
        'ip route del "$NODE2_POD_CIDR"',
      ].join('\n'),
    },
    repair: {
      node3: ['ip rule del from "$NODE3_POD_CIDR" lookup 100', 'ip route flush table 100', ROUTE_THERE].join(
        '\n',
      ),
    },
  },
];

export default defineFaults([...forwarding, ...there, ...back, ...afterReach, ...node3]);
