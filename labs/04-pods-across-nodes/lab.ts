/** Pods across nodes by routes: what must be true of a packet between nodes, in the order in which it comes true. */
import {
  defineLab,
  expectArrival,
  expectEchoKept,
  expectForwarded,
  expectFullSizeNow,
  expectLargeTransfer,
  expectPlainOnUnderlay,
  expectRoomForRemotePod,
  expectRouters,
  type Network,
} from 'podwire';

/** Every ordered pair of a pod on node1 and a pod on node2. */
const PAIRS = ordered(['pod/a', 'pod/b'], ['pod/c', 'pod/d']);
/** Those, and the pods of one node among themselves: what stood before has to stand still. */
const ALL_PAIRS = [...PAIRS, ...ordered(['pod/a'], ['pod/b']), ...ordered(['pod/c'], ['pod/d'])];
/** Every ordered pair of the pod on node3 and a pod elsewhere. */
const PAIRS_OF_NODE3 = ordered(['pod/e'], ['pod/a', 'pod/b', 'pod/c', 'pod/d']);
/** Each other node and the pod on node3; node3 and a pod on each other node. */
const NODES_AND_PODS_OF_NODE3 = [
  ['node1', 'pod/e'],
  ['node2', 'pod/e'],
  ['node3', 'pod/a'],
  ['node3', 'pod/c'],
] as const;

function ordered(some: readonly string[], others: readonly string[]): (readonly [string, string])[] {
  return some.flatMap((one) => others.flatMap((other) => [[one, other] as const, [other, one] as const]));
}

function addressOf(network: Network, node: string): string {
  return network.plan.variables[`${node.toUpperCase()}_IP`] ?? '';
}

