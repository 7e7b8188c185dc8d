/**
 * Faults of lab 05, in the order of the checks that catch them. Each is put into the solved testbed, as the
 * guide leaves it: flannel.1 on every node, and three entries for each other node.
 *
 * Not among them: a bridge with the cluster's /16 (the /24 routes are longer, and win), and `learning` beside entries that
 * stand (the kernel learns what it was told). Neither changes the way of a packet.
 */
import { defineFaults, type Fault } from 'podwire';

const mac = (node: number) => `0e:00:00:00:00:0${node}`;
/** The first address of a node's pod CIDR: the tunnel end's. */
const end = (node: number) => `"\${NODE${node}_POD_CIDR%/*}"`;

const neighbour = (node: number) =>
  `ip neigh replace ${end(node)} lladdr ${mac(node)} dev flannel.1 nud permanent`;
const fdb = (node: number) =>
  `bridge fdb replace ${mac(node)} dev flannel.1 dst "$NODE${node}_IP" self permanent`;
const route = (node: number) =>
  `ip route replace "$NODE${node}_POD_CIDR" via ${end(node)} dev flannel.1 onlink`;

/** Makes flannel.1 of a node anew, with other words than the guide's where wanted. */
function rebuild(
  node: number,
  {
    vni = '"$VNI"',
    port = '"$VXLAN_PORT"',
    local = `"$NODE${node}_IP"`,
    device = 'dev eth0',
    length = 32 as number | null,
  } = {},
): string {
  const others = [1, 2, 3].filter((other) => other !== node);
  return [
    'if ip link show flannel.1 >/dev/null 2>&1; then ip link del flannel.1; fi',
    `ip link add flannel.1 address ${mac(node)} type vxlan id ${vni} local ${local} ${device} dstport ${port} nolearning`,
    ...(length === null ? [] : [`ip address add ${end(node)}/${length} dev flannel.1`]),
    'ip link set flannel.1 up',
    ...others.flatMap((other) => [neighbour(other), fdb(other), route(other)]),
  ].join('\n');
}

const everywhere = (commands: (node: number) => string) => ({
  node1: commands(1),
  node2: commands(2),
  node3: commands(3),
});

