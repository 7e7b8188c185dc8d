/**
 * Faults of lab 03, in the order of the checks that catch them. Each is put into the solved testbed, as the
 * guide leaves it: the bridge cni0, cables veth-a, veth-b, veth-c with eth0 in the pods.
 */
import { defineFaults, type Fault } from 'podwire';

/** The default route of a pod is lost when its interface or address goes; this brings all of it back. */
const repairPod = (pod: 'a' | 'b' | 'c') =>
  [
    `ip link set eth0 up`,
    `ip address replace "$POD_${pod.toUpperCase()}_IP/24" dev eth0`,
    `ip route replace default via "$NODE1_POD_GATEWAY"`,
  ].join('\n');

/** Makes everybody forget whom they know, so that ARP asks again. */
const FORGET = 'for pod in a b c; do ip -netns "$pod" neigh flush dev eth0; done; ip neigh flush dev cni0';

/** The MAC address of a pod's interface. */
const MAC_OF = `mac_of() { ip -netns "$1" -j link show eth0 | jq -r '.[0].address'; }`;

const addresses: Fault[] = [
  {
    id: 'namespace-deleted',
    title: 'Pod c has lost its network namespace',
    caughtBy: 'addresses',
    cause: 'no-namespace',
    apply: { node1: 'ip netns del c' },
    repair: { node1: 'ip netns attach c "$(cat /run/podwire/pods/c)"' },
  },
  {
    id: 'cable-removed',
    title: 'Pod c has no cable',
    caughtBy: 'addresses',
    cause: 'no-interface',
    apply: { node1: 'ip link del veth-c' },
    repair: {
      node1: [
        'ip link add veth-c type veth peer name eth0 netns c',
        'ip link set veth-c master cni0 up',
        'ip -netns c link set eth0 up',
        'ip -netns c address add "$POD_C_IP/24" dev eth0',
        'ip -netns c route add default via "$NODE1_POD_GATEWAY"',
      ].join('\n'),
    },
  },
  {
    id: 'address-missing',
    title: 'Pod b has no address',
    caughtBy: 'addresses',
    cause: 'no-address',
    apply: { 'pod/b': 'ip address flush dev eth0' },
    repair: { 'pod/b': repairPod('b') },
  },
  {
    id: 'address-twice',
    title: 'Pod b has the address of pod a',
    caughtBy: 'addresses',
    cause: 'duplicate-address',
    apply: { 'pod/b': 'ip address flush dev eth0\nip address add "$POD_A_IP/24" dev eth0' },
    repair: { 'pod/b': `ip address flush dev eth0\n${repairPod('b')}`, node1: FORGET },
  },
  {
    id: 'address-outside',
    title: "Pod c has an address that is not from node1's pod CIDR",
    caughtBy: 'addresses',
    cause: 'address-outside-cidr',
    apply: { 'pod/c': 'ip address flush dev eth0\nip address add 172.30.0.4/24 dev eth0' },
    repair: { 'pod/c': `ip address flush dev eth0\n${repairPod('c')}` },
  },
  {
    id: 'address-of-the-gateway',
    title: "Pod a has the gateway's address",
    caughtBy: 'addresses',
    cause: 'address-reserved',
    apply: { 'pod/a': 'ip address flush dev eth0\nip address add "$NODE1_POD_GATEWAY/24" dev eth0' },
    repair: { 'pod/a': `ip address flush dev eth0\n${repairPod('a')}`, node1: FORGET },
  },
];