export default defineLab({
  checks: [
    {
      id: 'forwarding',
      title: 'node1 and node2 pass on what their pods send to other nodes',
      hints: [
        'In pod a, ping node2 at $NODE2_IP, and look with tcpdump on eth0 of node1. Does the packet leave the node?',
        'A host drops what is not for itself. A router passes it on. Linux is a host until you tell it otherwise.',
        'On node1 and on node2: sysctl -w net.ipv4.ip_forward=1',
      ],
      async run(network) {
        await expectForwarded(network, 'pod/a', 'node2');
        await expectForwarded(network, 'pod/c', 'node1');
      },
    },
    {
      id: 'one-way',
      title: 'A packet from pod a arrives at pod c',
      needs: ['forwarding'],
      hints: [
        'On node1: ip route get $POD_C_IP. What does the node know about that address?',
        "node1 needs a route to all of node2's pods at once. The next hop is node2's own address on the underlay.",
        'On node1: ip route add $NODE2_POD_CIDR via $NODE2_IP',
      ],
      run: (network) => expectArrival(network, 'pod/a', 'pod/c'),
    },
    {
      id: 'a-reaches-c',
      title: 'Pod a reaches pod c over ICMP, TCP and UDP',
      needs: ['one-way'],
      hints: [
        'The request arrives at pod c. Who sends the answer, to which address, and which way does it take?',
        'An answer is a packet like any other: it needs a route of its own. Routes are not learned from traffic.',
        'On node2: ip route add $NODE1_POD_CIDR via $NODE1_IP',
      ],
      run: (network) => network.expectReach('pod/a', 'pod/c'),
    },
    {
      id: 'mesh',
      title: 'The pods of node1 and node2 all reach each other, those of one node too',
      needs: ['a-reaches-c'],
      hints: [
        'Which pair fails? What does its pod or its node lack that the others have?',
        'A route for the whole pod CIDR holds for all pods of the node. A route for one address holds for one pod.',
        'ip route on both nodes; ip netns exec d ip route shows what pod d has.',
      ],
      run: (network) => network.expectEach(ALL_PAIRS, ([from, to]) => network.expectReach(from, to)),
    },
    {
      id: 'no-nat',
      title: "The server sees the client's own address: no NAT between pods of different nodes",
      needs: ['mesh'],
      hints: [
        "Look in pod c at who asks: tcpdump -n -i eth0. Is it the address of pod a, or the node's?",
        'A rule that masquerades everything that leaves the node by eth0 rewrites pod traffic too.',
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
      title: 'Exactly two routers have each packet in hand: it arrives with a TTL of 62',
      needs: ['mesh'],
      hints: [
        'ping -c 1 $POD_C_IP in pod a prints the ttl of the answer. How many routers were on the way?',
        'The two nodes are routers, and no other has to be on the way. The next hop is the node that has the pod.',
        'traceroute -n $POD_C_IP in pod a names the routers; ip route on each node shows who sends it astray.',
      ],
      run: (network) => network.expectEach(PAIRS, ([from, to]) => expectRouters(network, from, to, 2)),
    },
    {
      id: 'plain',
      title: "On the underlay the frames go from node to node, and carry the pods' own packets",
      needs: ['mesh'],
      hints: [
        'On node1: tcpdump -n -e -i eth0, while pod a pings pod c. Which addresses do you see, MAC and IP?',
        'With routes nothing is wrapped around the packet. A tunnel would show the addresses of the nodes instead.',
        'ip route get $POD_C_IP on node1 must say: via the address of node2, dev eth0.',
      ],
      async run(network) {
        await expectPlainOnUnderlay(network, 'pod/a', 'pod/c');
        await expectPlainOnUnderlay(network, 'pod/d', 'pod/b');
      },
    },
    {
      id: 'full-size',
      title: 'Packets of full size pass between the nodes',
      needs: ['mesh'],
      hints: [
        'A small ping passes. Does a large one? ping -M do -s 1472 $POD_C_IP in pod a',
        'Nothing is added to the packet, so nothing of the MTU is lost. Every interface on the way has to take it.',
        'ip link on both nodes shows each MTU; ip link set eth0 mtu 1500 sets it.',
      ],
      async run(network) {
        await expectFullSizeNow(network, 'pod/a', 'pod/c');
        await expectFullSizeNow(network, 'pod/d', 'pod/b');
        await expectLargeTransfer(network, 'pod/a', 'pod/c');
        await expectLargeTransfer(network, 'pod/c', 'pod/a');
      },
    },
    {
      id: 'nodes-and-pods',
      title: 'Each node reaches the pods of the other node, and they reach the node',
      needs: ['mesh'],
      hints: [
        'On node1: ping $POD_C_IP. And in pod c: ping $NODE1_IP. Which of the two fails?',
        "A node's own packets take a route too. Kubernetes promises that nodes reach all pods without NAT: the kubelet and many agents need it.",
        'On node1: ip route get $POD_C_IP must say the same for the node itself as for its pods.',
      ],
      async run(network) {
        const across = [
          ['node1', 'pod/c'],
          ['node1', 'pod/d'],
          ['node2', 'pod/a'],
          ['node2', 'pod/b'],
        ] as const;
        await network.expectAll(
          across.flatMap(([node, pod]) => [
            network.expectReach(node, pod),
            network.expectReach(pod, node, addressOf(network, node)),
          ]),
        );
      },
    },
    {
      id: 'added-later',
      title: 'A pod that is plugged in later is reached from the other node at once',
      needs: ['mesh'],
      hints: [
        'The check plugs a pod of its own into the bridge of node2, and asks for it from pod a. What does node1 need to know?',
        'A route for each pod does not know the next pod. One route for the whole pod CIDR does.',
        'On node1: ip route add $NODE2_POD_CIDR via $NODE2_IP, and no routes for single pods.',
      ],
      async run(network) {
        // At once: a kernel takes up to a second until it sends by a new port, and as long for several.
        await network.expectAll([
          expectRoomForRemotePod(network, 'pod/c', 'pod/a'),
          expectRoomForRemotePod(network, 'pod/a', 'pod/c'),
        ]);
      },
    },
    {
      id: 'node3-joins',
      title: 'node3 has joined: for it and its pods all of the above is true as well',
      needs: ['mesh'],
      hints: [
        'node3 is a node like the others. What did node1 and node2 need?',
        "Every node needs a route to every other node's pods: node3 needs two, and node1 and node2 one more each.",
        'On node1 and node2: ip route add $NODE3_POD_CIDR via $NODE3_IP. On node3: forwarding, and the routes to $NODE1_POD_CIDR and $NODE2_POD_CIDR.',
      ],
      async run(network) {
        await network.expectEach(PAIRS_OF_NODE3, async ([from, to]) => {
          await network.expectReach(from, to);
          await network.expectSourceKept(from, to);
          await expectRouters(network, from, to, 2);
        });
        await network.expectAll([
          expectPlainOnUnderlay(network, 'pod/e', 'pod/c'),
          expectPlainOnUnderlay(network, 'pod/e', 'pod/a'),
          expectEchoKept(network, 'pod/e', 'pod/c'),
          expectEchoKept(network, 'pod/e', 'pod/a'),
          expectFullSizeNow(network, 'pod/e', 'pod/a')
            .then(() => expectFullSizeNow(network, 'pod/a', 'pod/e'))
            .then(() => expectFullSizeNow(network, 'pod/e', 'pod/c'))
            .then(() => expectFullSizeNow(network, 'pod/c', 'pod/e'))
            .then(() => expectLargeTransfer(network, 'pod/a', 'pod/e')),
          expectRoomForRemotePod(network, 'pod/e', 'pod/a', 'pod/c'),
          expectRoomForRemotePod(network, 'pod/a', 'pod/e'),
          expectRoomForRemotePod(network, 'pod/c', 'pod/e'),
          ...NODES_AND_PODS_OF_NODE3.flatMap(([node, pod]) => [
            network.expectReach(node, pod),
            network.expectReach(pod, node, addressOf(network, node)),
          ]),
        ]);
      },
    },
  ],
});
