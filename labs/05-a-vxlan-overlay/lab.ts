/** A VXLAN overlay, flannel-style: what must be true of packets between nodes whose network knows nothing of pods. */
import {
  defineLab,
  expectArrival,
  expectEchoKept,
  expectLargeTransfer,
  expectNoFragments,
  expectOverlayOnUnderlay,
  expectOwnRange,
  expectPlainOnUnderlay,
  expectQuietOverlay,
  expectRouters,
  type Network,
} from 'podwire';

/** Every ordered pair of a pod on node1 and a pod on node2. */
const PAIRS = ordered(['pod/a', 'pod/b'], ['pod/c', 'pod/d']);
/** Those, and the pods of one node among themselves: what stood before has to stand still. */
const ALL_PAIRS = [...PAIRS, ...ordered(['pod/a'], ['pod/b']), ...ordered(['pod/c'], ['pod/d'])];
/** Every ordered pair of the pod on node3 and a pod elsewhere. */
const PAIRS_OF_NODE3 = ordered(['pod/e'], ['pod/a', 'pod/b', 'pod/c', 'pod/d']);

/** What each node has to know of node3, and node3 of each of them. */
const OF_NODE3 = ordered(['pod/e'], ['pod/a', 'pod/c']);

function ordered(some: readonly string[], others: readonly string[]): (readonly [string, string])[] {
  return some.flatMap((one) => others.flatMap((other) => [[one, other] as const, [other, one] as const]));
}

/** node2 and node3 are in one rack: between them a plain route is right too (flannel's DirectRouting). */
async function expectOverlayOrPlain(network: Network, from: string, to: string): Promise<void> {
  await expectPlainOnUnderlay(network, from, to).catch(() => expectOverlayOnUnderlay(network, from, to));
}