const aReachesB: Fault[] = [
  {
    id: 'not-plugged-in',
    title: "Pod a's cable is not plugged into the bridge",
    caughtBy: 'a-reaches-b',
    cause: 'not-in-bridge',
    apply: { node1: 'ip link set veth-a nomaster' },
    repair: { node1: 'ip link set veth-a master cni0' },
  },
  {
    id: 'cable-down-in-node',
    title: "Pod b's cable is down at the node's end",
    caughtBy: 'a-reaches-b',
    cause: 'link-down',
    apply: { node1: 'ip link set veth-b down' },
    repair: { node1: 'ip link set veth-b up' },
  },
  {
    id: 'cable-down-in-pod',
    title: "Pod b's interface is down",
    caughtBy: 'a-reaches-b',
    cause: 'link-down',
    apply: { 'pod/b': 'ip link set eth0 down' },
    repair: { 'pod/b': repairPod('b') },
  },
  {
    id: 'bridge-down',
    title: 'The bridge is down',
    caughtBy: 'a-reaches-b',
    cause: 'bridge-down',
    apply: { node1: 'ip link set cni0 down' },
    repair: { node1: 'ip link set cni0 up' },
  },
  {
    id: 'cable-inside-the-pod',
    title: "Both ends of pod b's cable are in the pod",
    caughtBy: 'a-reaches-b',
    cause: 'peer-elsewhere',
    apply: { node1: 'ip link set veth-b netns b' },
    repair: { node1: 'ip -netns b link set veth-b netns 1\nip link set veth-b master cni0 up' },
  },
  {
    id: 'mask-32',
    title: 'Pod a has its address with /32',
    caughtBy: 'a-reaches-b',
    cause: 'wrong-prefix',
    apply: { 'pod/a': 'ip address flush dev eth0\nip address add "$POD_A_IP/32" dev eth0' },
    repair: { 'pod/a': `ip address flush dev eth0\n${repairPod('a')}` },
  },
  {
    id: 'duplicate-mac',
    title: 'Pods a and b have the same MAC address',
    caughtBy: 'a-reaches-b',
    cause: 'duplicate-mac',
    apply: {
      node1: [
        'for pod in a b; do ip netns exec "$pod" ip link set eth0 address 02:00:00:00:00:0a; done',
        FORGET,
      ].join('\n'),
    },
    repair: { 'pod/b': 'ip link set eth0 address 02:00:00:00:00:0b', node1: FORGET },
  },
  {
    id: 'two-bridges',
    title: 'Pod b is plugged into a bridge of its own',
    caughtBy: 'a-reaches-b',
    cause: 'other-bridge',
    apply: { node1: 'ip link add cni1 type bridge\nip link set cni1 up\nip link set veth-b master cni1' },
    repair: { node1: 'ip link set veth-b master cni0\nip link del cni1' },
  },
  {
    id: 'spanning-tree',
    title: 'The spanning tree protocol is on, with its long delay',
    caughtBy: 'a-reaches-b',
    cause: 'port-not-forwarding',
    apply: {
      node1: [
        'ip link set cni0 type bridge stp_state 1 forward_delay 3000',
        'for port in veth-a veth-b veth-c; do ip link set "$port" nomaster; ip link set "$port" master cni0; done',
      ].join('\n'),
    },
    repair: {
      node1: [
        'ip link set cni0 type bridge stp_state 0',
        'for port in veth-a veth-b veth-c; do ip link set "$port" nomaster; ip link set "$port" master cni0; done',
      ].join('\n'),
    },
  },
  {
    id: 'isolated-ports',
    title: 'The ports of pods a and b are isolated',
    caughtBy: 'a-reaches-b',
    cause: 'port-isolated',
    apply: { node1: 'for port in veth-a veth-b; do bridge link set dev "$port" isolated on; done' },
    repair: { node1: 'for port in veth-a veth-b; do bridge link set dev "$port" isolated off; done' },
  },
  {
    id: 'no-flooding',
    title: "Broadcasts are not sent out of pod b's port, so ARP does not reach it",
    caughtBy: 'a-reaches-b',
    cause: 'flooding-off',
    apply: { node1: `bridge link set dev veth-b bcast_flood off flood off\n${FORGET}` },
    repair: { node1: 'bridge link set dev veth-b bcast_flood on flood on' },
  },
  {
    id: 'arp-off',
    title: 'Pod b does not take part in ARP',
    caughtBy: 'a-reaches-b',
    cause: 'arp-off',
    apply: { 'pod/b': 'ip link set eth0 arp off', node1: FORGET },
    repair: { 'pod/b': 'ip link set eth0 arp on' },
  },
  {
    id: 'arp-ignored',
    title: 'Pod b is told to answer no ARP request',
    caughtBy: 'a-reaches-b',
    cause: 'arp-ignored',
    apply: { 'pod/b': 'sysctl -qw net.ipv4.conf.eth0.arp_ignore=8', node1: FORGET },
    repair: { 'pod/b': 'sysctl -qw net.ipv4.conf.eth0.arp_ignore=0' },
  },
  {
    id: 'wrong-neighbour',
    title: 'Pod a has a wrong static neighbour entry for pod b',
    caughtBy: 'a-reaches-b',
    cause: 'wrong-neighbour',
    apply: { 'pod/a': 'ip neigh replace "$POD_B_IP" lladdr 02:00:00:00:00:99 dev eth0 nud permanent' },
    repair: { 'pod/a': 'ip neigh del "$POD_B_IP" dev eth0' },
  },
  {
    id: 'wrong-fdb-entry',
    title: "The bridge has pod b's MAC address written down behind pod c's port",
    caughtBy: 'a-reaches-b',
    cause: 'wrong-fdb-entry',
    apply: { node1: `${MAC_OF}\nbridge fdb replace "$(mac_of b)" dev veth-c master static sticky` },
    repair: { node1: `${MAC_OF}\nbridge fdb del "$(mac_of b)" dev veth-c master static` },
  },
  {
    id: 'blackhole',
    title: 'A blackhole route in pod a swallows what is for pod b',
    caughtBy: 'a-reaches-b',
    cause: 'route-rejects',
    apply: { 'pod/a': 'ip route add blackhole "$POD_B_IP"' },
    repair: { 'pod/a': 'ip route del blackhole "$POD_B_IP"' },
  },
  {
    id: 'ebtables-drops-arp',
    title: 'ebtables drops ARP on the bridge',
    caughtBy: 'a-reaches-b',
    cause: 'filter-drop',
    apply: { node1: `ebtables -A FORWARD -p arp -j DROP\n${FORGET}` },
    repair: { node1: 'ebtables -F FORWARD' },
  },
  {
    id: 'nft-bridge-drops-udp',
    title: 'nftables drops UDP on the bridge; ping works',
    caughtBy: 'a-reaches-b',
    cause: 'filter-drop',
    apply: {
      node1: [
        'nft add table bridge guard',
        `nft add chain bridge guard forward '{ type filter hook forward priority 0; }'`,
        'nft add rule bridge guard forward ip protocol udp drop',
      ].join('\n'),
    },
    repair: { node1: 'nft delete table bridge guard' },
  },
  {
    id: 'iptables-forward-drop',
    title: 'iptables drops forwarded packets, bridged ones too',
    caughtBy: 'a-reaches-b',
    cause: 'filter-drop',
    apply: { node1: 'sysctl -qw net.bridge.bridge-nf-call-iptables=1\niptables -P FORWARD DROP' },
    repair: { node1: 'iptables -P FORWARD ACCEPT' },
  },
  {
    id: 'iptables-in-the-pod',
    title: 'Pod b rejects TCP itself',
    caughtBy: 'a-reaches-b',
    cause: 'filter-drop',
    apply: { 'pod/b': 'iptables -A INPUT -p tcp -j REJECT --reject-with tcp-reset' },
    repair: { 'pod/b': 'iptables -F INPUT' },
  },
  {
    id: 'tc-drops',
    title: "The queue of pod b's cable throws everything away",
    caughtBy: 'a-reaches-b',
    cause: 'filter-drop',
    apply: { node1: 'tc qdisc add dev veth-b root blackhole' },
    repair: { node1: 'tc qdisc del dev veth-b root' },
  },
  {
    id: 'legacy-rules',
    title: 'A rule of the old iptables drops bridged packets; nft does not show it',
    caughtBy: 'a-reaches-b',
    cause: 'filter-drop',
    apply: {
      node1: 'sysctl -qw net.bridge.bridge-nf-call-iptables=1\niptables-legacy -A FORWARD -p tcp -j DROP',
    },
    repair: { node1: 'iptables-legacy -F FORWARD' },
  },
  {
    id: 'port-stolen',
    title: "A rule sends all TCP for pod b to another port of the pod's own",
    caughtBy: 'a-reaches-b',
    cause: 'dnat-on-pod-traffic',
    apply: { 'pod/b': 'iptables -t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 7' },
    repair: { 'pod/b': 'iptables -t nat -F PREROUTING' },
  },
];