const there: Fault[] = [
  {
    id: 'no-route',
    title: "node1 has no route to node2's pods, so they take the default route",
    caughtBy: 'one-way',
    cause: 'no-route',
    apply: { node1: 'ip route del "$NODE2_POD_CIDR"' },
    repair: { node1: route(2) },
  },
  {
    id: 'fdb-missing',
    title: 'node1 does not know behind which node the tunnel end is',
    caughtBy: 'one-way',
    cause: 'vtep-fdb-missing',
    apply: { node1: `bridge fdb del ${mac(2)} dev flannel.1 dst "$NODE2_IP" self` },
    repair: { node1: fdb(2) },
  },
  {
    id: 'fdb-wrong-node',
    title: "The FDB of node1 puts node2's tunnel end behind node3",
    caughtBy: 'one-way',
    cause: 'vtep-fdb-wrong',
    apply: { node1: `bridge fdb replace ${mac(2)} dev flannel.1 dst "$NODE3_IP" self permanent` },
    repair: { node1: fdb(2) },
  },
  {
    id: 'neighbour-missing',
    title: 'node1 does not know the MAC address of the next hop',
    caughtBy: 'one-way',
    cause: 'vtep-neighbour-missing',
    apply: { node1: `ip neigh del ${end(2)} dev flannel.1` },
    repair: { node1: neighbour(2) },
  },
  {
    id: 'vtep-mac-wrong',
    title: 'node1 has a MAC address for node2 that node2 does not have',
    caughtBy: 'one-way',
    cause: 'vtep-mac-wrong',
    apply: {
      node1: [
        `ip neigh replace ${end(2)} lladdr 0e:00:00:00:00:99 dev flannel.1 nud permanent`,
        'bridge fdb replace 0e:00:00:00:00:99 dev flannel.1 dst "$NODE2_IP" self permanent',
      ].join('\n'),
    },
    repair: { node1: `${neighbour(2)}; bridge fdb del 0e:00:00:00:00:99 dev flannel.1 dst "$NODE2_IP" self` },
  },
  {
    id: 'vni-on-one-side',
    title: 'node2 has another VNI',
    caughtBy: 'one-way',
    cause: 'vni-mismatch',
    apply: { node2: rebuild(2, { vni: '4095' }) },
    repair: { node2: rebuild(2) },
  },
  {
    id: 'port-on-one-side',
    title: 'node2 listens on UDP port 4789, the one of RFC 7348',
    caughtBy: 'one-way',
    cause: 'vxlan-port-mismatch',
    apply: { node2: rebuild(2, { port: '4789' }) },
    repair: { node2: rebuild(2) },
  },
  {
    id: 'route-without-via',
    title: 'The route of node1 names flannel.1 and no next hop',
    caughtBy: 'one-way',
    cause: 'route-without-via',
    apply: { node1: 'ip route replace "$NODE2_POD_CIDR" dev flannel.1' },
    repair: { node1: route(2) },
  },
  {
    id: 'next-hop-behind-the-router',
    title: "The route of node1 is lab 04's, forced: node2 is to be the next hop on eth0",
    caughtBy: 'one-way',
    cause: 'wrong-gateway',
    apply: { node1: 'ip route replace "$NODE2_POD_CIDR" via "$NODE2_IP" dev eth0 onlink' },
    repair: { node1: route(2) },
  },
  {
    id: 'device-down',
    title: 'flannel.1 of node1 is down',
    caughtBy: 'one-way',
    cause: 'link-down',
    apply: { node1: 'ip link set flannel.1 down' },
    repair: { node1: rebuild(1) },
  },
  {
    id: 'no-device-there',
    title: 'node2 has no tunnel end',
    caughtBy: 'one-way',
    cause: 'no-vtep',
    apply: { node2: 'ip link del flannel.1' },
    repair: { node2: rebuild(2) },
  },
  {
    id: 'port-blocked',
    title: 'A firewall on node2 drops UDP port 8472',
    caughtBy: 'one-way',
    cause: 'filter-drop',
    apply: { node2: 'iptables -I INPUT -p udp --dport "$VXLAN_PORT" -j DROP' },
    repair: { node2: 'iptables -D INPUT -p udp --dport "$VXLAN_PORT" -j DROP' },
  },
  {
    id: 'port-blocked-between',
    title: 'The router between the racks drops UDP port 8472',
    caughtBy: 'one-way',
    cause: 'filter-drop',
    apply: { router: 'nft insert rule inet underlay forward udp dport "$VXLAN_PORT" drop' },
    repair: {
      router:
        'nft delete rule inet underlay forward handle "$(nft -a list chain inet underlay forward | sed -n "s/.*udp dport.*handle //p")"',
    },
  },
  {
    id: 'forwarding-off',
    title: 'node2 does not forward',
    caughtBy: 'one-way',
    cause: 'ip-forward-off',
    apply: { node2: 'sysctl -q -w net.ipv4.ip_forward=0' },
    repair: { node2: 'sysctl -q -w net.ipv4.ip_forward=1' },
  },
  {
    id: 'forward-drop',
    title: 'The FORWARD chain of node1 drops, as Docker leaves it',
    caughtBy: 'one-way',
    cause: 'filter-drop',
    apply: { node1: 'iptables -P FORWARD DROP' },
    repair: { node1: 'iptables -P FORWARD ACCEPT' },
  },
  {
    id: 'pods-too-wide',
    title: 'Pod a has a /16, so it takes the pods of other nodes for its neighbours',
    caughtBy: 'one-way',
    cause: 'wrong-prefix',
    apply: {
      'pod/a':
        'ip address flush dev eth0; ip address add "$POD_A_IP/16" dev eth0; ip route add default via "$NODE1_POD_GATEWAY"',
    },
    repair: {
      'pod/a':
        'ip address flush dev eth0; ip address add "$POD_A_IP/24" dev eth0; ip route add default via "$NODE1_POD_GATEWAY"',
    },
  },
];

