/** Ways to break the one pod of the solved lab. */
import { defineFaults } from 'podwire';

/** Puts the pod's end back as the guide leaves it. */
const POD_END = `
ip -n a address replace "$POD_A_IP/24" dev eth0
ip -n a link set eth0 up
ip -n a route replace default via "$NODE1_POD_GATEWAY"
`;

export default defineFaults([
  {
    id: 'no-name',
    title: 'The namespace has another name, so nobody finds it as pod a',
    caughtBy: 'namespace',
    cause: 'no-namespace',
    apply: {
      node1:
        'touch /run/netns/b; mount --bind /run/netns/a /run/netns/b; umount /run/netns/a; rm /run/netns/a',
    },
    repair: {
      node1:
        'touch /run/netns/a; mount --bind /run/netns/b /run/netns/a; umount /run/netns/b; rm /run/netns/b',
    },
  },
  {
    id: 'node-namespace',
    title: "The name leads to the node's own namespace",
    caughtBy: 'namespace',
    cause: 'same-namespace',
    apply: { node1: 'mount --bind /proc/self/ns/net /run/netns/a' },
    repair: { node1: 'umount /run/netns/a' },
  },
  {
    id: 'lo-down',
    title: 'lo is down',
    caughtBy: 'loopback',
    cause: 'loopback-down',
    apply: { node1: 'ip -n a link set lo down' },
    repair: { node1: 'ip -n a link set lo up' },
  },
  {
    id: 'lo-without-address',
    title: 'lo has lost 127.0.0.1',
    caughtBy: 'loopback',
    cause: 'no-address',
    apply: { node1: 'ip -n a address flush dev lo' },
    repair: { node1: 'ip -n a address add 127.0.0.1/8 dev lo' },
  },
  {
    id: 'lo-filtered',
    title: 'A rule in the pod drops what comes in by lo',
    caughtBy: 'loopback',
    cause: 'filter-drop',
    apply: { 'pod/a': 'iptables -A INPUT -i lo -j DROP' },
    repair: { 'pod/a': 'iptables -D INPUT -i lo -j DROP' },
  },
  {
    id: 'peer-left-in-node',
    title: "The pod's end of the cable was left in the node",
    caughtBy: 'cable',
    cause: 'no-interface',
    apply: { node1: 'ip -n a link set eth0 netns 1 name pod-a' },
    repair: { node1: `ip link set pod-a netns a name eth0${POD_END}` },
  },
  {
    id: 'both-ends-in-pod',
    title: 'Both ends of the cable are in the pod',
    caughtBy: 'cable',
    cause: 'peer-elsewhere',
    apply: { node1: 'ip link set veth-a netns a' },
    repair: {
      node1: `ip -n a link set veth-a netns 1
ip address add "$NODE1_POD_GATEWAY/24" dev veth-a
ip link set veth-a up${POD_END}`,
    },
  },
  {
    id: 'peer-in-third-namespace',
    title: 'The other end of the cable is in a third namespace',
    caughtBy: 'cable',
    cause: 'peer-elsewhere',
    apply: { node1: 'ip netns add b; ip link set veth-a netns b' },
    repair: {
      node1: `ip -n b link set veth-a netns 1
ip netns del b
ip address add "$NODE1_POD_GATEWAY/24" dev veth-a
ip link set veth-a up${POD_END}`,
    },
  },
  {
    id: 'no-cable',
    title: 'There is no cable',
    caughtBy: 'cable',
    cause: 'no-interface',
    apply: { node1: 'ip link del veth-a' },
    repair: {
      node1: `ip link add veth-a type veth peer name eth0 netns a
ip address add "$NODE1_POD_GATEWAY/24" dev veth-a
ip link set veth-a up${POD_END}`,
    },
  },
  {
    id: 'other-name',
    title: "The pod's end of the cable is not named eth0",
    caughtBy: 'cable',
    cause: 'wrong-interface-name',
    apply: {
      node1: 'ip -n a link set eth0 down; ip -n a link set eth0 name veth0; ip -n a link set veth0 up',
    },
    repair: { node1: `ip -n a link set veth0 down; ip -n a link set veth0 name eth0${POD_END}` },
  },
  {
    id: 'node-end-down',
    title: "The node's end of the cable is down",
    caughtBy: 'up',
    cause: 'link-down',
    apply: { node1: 'ip link set veth-a down' },
    repair: { node1: 'ip link set veth-a up' },
  },
  {
    id: 'pod-end-down',
    title: "The pod's end of the cable is down",
    caughtBy: 'up',
    cause: 'link-down',
    apply: { node1: 'ip -n a link set eth0 down' },
    repair: { node1: `:${POD_END}` },
  },
  {
    id: 'prefix-too-short',
    title: 'The pod has its address with /16: it takes the pods of other nodes for neighbours on its cable',
    caughtBy: 'address',
    cause: 'wrong-prefix',
    apply: {
      node1: 'ip -n a address add "$POD_A_IP/16" dev eth0; ip -n a address del "$POD_A_IP/24" dev eth0',
    },
    repair: {
      node1: `ip -n a address add "$POD_A_IP/24" dev eth0; ip -n a address del "$POD_A_IP/16" dev eth0${POD_END}`,
    },
  },
  {
    id: 'prefix-too-long',
    title: 'The pod has its address with /30',
    caughtBy: 'address',
    cause: 'wrong-prefix',
    apply: {
      node1: 'ip -n a address add "$POD_A_IP/30" dev eth0; ip -n a address del "$POD_A_IP/24" dev eth0',
    },
    repair: {
      node1: `ip -n a address add "$POD_A_IP/24" dev eth0; ip -n a address del "$POD_A_IP/30" dev eth0${POD_END}`,
    },
  },
  {
    id: 'other-address',
    title: 'The pod has an address from the network of the nodes',
    caughtBy: 'address',
    cause: 'wrong-address',
    apply: { node1: `ip -n a address flush dev eth0; ip -n a address add "\${NODE1_IP%.*}.77/24" dev eth0` },
    repair: { node1: `ip -n a address flush dev eth0${POD_END}` },
  },
  {
    id: 'ends-mixed-up',
    title: "The pod's address is on the node's end of the cable, and the pod has none",
    caughtBy: 'address',
    cause: 'no-address',
    apply: {
      node1:
        'ip -n a address flush dev eth0; ip address flush dev veth-a; ip address add "$POD_A_IP/24" dev veth-a',
    },
    repair: {
      node1: `ip address flush dev veth-a; ip address add "$NODE1_POD_GATEWAY/24" dev veth-a${POD_END}`,
    },
  },
  {
    id: 'node-end-without-address',
    title: "The node's end of the cable has no address",
    caughtBy: 'node-reaches-pod',
    cause: 'no-gateway-address',
    apply: { node1: 'ip address flush dev veth-a' },
    repair: { node1: 'ip address add "$NODE1_POD_GATEWAY/24" dev veth-a' },
  },
  {
    id: 'subnet-clash',
    title: 'The cable of another pod has an address of the same network, and its route came first',
    caughtBy: 'node-reaches-pod',
    cause: 'subnet-clash',
    apply: {
      node1: `ip link add veth-b type veth peer name pod-b
ip link set pod-b up
ip link set veth-b up
ip address add "$NODE1_POD_GATEWAY/24" dev veth-b
ip address del "$NODE1_POD_GATEWAY/24" dev veth-a
ip address add "$NODE1_POD_GATEWAY/24" dev veth-a`,
    },
    repair: { node1: 'ip link del veth-b' },
  },
  {
    id: 'arp-off',
    title: 'eth0 in the pod does not take part in ARP',
    caughtBy: 'node-reaches-pod',
    cause: 'arp-off',
    apply: { node1: 'ip -n a link set eth0 arp off; ip neigh flush dev veth-a' },
    repair: { node1: 'ip -n a link set eth0 arp on' },
  },
  {
    id: 'pod-filters',
    title: 'A rule in the pod drops what comes in by eth0',
    caughtBy: 'node-reaches-pod',
    cause: 'filter-drop',
    apply: { 'pod/a': 'iptables -A INPUT -i eth0 -j DROP' },
    repair: { 'pod/a': 'iptables -D INPUT -i eth0 -j DROP' },
  },
  {
    id: 'no-default-route',
    title: 'The pod has no default route',
    caughtBy: 'default-route',
    cause: 'no-route',
    apply: { node1: 'ip -n a route del default' },
    repair: { node1: 'ip -n a route add default via "$NODE1_POD_GATEWAY"' },
  },
  {
    id: 'route-to-the-node-alone',
    title: 'The pod has a route to the node, and none to the rest of the world',
    caughtBy: 'default-route',
    cause: 'no-route',
    apply: { node1: 'ip -n a route del default; ip -n a route add "$NODE1_IP" via "$NODE1_POD_GATEWAY"' },
    repair: { node1: 'ip -n a route del "$NODE1_IP"; ip -n a route add default via "$NODE1_POD_GATEWAY"' },
  },
  {
    id: 'route-to-one-network',
    title: 'The pod has a route to the node and to one network far away, as if that were all',
    caughtBy: 'default-route',
    cause: 'no-route',
    apply: {
      node1: [
        'ip -n a route del default',
        'ip -n a route add "$NODE1_IP" via "$NODE1_POD_GATEWAY"',
        'ip -n a route add 198.51.100.0/24 via "$NODE1_POD_GATEWAY"',
      ].join('\n'),
    },
    repair: {
      node1: [
        'ip -n a route del "$NODE1_IP"',
        'ip -n a route del 198.51.100.0/24',
        'ip -n a route add default via "$NODE1_POD_GATEWAY"',
      ].join('\n'),
    },
  },
  {
    id: 'node-ignores-arp',
    title:
      'The node answers no ARP request: the pod finds its gateway only after the node has asked for the pod',
    caughtBy: 'default-route',
    cause: 'arp-ignored',
    apply: { node1: 'sysctl -q -w net.ipv4.conf.all.arp_ignore=8' },
    repair: { node1: 'sysctl -q -w net.ipv4.conf.all.arp_ignore=0' },
  },
  {
    id: 'default-route-without-gateway',
    title: 'The default route names the interface and no gateway',
    caughtBy: 'default-route',
    cause: 'no-gateway',
    apply: { node1: 'ip -n a route replace default dev eth0' },
    repair: { node1: 'ip -n a route replace default via "$NODE1_POD_GATEWAY"' },
  },
  {
    id: 'wrong-gateway',
    title: 'The default route goes by an address that nobody has',
    caughtBy: 'default-route',
    cause: 'wrong-gateway',
    apply: { node1: `ip -n a route replace default via "\${NODE1_POD_GATEWAY%.*}.254"` },
    repair: { node1: 'ip -n a route replace default via "$NODE1_POD_GATEWAY"' },
  },
  {
    id: 'no-route-to-the-node',
    title: 'The pod has no way to the address of the node',
    caughtBy: 'pod-reaches-node',
    cause: 'no-route',
    apply: { node1: 'ip -n a route del default' },
    repair: { node1: 'ip -n a route add default via "$NODE1_POD_GATEWAY"' },
  },
  {
    id: 'gateway-nobody-has',
    title: 'The way to the node goes by an address that nobody has',
    caughtBy: 'pod-reaches-node',
    cause: 'wrong-gateway',
    apply: { node1: `ip -n a route replace default via "\${NODE1_POD_GATEWAY%.*}.254"` },
    repair: { node1: 'ip -n a route replace default via "$NODE1_POD_GATEWAY"' },
  },
  {
    id: 'node-filters',
    title: 'A rule on the node drops what pods send to it, but for answers',
    caughtBy: 'pod-reaches-node',
    cause: 'filter-drop',
    apply: { node1: 'iptables -A INPUT -d "$NODE1_IP" -i veth-a -j DROP' },
    repair: { node1: 'iptables -D INPUT -d "$NODE1_IP" -i veth-a -j DROP' },
  },
  {
    id: 'route-rejects',
    title: 'A route in the pod refuses the network of the nodes',
    caughtBy: 'pod-reaches-node',
    cause: 'route-rejects',
    apply: { node1: 'ip -n a route add unreachable "$UNDERLAY_CIDR"' },
    repair: { node1: 'ip -n a route del unreachable "$UNDERLAY_CIDR"' },
  },
]);
