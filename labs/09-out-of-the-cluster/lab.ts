/** Out of the cluster: what must be true of packets that leave it, and of those that do not. */
import {
  defineLab,
  expectClientKept,
  expectLastingConnection,
  expectLeavesAsItself,
  expectLeavesAsNode,
  expectSeenAsItself,
  expectSeenAsNode,
  type Network,
} from 'podwire';

const PODS = ['pod/a', 'pod/b', 'pod/c', 'pod/d'];

/** Every ordered pair of two different pods. */
const PAIRS = PODS.flatMap((from) => PODS.filter((to) => to !== from).map((to) => [from, to] as const));

const reach = (network: Network, pods: readonly string[], to: string) =>
  network.expectEach(pods, (pod) => network.expectReach(pod, to));

/** A node and its own pod see each other as themselves, the node reaches a pod elsewhere, and leaves untouched. */
async function expectNodeAsItself(network: Network, node: string, own: string, other: string): Promise<void> {
  await network.expectAll([
    network.expectSourceKept(own, node),
    network.expectReach(node, own),
    network.expectReach(node, other),
    expectSeenAsNode(network, node, 'internet'),
  ]);
}

export default defineLab({
  checks: [
    {
      id: 'out',
      title: 'Pods a and b get answers from the internet, over ICMP, TCP and UDP',
      hints: [
        'On node1: tcpdump -n -i eth0 host $INTERNET_IP, while pod a pings it. Which source address do you see?',
        'The router lets no address of a pod out, and the internet would have no way back to one. What leaves the cluster has to carry an address that the world knows: the one of the node.',
        'On node1: iptables -t nat -A POSTROUTING -s $CLUSTER_CIDR ! -d $CLUSTER_CIDR -j MASQUERADE',
      ],
      run: (network) => reach(network, ['pod/a', 'pod/b'], 'internet'),
    },
    {
      id: 'as-the-node',
      title: "The internet sees pods a and b by the address of node1, and that is node1's own",
      needs: ['out'],
      hints: [
        'curl http://$INTERNET_IP in pod a prints whom the server answered. Is it the address of node1?',
        'MASQUERADE takes the address of the interface that the packet leaves by. SNAT takes the one that you name.',
        'iptables -t nat -S POSTROUTING on node1: a --to-source has to be $NODE1_IP.',
      ],
      async run(network) {
        await network.expectEach(['pod/a', 'pod/b'], (pod) => expectSeenAsNode(network, pod, 'internet'));
        await expectLeavesAsNode(network, 'pod/a', 'internet');
      },
    },
    {
      id: 'lasting',
      title: 'A connection to the internet lasts: many requests over it are answered',
      needs: ['out'],
      hints: [
        'The first answers come, and then no more. What is different about the later packets of a connection?',
        'Only the first packet of a connection looks at the nat table. The others follow the entry in the conntrack table; but every packet passes the filter table.',
        'iptables -S FORWARD on node1. conntrack -L -d $INTERNET_IP shows the entry.',
      ],
      run: (network) => expectLastingConnection(network, 'pod/a', 'internet'),
    },
    {
      id: 'pods-as-themselves',
      title: 'Between pods nothing is rewritten: every pod sees every other one by its own address',
      needs: ['out'],
      hints: [
        'Which pair fails: two pods of one node, or of two?',
        'A rule that catches what comes from pods catches pod to pod as well. The interface does not help: what goes to a pod of another node leaves by flannel.1, not by cni0.',
        '-s $CLUSTER_CIDR ! -d $CLUSTER_CIDR, in one rule; or a RETURN for -d $CLUSTER_CIDR before it.',
      ],
      run: (network) => network.expectEach(PAIRS, ([from, to]) => network.expectSourceKept(from, to)),
    },
    {
      id: 'services-as-themselves',
      title: 'The endpoints of the Service web see the pods that ask by their own addresses',
      needs: ['out'],
      hints: [
        'curl http://$SERVICE_WEB_IP in pod a, some times: whom does each endpoint answer?',
        'When a packet for a ClusterIP comes to POSTROUTING, it has the address of a pod: DNAT came first. Which rule rewrites it all the same?',
        'iptables -t nat -S | grep -e MARK -e MASQ: what kube-proxy marks must not come from pods (! -s $CLUSTER_CIDR).',
      ],
      run: (network) =>
        network.expectEach(['pod/a', 'pod/c'], (pod) => expectClientKept(network, pod, 'web')),
    },
    {
      id: 'node-as-itself',
      title: "Node1 and its pods speak to each other as themselves, and node1's own packets leave untouched",
      needs: ['out'],
      hints: [
        'Who is seen by another address than its own: the pod by the node, or the node by the internet?',
        'A packet to the node itself never passes POSTROUTING. A packet of the node leaves with the right address without any rule.',
        'iptables -t nat -S; nft list ruleset. Which rule matches more than -s $CLUSTER_CIDR ! -d $CLUSTER_CIDR?',
      ],
      async run(network) {
        await expectNodeAsItself(network, 'node1', 'pod/a', 'pod/c');
      },
    },
    {
      id: 'second-node',
      title:
        'On node2 all this is true as well: pods c and d get answers as node2, for as long as they ask, and node2 is itself',
      hints: [
        'What did you do on node1 that is missing on node2? And what does node2 do that node1 does not?',
        'Each node masquerades what its own pods send. The answer comes back to the node that holds the entry in its conntrack table.',
        'On node2: iptables -t nat -A POSTROUTING -s $CLUSTER_CIDR ! -d $CLUSTER_CIDR -j MASQUERADE',
      ],
      async run(network) {
        await reach(network, ['pod/c', 'pod/d'], 'internet');
        await network.expectEach(['pod/c', 'pod/d'], (pod) => expectSeenAsNode(network, pod, 'internet'));
        await network.expectAll([
          expectLeavesAsNode(network, 'pod/c', 'internet'),
          expectLastingConnection(network, 'pod/c', 'internet'),
          expectNodeAsItself(network, 'node2', 'pod/c', 'pod/a'),
        ]);
      },
    },
    {
      id: 'office-sees-pods',
      title: 'The office, which knows the way to the pods, sees them by their own addresses',
      needs: ['out', 'second-node'],
      hints: [
        'curl http://$OFFICE_IP in pod a: whom does the office answer?',
        'The office has a route to the pods, by the router. So it is one of the networks that nothing has to be masqueraded for: nonMasqueradeCIDRs.',
        'On both nodes: iptables -t nat -I POSTROUTING -s $CLUSTER_CIDR -d $OFFICE_CIDR -j RETURN',
      ],
      async run(network) {
        const { OFFICE_CIDR = '' } = network.plan.variables;
        await network.expectEach(PODS, (pod) => expectSeenAsItself(network, pod, 'office'));
        await network.expectEach(['pod/a', 'pod/c'], (pod) =>
          expectLeavesAsItself(network, pod, 'office', OFFICE_CIDR),
        );
      },
    },
  ],
});