const betweenPods: Fault[] = [
  {
    id: 'third-pod-not-plugged-in',
    title: "Pod c's cable is not plugged into the bridge",
    caughtBy: 'mesh',
    cause: 'not-in-bridge',
    apply: { node1: 'ip link set veth-c nomaster' },
    repair: { node1: 'ip link set veth-c master cni0' },
  },
  {
    id: 'third-pod-filtered',
    title: 'Pod c may not send to pod b',
    caughtBy: 'mesh',
    cause: 'filter-drop',
    apply: { 'pod/b': 'iptables -A INPUT -s "$POD_C_IP" -j DROP' },
    repair: { 'pod/b': 'iptables -F INPUT' },
  },
  {
    id: 'masquerade-everything',
    title: 'All that comes from pods is masqueraded, pod traffic too',
    caughtBy: 'no-nat',
    cause: 'snat-on-pod-traffic',
    apply: {
      node1: [
        'sysctl -qw net.bridge.bridge-nf-call-iptables=1',
        'iptables -t nat -A POSTROUTING -s "$NODE1_POD_CIDR" -j MASQUERADE',
      ].join('\n'),
    },
    repair: { node1: 'iptables -t nat -F POSTROUTING' },
  },
  {
    id: 'snat-in-the-pod',
    title: 'Pod a sends with a second address instead of its own',
    caughtBy: 'no-nat',
    cause: 'snat-on-pod-traffic',
    apply: {
      'pod/b': 'iptables -t nat -A INPUT -s "$POD_A_IP" -j SNAT --to-source "$NODE1_POD_GATEWAY"',
    },
    repair: { 'pod/b': 'iptables -t nat -F INPUT' },
  },
  {
    id: 'routed-by-the-gateway',
    title: 'The pods send even for their own network to the gateway',
    caughtBy: 'bridged',
    cause: 'routed-not-bridged',
    apply: {
      node1: [
        'for pod in a b c; do',
        '  ip netns exec "$pod" ip route replace "$NODE1_POD_CIDR" via "$NODE1_POD_GATEWAY" dev eth0 onlink metric 0',
        '  ip netns exec "$pod" ip route add "$NODE1_POD_GATEWAY" dev eth0',
        'done',
        'sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.cni0.send_redirects=0',
      ].join('\n'),
    },
    repair: {
      node1: [
        'for pod in a b c; do',
        '  ip netns exec "$pod" ip route del "$NODE1_POD_CIDR" via "$NODE1_POD_GATEWAY"',
        '  ip netns exec "$pod" ip route del "$NODE1_POD_GATEWAY" dev eth0',
        'done',
        'for pod in a b c; do address=POD_${pod^^}_IP',
        '  ip netns exec "$pod" ip route replace "$NODE1_POD_CIDR" dev eth0 src "${!address}"',
        'done',
      ].join('\n'),
    },
  },
  {
    id: 'neighbour-is-the-gateway',
    title: "Pod a has the gateway's MAC address written down for pod b",
    caughtBy: 'arp',
    cause: 'wrong-neighbour',
    apply: {
      'pod/a': [
        'ping -c 1 "$NODE1_POD_GATEWAY" >/dev/null',
        `mac=$(ip -j neigh show "$NODE1_POD_GATEWAY" | jq -r '.[0].lladdr')`,
        'ip neigh replace "$POD_B_IP" lladdr "$mac" dev eth0 nud permanent',
      ].join('\n'),
    },
    repair: { 'pod/a': 'ip neigh del "$POD_B_IP" dev eth0' },
  },
  {
    id: 'learning-off',
    title: "The bridge does not learn at pod b's port, and floods instead",
    caughtBy: 'fdb',
    cause: 'learning-off',
    apply: { node1: 'bridge link set dev veth-b learning off\nip link set cni0 type bridge fdb_flush' },
    repair: { node1: 'bridge link set dev veth-b learning on' },
  },
  {
    id: 'ageing-time-zero',
    title: 'The bridge forgets at once, and floods like a hub',
    caughtBy: 'fdb',
    cause: 'learning-off',
    apply: { node1: 'ip link set cni0 type bridge ageing_time 0\nip link set cni0 type bridge fdb_flush' },
    repair: { node1: 'ip link set cni0 type bridge ageing_time 30000' },
  },
  {
    id: 'small-mtu',
    title: "Pod a's cable takes only 1400 bytes at the node's end",
    caughtBy: 'full-size',
    cause: 'mtu-mismatch',
    apply: { node1: 'ip link set veth-a mtu 1400' },
    repair: { node1: 'ip link set veth-a mtu 1500\nip link set cni0 mtu 1500' },
  },
  {
    id: 'large-packets-filtered',
    title: 'A rule on the bridge drops large packets',
    caughtBy: 'full-size',
    cause: 'filter-drop',
    apply: {
      node1: [
        'nft add table bridge guard',
        `nft add chain bridge guard forward '{ type filter hook forward priority 0; }'`,
        'nft add rule bridge guard forward meta length gt 1200 drop',
      ].join('\n'),
    },
    repair: { node1: 'nft delete table bridge guard' },
  },
];