const back: Fault[] = [
  {
    id: 'route-on-one-side-only',
    title: "node2 has no route back to node1's pods",
    caughtBy: 'a-reaches-c',
    cause: 'no-route',
    apply: { node2: 'ip route del "$NODE1_POD_CIDR"' },
    repair: { node2: route(1) },
  },
  {
    id: 'fdb-missing-there',
    title: 'node2 does not know behind which node the tunnel end of node1 is',
    caughtBy: 'a-reaches-c',
    cause: 'vtep-fdb-missing',
    apply: { node2: `bridge fdb del ${mac(1)} dev flannel.1 dst "$NODE1_IP" self` },
    repair: { node2: fdb(1) },
  },
  {
    id: 'tunnel-end-sends-as-another',
    title: "flannel.1 of node2 has node1's address for its own",
    caughtBy: 'a-reaches-c',
    cause: 'vtep-local-wrong',
    apply: { node2: rebuild(2, { local: '"$NODE1_IP"' }) },
    repair: { node2: rebuild(2) },
  },
  {
    id: 'tunnel-end-with-24',
    title: "flannel.1 of node1 has a /24, and its route hides the bridge's",
    caughtBy: 'a-reaches-c',
    cause: 'subnet-clash',
    apply: {
      node1: [
        'ip address del "$NODE1_POD_GATEWAY/24" dev cni0',
        `ip address replace ${end(1)}/24 dev flannel.1`,
        'ip address add "$NODE1_POD_GATEWAY/24" dev cni0',
      ].join('\n'),
    },
    repair: { node1: `ip address del ${end(1)}/24 dev flannel.1` },
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
    id: 'masquerade-docker-style',
    title: 'node1 masquerades its pods as Docker does: whatever does not leave by the bridge',
    caughtBy: 'no-nat',
    cause: 'snat-on-pod-traffic',
    apply: { node1: 'iptables -t nat -A POSTROUTING -s "$NODE1_POD_CIDR" ! -o cni0 -j MASQUERADE' },
    repair: { node1: 'iptables -t nat -D POSTROUTING -s "$NODE1_POD_CIDR" ! -o cni0 -j MASQUERADE' },
  },
  {
    id: 'detour',
    title: "node1 sends packets for node2's pods to node3, which passes them on",
    caughtBy: 'two-routers',
    cause: 'wrong-next-hop',
    apply: { node1: `ip route replace "$NODE2_POD_CIDR" via ${end(3)} dev flannel.1 onlink` },
    repair: { node1: route(2) },
  },
  {
    id: 'other-vni-everywhere',
    title: 'All nodes use another VNI than the plan',
    caughtBy: 'on-the-wire',
    cause: 'vni-mismatch',
    apply: everywhere((node) => rebuild(node, { vni: '4095' })),
    repair: everywhere((node) => rebuild(node)),
  },
  {
    id: 'other-port-everywhere',
    title: 'All nodes use UDP port 4789',
    caughtBy: 'on-the-wire',
    cause: 'vxlan-port-mismatch',
    apply: everywhere((node) => rebuild(node, { port: '4789' })),
    repair: everywhere((node) => rebuild(node)),
  },
  {
    id: 'asks-by-arp',
    title: 'node1 has no permanent neighbour entry, and floods what it does not know',
    caughtBy: 'quiet-overlay',
    cause: 'overlay-asks',
    apply: {
      node1: [
        `ip neigh del ${end(2)} dev flannel.1`,
        'bridge fdb append 00:00:00:00:00:00 dev flannel.1 dst "$NODE2_IP" self permanent',
      ].join('\n'),
    },
    repair: {
      node1: `${neighbour(2)}; bridge fdb del 00:00:00:00:00:00 dev flannel.1 dst "$NODE2_IP" self`,
    },
  },
  {
    id: 'asks-in-the-name-of-node3',
    title: 'node1 asks by ARP for a next hop that is an address of node3, and node2 answers',
    caughtBy: 'quiet-overlay',
    cause: 'overlay-asks',
    apply: {
      node1: [
        'ip route replace "$NODE2_POD_CIDR" via 192.0.2.3 dev flannel.1 onlink',
        'bridge fdb append 00:00:00:00:00:00 dev flannel.1 dst "$NODE2_IP" self permanent',
      ].join('\n'),
      node2: 'ip address add 192.0.2.3/32 dev flannel.1',
      node3: 'ip address add 192.0.2.3/32 dev flannel.1',
    },
    repair: {
      node1: `${route(2)}; bridge fdb del 00:00:00:00:00:00 dev flannel.1 dst "$NODE2_IP" self`,
      node2: 'ip address del 192.0.2.3/32 dev flannel.1',
      node3: 'ip address del 192.0.2.3/32 dev flannel.1',
    },
  },
  {
    id: 'copies-to-all',
    title: 'node2 has no FDB entries but a list of all nodes, so each packet goes to every one of them',
    caughtBy: 'quiet-overlay',
    cause: 'overlay-floods',
    apply: {
      node2: [
        `bridge fdb del ${mac(1)} dev flannel.1 dst "$NODE1_IP" self`,
        `bridge fdb del ${mac(3)} dev flannel.1 dst "$NODE3_IP" self`,
        'bridge fdb append 00:00:00:00:00:00 dev flannel.1 dst "$NODE1_IP" self permanent',
        'bridge fdb append 00:00:00:00:00:00 dev flannel.1 dst "$NODE3_IP" self permanent',
      ].join('\n'),
    },
    repair: {
      node2: [
        'bridge fdb del 00:00:00:00:00:00 dev flannel.1 dst "$NODE1_IP" self',
        'bridge fdb del 00:00:00:00:00:00 dev flannel.1 dst "$NODE3_IP" self',
        fdb(1),
        fdb(3),
      ].join('\n'),
    },
  },
  {
    id: 'silent-node',
    title: 'node1 does not tell its pods that their packets are too big',
    caughtBy: 'large-transfer',
    cause: 'mtu-mismatch',
    apply: {
      node1: 'iptables -I OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP',
    },
    repair: { node1: 'iptables -D OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP' },
  },
  {
    id: 'mtu-not-lowered',
    title: 'flannel.1 of node1 takes 1500 bytes, as a device without "dev eth0" does',
    caughtBy: 'no-fragments',
    cause: 'mtu-mismatch',
    apply: { node1: `${rebuild(1, { device: '' })}; ip netns exec a ip route flush cache` },
    repair: { node1: rebuild(1) },
  },
  {
    id: 'mtu-lowered-in-the-pods',
    title:
      'The pods of node1 send 1450 bytes at most, and flannel.1 of node1 takes 1500 from the node itself',
    caughtBy: 'nodes-and-pods',
    cause: 'mtu-mismatch',
    apply: {
      node1: `${rebuild(1, { device: '' })}; for p in $PODS; do ip -n "$p" link set eth0 mtu 1450; done`,
    },
    repair: { node1: `${rebuild(1)}; for p in $PODS; do ip -n "$p" link set eth0 mtu 1500; done` },
  },
  {
    id: 'tunnel-end-with-24-later',
    title: 'flannel.1 of node1 has a /24, and hides the bridge as soon as that has been down once',
    caughtBy: 'nodes-and-pods',
    cause: 'subnet-clash',
    apply: { node1: rebuild(1, { length: 24 }) },
    repair: { node1: rebuild(1) },
  },
  {
    id: 'tunnel-end-without-address',
    title: 'flannel.1 of node1 has no address',
    caughtBy: 'nodes-and-pods',
    cause: 'vtep-no-address',
    apply: { node1: rebuild(1, { length: null }) },
    repair: { node1: rebuild(1) },
  },
  {
    id: 'node3-unknown-to-node2',
    title: 'node2 does not know behind which node the tunnel end of node3 is',
    caughtBy: 'node3-joins',
    cause: 'vtep-fdb-missing',
    apply: { node2: `bridge fdb del ${mac(3)} dev flannel.1 dst "$NODE3_IP" self` },
    repair: { node2: fdb(3) },
  },
  {
    id: 'node3-mtu-not-lowered',
    title: 'flannel.1 of node3 takes 1500 bytes',
    caughtBy: 'node3-joins',
    cause: 'mtu-mismatch',
    apply: { node3: `${rebuild(3, { device: '' })}; ip netns exec e ip route flush cache` },
    repair: { node3: rebuild(3) },
  },
  {
    id: 'node3-asked-for',
    title: 'node1 asks by ARP for the tunnel end of node3',
    caughtBy: 'node3-quiet',
    cause: 'overlay-asks',
    apply: {
      node1: [
        `ip neigh del ${end(3)} dev flannel.1`,
        'bridge fdb append 00:00:00:00:00:00 dev flannel.1 dst "$NODE3_IP" self permanent',
      ].join('\n'),
    },
    repair: {
      node1: `${neighbour(3)}; bridge fdb del 00:00:00:00:00:00 dev flannel.1 dst "$NODE3_IP" self`,
    },
  },
  {
    id: 'node3-copies-to-all',
    title: 'node3 has no FDB entries but a list of all nodes',
    caughtBy: 'node3-quiet',
    cause: 'overlay-floods',
    apply: {
      node3: [
        `bridge fdb del ${mac(1)} dev flannel.1 dst "$NODE1_IP" self`,
        `bridge fdb del ${mac(2)} dev flannel.1 dst "$NODE2_IP" self`,
        'bridge fdb append 00:00:00:00:00:00 dev flannel.1 dst "$NODE1_IP" self permanent',
        'bridge fdb append 00:00:00:00:00:00 dev flannel.1 dst "$NODE2_IP" self permanent',
      ].join('\n'),
    },
    repair: {
      node3: [
        'bridge fdb del 00:00:00:00:00:00 dev flannel.1 dst "$NODE1_IP" self',
        'bridge fdb del 00:00:00:00:00:00 dev flannel.1 dst "$NODE2_IP" self',
        fdb(1),
        fdb(2),
      ].join('\n'),
    },
  },
  {
    id: 'node3-without-address',
    title: 'flannel.1 of node3 has no address',
    caughtBy: 'node3-joins',
    cause: 'vtep-no-address',
    apply: { node3: rebuild(3, { length: null }) },
    repair: { node3: rebuild(3) },
  },
];

export default defineFaults([...there, ...back, ...afterReach]);