export default defineLab({
  checks: [
    {
      id: 'one-way',
      title: 'A packet from pod a arrives at pod c',
      hints: [
        'On node1: ip route get $POD_C_IP. Which interface takes the packet, and who is the next hop?',
        'Node1 has to know three things: which next hop leads to the pods of node2, which MAC address that next hop has, and behind which node that MAC address is. A route, a neighbour entry and an FDB entry say so.',
        `On node1: ip neigh add \${NODE2_POD_CIDR%/*} lladdr 0e:00:00:00:00:02 dev flannel.1 nud permanent; bridge fdb add 0e:00:00:00:00:02 dev flannel.1 dst $NODE2_IP self permanent; ip route add $NODE2_POD_CIDR via \${NODE2_POD_CIDR%/*} dev flannel.1 onlink`,
      ],
      run: (network) => expectArrival(network, 'pod/a', 'pod/c'),
    },
    {
      id: 'a-reaches-c',
      title: 'Pod a reaches pod c over ICMP, TCP and UDP',
      needs: ['one-way'],
      hints: [
        'The request arrives at pod c. Where does node2 send the answer? ip route get $POD_A_IP',
        'Node2 needs the same three entries for node1. Without them the answer takes the default route, and the router drops it.',
        'On node2: the neighbour entry, the FDB entry and the route of step 3, with node1 in the place of node2.',
      ],
      run: (network) => network.expectReach('pod/a', 'pod/c'),
    },
    {
      id: 'mesh',
      title: 'The pods of node1 and node2 all reach each other, those of one node too',
      needs: ['a-reaches-c'],
      hints: [
        'Which pair fails? What does its pod lack that the others have?',
        'One route, one neighbour entry and one FDB entry per node hold for all pods of that node.',
        'ip route show dev flannel.1; ip neigh show dev flannel.1; bridge fdb show dev flannel.1',
      ],
      run: (network) => network.expectEach(ALL_PAIRS, ([from, to]) => network.expectReach(from, to)),
    },
    {
      id: 'no-nat',
      title: "The server sees the client's own address: no NAT between pods of different nodes",
      needs: ['mesh'],
      hints: [
        'Look in pod c at who asks: tcpdump -n -i eth0. Is it the address of pod a?',
        'A rule that masquerades what leaves the bridge catches pod traffic too, before it is wrapped.',
        'iptables -t nat -S POSTROUTING shows the rule. Leave out what goes to pods: ! -d $CLUSTER_CIDR',
      ],
      async run(network) {
        await network.expectEach(PAIRS, ([from, to]) => network.expectSourceKept(from, to));
        await expectEchoKept(network, 'pod/a', 'pod/c');
        await expectEchoKept(network, 'pod/d', 'pod/b');
      },
    },
    {
      id: 'two-routers',
      title: 'Exactly two routers have each inner packet in hand: it arrives with a TTL of 62',
      needs: ['mesh'],
      hints: [
        'ping -c 1 $POD_C_IP in pod a prints the ttl of the answer. The router of the underlay does not count: why?',
        'The two nodes route the inner packet. Whatever is on the underlay routes only what is wrapped around it.',
        'ip route get $POD_C_IP on node1: the next hop must be the tunnel end of the node that has the pod.',
      ],
      run: (network) => network.expectEach(PAIRS, ([from, to]) => expectRouters(network, from, to, 2)),
    },
    {
      id: 'on-the-wire',
      title: "On the underlay only the nodes speak: VXLAN, with the pods' packets inside",
      needs: ['mesh'],
      hints: [
        'On node1: tcpdump -n -i eth0, while pod a pings pod c. Which addresses and which UDP port do you see?',
        'The number of the network (VNI) and the UDP port are those of the plan: $VNI and $VXLAN_PORT. The kernel uses 8472 unless told otherwise.',
        'ip -d link show flannel.1 shows id and dstport. They cannot be changed: delete the device and make it anew.',
      ],
      async run(network) {
        await expectOverlayOnUnderlay(network, 'pod/a', 'pod/c');
        await expectOverlayOnUnderlay(network, 'pod/d', 'pod/b');
      },
    },
    {
      id: 'quiet-overlay',
      title: 'Nobody asks in the overlay: no ARP on it, no flooding',
      needs: ['mesh'],
      hints: [
        'On both nodes: ip neigh show dev flannel.1. Is every entry PERMANENT? And bridge fdb show dev flannel.1: is there an entry for 00:00:00:00:00:00?',
        'The node knows beforehand which MAC address each other tunnel end has, and behind which node it is, because it was told. What ARP has learned is forgotten again, and asked for again. What the FDB does not know goes to the whole list of 00:00:00:00:00:00.',
        `ip neigh replace \${NODE2_POD_CIDR%/*} lladdr MAC dev flannel.1 nud permanent; bridge fdb replace MAC dev flannel.1 dst $NODE2_IP self permanent`,
      ],
      async run(network) {
        await expectQuietOverlay(network, 'pod/a', 'pod/c');
        await expectQuietOverlay(network, 'pod/d', 'pod/b');
      },
    },
    {
      id: 'large-transfer',
      title: 'A large transfer arrives, in both directions',
      needs: ['mesh'],
      hints: [
        'A small answer passes. 200 kB do not. What is different about their packets?',
        'A packet of 1500 bytes does not fit with 50 bytes of VXLAN around it. The node says so to the pod, by ICMP "fragmentation needed", and the pod sends smaller ones. Does that message reach the pod?',
        'iptables -S; nft list ruleset: nothing may drop ICMP from the node to its pods.',
      ],
      async run(network) {
        await expectLargeTransfer(network, 'pod/a', 'pod/c');
        await expectLargeTransfer(network, 'pod/c', 'pod/a');
      },
    },
    {
      id: 'no-fragments',
      title: 'The underlay carries no fragments: what is wrapped still fits',
      needs: ['large-transfer'],
      hints: [
        'ip link show flannel.1 on both nodes: which MTU? And eth0?',
        'VXLAN adds 50 bytes: Ethernet 14, VXLAN 8, UDP 8, IP 20. So flannel.1 must take 50 bytes less than eth0.',
        'ip link set flannel.1 mtu 1450. The kernel does it by itself when the device is made with "dev eth0".',
      ],
      async run(network) {
        await expectNoFragments(network, 'pod/a', 'pod/c');
        await expectNoFragments(network, 'pod/c', 'pod/a');
      },
    },
    {
      id: 'nodes-and-pods',
      title: 'Each node reaches the pods of the other node, and they reach the gateway there',
      needs: ['mesh'],
      hints: [
        'On node1: ip route get $POD_C_IP. Which source address (src) does the node take?',
        'An answer to an address of the underlay would not come by the overlay. flannel.1 has an address of the overlay for that.',
        `On node1: ip address add \${NODE1_POD_CIDR%/*}/32 dev flannel.1`,
      ],
      async run(network) {
        const { NODE1_POD_GATEWAY = '', NODE2_POD_GATEWAY = '' } = network.plan.variables;
        await network.expectAll([
          network.expectReach('node1', 'pod/c'),
          network.expectReach('node1', 'pod/d'),
          network.expectReach('node2', 'pod/a'),
          network.expectReach('node2', 'pod/b'),
          network.expectReach('pod/c', 'node1', NODE1_POD_GATEWAY),
          network.expectReach('pod/a', 'node2', NODE2_POD_GATEWAY),
          expectOwnRange(network, 'node1'),
          expectOwnRange(network, 'node2'),
        ]);
        // A node sends by its tunnel end itself, however small its pods' packets are.
        await expectNoFragments(network, 'node1', 'pod/c');
        await expectNoFragments(network, 'node2', 'pod/a');
      },
    },
    {
      id: 'node3-joins',
      title: 'node3 has joined: it, its pod and all others reach each other, as they do without it',
      needs: ['mesh'],
      hints: [
        'node3 is a node like the others. What did node1 and node2 need?',
        'node3 needs a tunnel end, and three entries for each other node. Each other node needs three entries for node3.',
        'The commands of steps 2 and 3, with node3 in the place of node1 or node2. Compare ip -d link, ip neigh and bridge fdb with those of node1.',
      ],
      async run(network) {
        await network.expectEach(PAIRS_OF_NODE3, async ([from, to]) => {
          await network.expectReach(from, to);
          await network.expectSourceKept(from, to);
          await expectRouters(network, from, to, 2);
        });
        const { NODE1_POD_GATEWAY = '', NODE3_POD_GATEWAY = '' } = network.plan.variables;
        await network.expectAll([
          expectOverlayOnUnderlay(network, 'pod/e', 'pod/a'),
          expectOverlayOrPlain(network, 'pod/e', 'pod/c'),
          expectNoFragments(network, 'pod/e', 'pod/a')
            .then(() => expectNoFragments(network, 'pod/e', 'pod/c'))
            .then(() => expectNoFragments(network, 'pod/c', 'pod/e'))
            .then(() => expectLargeTransfer(network, 'pod/a', 'pod/e')),
          network.expectReach('node3', 'pod/a'),
          network.expectReach('node3', 'pod/c'),
          network.expectReach('node1', 'pod/e'),
          network.expectReach('node2', 'pod/e'),
          network.expectReach('pod/a', 'node3', NODE3_POD_GATEWAY),
          network.expectReach('pod/e', 'node1', NODE1_POD_GATEWAY),
          expectOwnRange(network, 'node3'),
        ]);
        await expectNoFragments(network, 'node3', 'pod/a');
      },
    },
    {
      id: 'node3-quiet',
      title: 'Nobody asks for node3 in the overlay, and node3 asks for nobody',
      needs: ['node3-joins'],
      hints: [
        'On all three nodes: ip neigh show dev flannel.1; bridge fdb show dev flannel.1. How many entries does each node have?',
        'What is true of node1 and node2 has to be true of node3: it was told beforehand, and so were the others about it.',
        `On node1 and node2: ip neigh replace \${NODE3_POD_CIDR%/*} lladdr MAC dev flannel.1 nud permanent; bridge fdb replace MAC dev flannel.1 dst $NODE3_IP self permanent. On node3 the same for both of them.`,
      ],
      run: (network) => network.expectEach(OF_NODE3, ([from, to]) => expectQuietOverlay(network, from, to)),
    },
  ],
});