const node: Fault[] = [
  {
    id: 'no-gateway-address',
    title: 'The bridge has no address',
    caughtBy: 'node-reaches-pods',
    cause: 'no-gateway-address',
    apply: { node1: 'ip address del "$NODE1_POD_GATEWAY/24" dev cni0' },
    repair: { node1: 'ip address add "$NODE1_POD_GATEWAY/24" dev cni0' },
  },
  {
    id: 'own-mac-forgotten',
    title: "All entries of the forwarding database are deleted, the bridge's own too",
    caughtBy: 'node-reaches-pods',
    cause: 'fdb-entry-missing',
    apply: { node1: 'bridge fdb flush dev cni0' },
    repair: {
      node1:
        'for port in veth-a veth-b veth-c; do ip link set "$port" nomaster; ip link set "$port" master cni0; done',
    },
  },
  {
    id: 'gateway-mask-32',
    title: 'The bridge has its address with /32',
    caughtBy: 'node-reaches-pods',
    cause: 'wrong-prefix',
    apply: {
      node1: [
        'ip address del "$NODE1_POD_GATEWAY/24" dev cni0',
        'ip address add "$NODE1_POD_GATEWAY/32" dev cni0',
      ].join('\n'),
    },
    repair: {
      node1: [
        'ip address del "$NODE1_POD_GATEWAY/32" dev cni0',
        'ip address add "$NODE1_POD_GATEWAY/24" dev cni0',
      ].join('\n'),
    },
  },
  {
    id: 'gateway-on-a-port',
    title: "The gateway's address is on a port of the bridge instead of the bridge",
    caughtBy: 'node-reaches-pods',
    cause: 'address-on-port',
    apply: {
      node1: [
        'ip address del "$NODE1_POD_GATEWAY/24" dev cni0',
        'ip address add "$NODE1_POD_GATEWAY/24" dev veth-a',
      ].join('\n'),
    },
    repair: {
      node1: [
        'ip address del "$NODE1_POD_GATEWAY/24" dev veth-a',
        'ip address add "$NODE1_POD_GATEWAY/24" dev cni0',
      ].join('\n'),
    },
  },
  {
    id: 'wrong-route-on-the-node',
    title: 'The node sends what is for pod a out of eth0',
    caughtBy: 'node-reaches-pods',
    cause: 'wrong-route',
    apply: { node1: 'ip route add "$POD_A_IP" dev eth0' },
    repair: { node1: 'ip route del "$POD_A_IP" dev eth0' },
  },
  {
    id: 'no-default-route',
    title: 'Pod c has no default route',
    caughtBy: 'pods-reach-node',
    cause: 'no-route',
    apply: { 'pod/c': 'ip route del default' },
    repair: { 'pod/c': 'ip route add default via "$NODE1_POD_GATEWAY"' },
  },
  {
    id: 'wrong-gateway',
    title: "Pod b's default route goes by an address that nobody has",
    caughtBy: 'pods-reach-node',
    cause: 'wrong-gateway',
    apply: { 'pod/b': 'ip route replace default via "${NODE1_POD_GATEWAY%.*}.254"' },
    repair: { 'pod/b': 'ip route replace default via "$NODE1_POD_GATEWAY"' },
  },
  {
    id: 'gateway-is-a-pod',
    title: "Pod b's default route goes by pod a, which forwards nothing",
    caughtBy: 'pods-reach-node',
    cause: 'wrong-gateway',
    apply: { 'pod/b': 'ip route replace default via "$POD_A_IP"' },
    repair: { 'pod/b': 'ip route replace default via "$NODE1_POD_GATEWAY"' },
  },
  {
    id: 'node-filters-input',
    title: 'The node drops what pods send to its own address',
    caughtBy: 'pods-reach-node',
    cause: 'filter-drop',
    apply: { node1: 'iptables -A INPUT -s "$NODE1_POD_CIDR" -d "$NODE1_IP" -j DROP' },
    repair: { node1: 'iptables -F INPUT' },
  },
  {
    id: 'only-known-pods',
    title: 'A filter on the bridge names the pods one by one, and drops the rest',
    caughtBy: 'added-later',
    cause: 'filter-drop',
    apply: {
      node1: [
        'nft add table bridge guard',
        `nft add chain bridge guard forward '{ type filter hook forward priority 0; policy drop; }'`,
        'nft add rule bridge guard forward ether type arp accept',
        'nft add rule bridge guard forward ip saddr "{ $POD_A_IP, $POD_B_IP, $POD_C_IP }"' +
          ' ip daddr "{ $POD_A_IP, $POD_B_IP, $POD_C_IP }" accept',
      ].join('\n'),
    },
    repair: { node1: 'nft delete table bridge guard' },
  },
  {
    id: 'only-known-neighbours',
    title: 'The pods know each other by static entries, and ARP is off',
    caughtBy: 'added-later',
    cause: 'arp-off',
    apply: {
      node1: [
        MAC_OF,
        `gateway=$(ip -j link show cni0 | jq -r '.[0].address')`,
        'for pod in a b c; do',
        '  in="ip netns exec $pod"',
        '  $in ip link set eth0 arp off', // which forgets the entries there are
        '  $in ip neigh replace "$POD_A_IP" lladdr "$(mac_of a)" dev eth0 nud permanent',
        '  $in ip neigh replace "$POD_B_IP" lladdr "$(mac_of b)" dev eth0 nud permanent',
        '  $in ip neigh replace "$POD_C_IP" lladdr "$(mac_of c)" dev eth0 nud permanent',
        '  $in ip neigh replace "$NODE1_POD_GATEWAY" lladdr "$gateway" dev eth0 nud permanent',
        'done',
        'ip neigh replace "$POD_A_IP" lladdr "$(mac_of a)" dev cni0 nud permanent',
        'ip neigh replace "$POD_B_IP" lladdr "$(mac_of b)" dev cni0 nud permanent',
        'ip neigh replace "$POD_C_IP" lladdr "$(mac_of c)" dev cni0 nud permanent',
      ].join('\n'),
    },
    repair: {
      node1: [
        'for pod in a b c; do',
        '  ip netns exec "$pod" ip link set eth0 arp on',
        '  ip netns exec "$pod" ip neigh flush dev eth0 nud permanent',
        'done',
        'ip neigh flush dev cni0 nud permanent',
      ].join('\n'),
    },
  },
  {
    id: 'only-known-ports',
    title: 'The node takes packets from the ports of the known pods alone',
    caughtBy: 'added-later',
    cause: 'filter-drop',
    apply: {
      node1: [
        'nft add table bridge guard',
        `nft add chain bridge guard prerouting '{ type filter hook prerouting priority -300; }'`,
        'nft add rule bridge guard prerouting iifname != "{ veth-a, veth-b, veth-c }" drop',
      ].join('\n'),
    },
    repair: { node1: 'nft delete table bridge guard' },
  },
];

export default defineFaults([...addresses, ...aReachesB, ...betweenPods, ...node]);
