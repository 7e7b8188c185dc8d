/**
 * The whole cluster: labs 03 to 09 as one conformance run, from every pod and every node. Whatever way it was built, this
 * is what has to be true. Not asked: which frames are on the underlay (lab 04 against lab 05), ARP for ClusterIPs (IPVS
 * and proxy ARP are right here), the health check of a load balancer, and wishes of single pods (dnsPolicy).
 */
import {
  defineLab,
  expectBackends,
  expectClientKept,
  expectClientSeen,
  expectDnsReached,
  expectEvenAtNodes,
  expectEvenSplit,
  expectForwardedUpstream,
  expectHairpin,
  expectLargeAnswer,
  expectLargeTransfer,
  expectLastingConnection,
  expectLeavesAsNode,
  expectLocalBackends,
  expectLoopbackClosed,
  expectNoFragments,
  expectNoStaleFlow,
  expectOtherPortsUnserved,
  expectOwnPorts,
  expectRecords,
  expectRefused,
  expectResolver,
  expectRoomAtBridge,
  expectSameResolver,
  expectSearchedFirst,
  expectSeenAsNode,
  expectService,
  expectShortNames,
  expectSilence,
  expectTransit,
  expectWorldName,
  inLanes,
  type Network,
} from 'podwire';
import { matrix } from './matrix.ts';

const NODES = ['node1', 'node2', 'node3'];
const PODS_OF: Readonly<Record<string, readonly string[]>> = {
  node1: ['pod/a', 'pod/b'],
  node2: ['pod/c', 'pod/d'],
  node3: ['pod/e', 'pod/dns'],
};
const PODS = NODES.flatMap((node) => PODS_OF[node] ?? []);
/** The Services that translate, and whose servers can be asked who they are. */
const SERVICES = ['web', 'shop', 'clock'];
/** On each node a pod that is no endpoint of web or clock: nothing of what it sends is a hairpin. */
const ONE_OF_EACH = ['pod/a', 'pod/d', 'pod/dns'];
/** Pods with dnsPolicy ClusterFirst; the DNS server itself has its node's resolver. */
const CLIENTS_OF_DNS = PODS.filter((pod) => pod !== 'pod/dns');
const DNS = { from: 'pod/a', service: 'dns' };
/** How many addresses the upstream has for large.example.com: 512 bytes are 31 of them. */
const LARGE = { name: 'large.example.com.', records: 40, upstream: 'upstream' };
/** The longest name that is still to be searched for: a port of a Service, without the zone. */
const FOUR_DOTS = '_http._tcp.web.default.svc';
const TOPICS = [
  'cluster-ips',
  'unknown-names',
  'other-types',
  'any-case',
  'headless',
  'hostnames',
  'named-ports',
  'unnamed-ports',
  'reverse',
] as const;

/** The names that a pod of the namespace default has for Services, from the shortest on. */
const NAMES = [
  { name: 'web', service: 'web' },
  { name: 'shop.default', service: 'shop' },
  { name: 'kube-dns.kube-system', service: 'dns' },
  { name: 'web.default.svc', service: 'web' },
];

type Pair = readonly [string, string];
const pairs = (some: readonly string[], others: readonly string[]): Pair[] =>
  some.flatMap((one) => others.filter((other) => other !== one).map((other): Pair => [one, other]));
const SAME_NODE = NODES.flatMap((node) => pairs(PODS_OF[node] ?? [], PODS_OF[node] ?? []));
const OTHER_NODE = NODES.flatMap((node) =>
  pairs(
    PODS_OF[node] ?? [],
    PODS.filter((pod) => !PODS_OF[node]?.includes(pod)),
  ),
);
const WITH_OWN_NODE = NODES.flatMap((node) => (PODS_OF[node] ?? []).map((pod): Pair => [pod, node]));
const ONE_AT_HOME = WITH_OWN_NODE.filter(([pod]) => ONE_OF_EACH.includes(pod));
const AT_ITSELF = NODES.map((node): Pair => [node, node]);
/** One pod of each node to one of each other node: what is a matter of nodes and not of pods. */
const ONE_BEHIND_EACH = ['pod/a', 'pod/c', 'pod/e'];
const BETWEEN_NODES = pairs(ONE_BEHIND_EACH, ONE_BEHIND_EACH);

/** Pods reach each other, and each sees the others by their own addresses. */
const meet = (network: Network, met: readonly Pair[]) =>
  network.expectEach(met, async ([from, to]) => {
    await network.expectReach(from, to);
    await network.expectSourceKept(from, to);
  });

const endpointsOf = ({ plan }: Network, service: string) =>
  (plan.services[service]?.endpoints ?? []).map((pod) => `pod/${pod}`);
/** Whoever asks a Service from within, and does not stand behind it. */
const clientsOf = (network: Network, service: string) =>
  [...PODS, ...NODES].filter((host) => !endpointsOf(network, service).includes(host));
const backendsOf = ({ plan }: Network, service: string) => plan.services[service]?.endpoints ?? [];

/** A Service gets answers from all its endpoints for whoever asks it at its ClusterIP. */
const serve = (network: Network, service: string) =>
  network.expectEach(clientsOf(network, service), (from) =>
    inLanes(network, () => expectService(network, from, service)),
  );

/** All backends of a Service answer these hosts, each at the node port of that node. */
const enter = (network: Network, service: string, calls: readonly Pair[]) =>
  network.expectEach(calls, ([from, node]) =>
    expectBackends(network, { service, from, node }, backendsOf(network, service)),
  );

export default defineLab({
  matrix,
  checks: [
    {
      id: 'pods-on-a-node',
      title: 'Pods of one node reach each other, without NAT',
      hints: [
        'Which pod has no address, no way to the others, or another address than its own when it arrives?',
        'Each node needs a bridge with the gateway address, and a cable from it into each pod.',
        'The commands are in labs/03-pods-on-one-node/answers/any-node.md, the same for every node.',
      ],
      run: (network) => meet(network, SAME_NODE),
    },
    {
      id: 'pods-across-nodes',
      title: 'Pods of different nodes reach each other, without NAT',
      needs: ['pods-on-a-node'],
      hints: [
        'Between which two nodes does it fail, and in which direction?',
        'Every node forwards, and knows a way to the pod CIDR of every other node: a route, or an overlay.',
        'Lab 04 or lab 05: for each other node one route, or one route, one neighbour entry and one FDB entry.',
      ],
      run: (network) => meet(network, OTHER_NODE),
    },
    {
      id: 'nodes-and-pods',
      title: 'Every node reaches every pod, and every pod every node',
      needs: ['pods-across-nodes'],
      hints: [
        'From which node to which pod? Which source address does the node take (ip route get)?',
        'The answer has to find the way back to the address that the node asked from.',
        'With an overlay: the address on flannel.1. With routes: the address on the underlay will do.',
      ],
      run: (network) =>
        network.expectEach([...pairs(NODES, PODS), ...pairs(PODS, NODES)], ([from, to]) =>
          network.expectReach(from, to),
        ),
    },
    {
      id: 'added-later',
      title: 'A pod that is plugged in later is reached from other nodes at once, and reaches them',
      needs: ['pods-across-nodes'],
      hints: [
        'The check plugs a pod of its own into your bridge. What do the other nodes need to know of it?',
        'Whatever names pods one by one, a route, a neighbour, a filter with a list, does not know the next pod.',
        'One route for the whole pod CIDR of a node: ip route replace $NODE2_POD_CIDR via ..., and none for single pods.',
      ],
      run: (network) =>
        network.expectEach(ONE_BEHIND_EACH, async (neighbour) => {
          // One after the other: each plugs in a pod with the same address.
          for (const remote of ONE_BEHIND_EACH.filter((pod) => pod !== neighbour))
            await expectRoomAtBridge(network, neighbour, remote);
        }),
    },
    {
      id: 'large-transfers',
      title: 'Large transfers between nodes end, in both directions',
      needs: ['pods-across-nodes'],
      hints: [
        'Small answers pass. What do 200 kB have that they do not?',
        'Where something is wrapped around packets, the interface has to say that it takes less.',
        'Lab 05, step 2: the MTU of flannel.1. And ICMP must pass.',
      ],
      run: (network) =>
        network.expectEach(BETWEEN_NODES, ([from, to]) => expectLargeTransfer(network, from, to)),
    },
    {
      id: 'no-fragments',
      title: 'The underlay carries no fragments: what is wrapped still fits',
      needs: ['large-transfers'],
      hints: [
        'On each node: tcpdump -n -i eth0 "ip[6:2] & 0x3fff != 0". Whose packets are cut in pieces?',
        'An overlay adds 50 bytes to each packet. Its interface has to take as many less than eth0.',
        'ip link set flannel.1 mtu 1450. The kernel does it by itself when the device is made with "dev eth0".',
      ],
      run: (network) =>
        network.expectEach(BETWEEN_NODES, ([from, to]) => expectNoFragments(network, from, to)),
    },
    {
      id: 'cluster-ip',
      title: 'Every endpoint of web and shop answers at the ClusterIP, to every pod and every node',
      needs: ['pods-across-nodes'],
      hints: [
        'From where does it fail: from pods, from nodes, from all? Which endpoint never answers?',
        'PREROUTING sees what pods send, OUTPUT what the node itself sends.',
        'The commands are in labs/06-clusterip/answers/any-node.md, the same for every node.',
      ],
      run: (network) => network.expectEach(['web', 'shop'], (service) => serve(network, service)),
    },
    {
      id: 'udp-service',
      title: 'A Service over UDP works too, for every pod and every node',
      needs: ['pods-across-nodes'],
      hints: [
        'Do your rules say tcp where the Service says UDP?',
        'A UDP client keeps its old way in the conntrack table until somebody deletes the entry.',
        'conntrack -D -p udp --orig-dst $SERVICE_CLOCK_IP',
      ],
      run: (network) => serve(network, 'clock'),
    },
    {
      id: 'even',
      title: 'Each endpoint gets its share, on whichever node it is asked for',
      needs: ['cluster-ip', 'udp-service'],
      hints: [
        'Ask 300 times and count the names. On which node is the split uneven?',
        'The probability of each rule is one of those that are left: 1/3, then 1/2, then all the rest.',
        'iptables -t nat -S | grep probability',
      ],
      async run(network) {
        const split = (from: string, service: string) =>
          inLanes(network, () => expectEvenSplit(network, from, service));
        await network.expectEach([...ONE_OF_EACH, ...NODES], (from) => split(from, 'web'));
        await network.expectEach(['pod/b', 'pod/e', 'node2'], (from) => split(from, 'shop'));
        await network.expectEach(ONE_OF_EACH, (from) => split(from, 'clock'));
      },
    },
    {
      id: 'client-kept',
      title: 'Endpoints see the pods that ask a Service by their own addresses',
      needs: ['cluster-ip', 'udp-service'],
      hints: [
        'Whom does an endpoint see? curl http://$SERVICE_WEB_IP in pod a says it.',
        'Only what does not come from pods may be masqueraded, and a pod that asks itself.',
        '! -s $CLUSTER_CIDR on the rule that marks.',
      ],
      run: (network) =>
        network.expectEach(['web', 'shop', 'clock'], (service) =>
          network.expectEach(
            PODS.filter((pod) => clientsOf(network, service).includes(pod)),
            (pod) => inLanes(network, () => expectClientKept(network, pod, service)),
          ),
        ),
    },
    {
      id: 'hairpin',
      title: 'An endpoint that asks its own Service gets all answers, its own among them',
      needs: ['cluster-ip'],
      hints: [
        'One answer in three is missing: which one?',
        'A packet that goes back to its sender needs another source address, and a bridge port that sends back (hairpin).',
        'bridge link set dev veth-b hairpin on; -s ENDPOINT -j KUBE-MARK-MASQ before the DNAT.',
      ],
      run: (network) =>
        network.expectEach(SERVICES, (service) =>
          network.expectEach(endpointsOf(network, service), (pod) =>
            inLanes(network, () => expectHairpin(network, pod, service)),
          ),
        ),
    },
    {
      id: 'only-its-port',
      title: 'What is not a port of a Service is not served at its ClusterIP',
      needs: ['cluster-ip', 'udp-service'],
      hints: [
        'Which ports and which protocol does your rule match? iptables -t nat -S',
        'A Service is an address, a protocol and a port. Port 80 over UDP is another thing than port 80 over TCP.',
        'The rule needs all three: -d $SERVICE_WEB_IP -p tcp --dport $SERVICE_WEB_PORT',
      ],
      run: (network) =>
        network.expectEach([...pairs(ONE_OF_EACH, SERVICES), ...pairs(NODES, ['web'])], ([from, service]) =>
          expectOtherPortsUnserved(network, from, service),
        ),
    },
    {
      id: 'no-endpoints',
      title: 'A Service without endpoints refuses at once, whoever asks',
      needs: ['pods-across-nodes'],
      hints: [
        'curl http://$SERVICE_EMPTY_IP: does it fail at once, or does it wait?',
        'Without a rule the packet takes the default route to a router that drops it. REJECT answers in its place.',
        'filter, chains FORWARD and OUTPUT: -d $SERVICE_EMPTY_IP -p tcp --dport 80 -j REJECT, on every node',
      ],
      run: (network) =>
        network.expectEach([...PODS, ...NODES], (from) => expectRefused(network, from, 'empty')),
    },
    {
      id: 'no-stale-flow',
      title: 'No UDP flow goes on to a pod that is no endpoint, or to nobody',
      needs: ['udp-service'],
      hints: [
        'conntrack -L -p udp --orig-dst $SERVICE_CLOCK_IP on every node: where do the flows go?',
        'Rules of the table nat are asked once per flow, for its first packet. The table of connections remembers the answer.',
        'conntrack -D -p udp --orig-dst $SERVICE_CLOCK_IP, after the rules were changed',
      ],
      run: (network) => expectNoStaleFlow(network, 'clock'),
    },
    {
      id: 'node-port',
      title: 'The client outside reaches all endpoints by the node port of every node, over TCP and UDP',
      needs: ['cluster-ip', 'udp-service'],
      hints: [
        'Which node does not answer? Does the answer come from the address that was asked?',
        'What comes from outside has to be masqueraded: the answer must come back to the node that translated it.',
        'Lab 07: KUBE-NODEPORTS, for what is addressed to the node (--dst-type LOCAL).',
      ],
      run: (network) =>
        network.expectEach(['web', 'clock'], (service) => enter(network, service, pairs(['client'], NODES))),
    },
    {
      id: 'even-node-port',
      title: 'Each endpoint gets its share of what comes by a node port, whichever node is called',
      needs: ['node-port'],
      hints: [
        'Ask each node 300 times and count the names: who gets more than a third?',
        'The way in by the node port should end in the same rules as the ClusterIP.',
        'iptables -t nat -S | grep -e probability -e $SERVICE_WEB_NODE_PORT',
      ],
      run: (network) => expectEvenAtNodes(network, 'web', 'client', NODES),
    },
    {
      id: 'from-inside',
      title: 'Pods and nodes get in by the node ports too, on their own node and on every other',
      needs: ['node-port'],
      hints: [
        'In pod a, then on node1: curl http://$NODE1_IP:$SERVICE_WEB_NODE_PORT/. Which of the two fails?',
        'Packets of pods come in by the bridge, not by eth0. Packets of the node itself do not pass PREROUTING, but OUTPUT.',
        'The rules are called from PREROUTING and from OUTPUT, and no rule names an interface (-i).',
      ],
      async run(network) {
        await enter(network, 'web', [
          ...pairs([...ONE_OF_EACH, ...NODES], NODES),
          ...WITH_OWN_NODE,
          ...AT_ITSELF,
        ]);
        await enter(network, 'clock', [...ONE_AT_HOME, ...AT_ITSELF]);
      },
    },
    {
      id: 'own-ports',
      title: "The nodes' other ports are as they were",
      needs: ['node-port'],
      hints: [
        'On the client: curl http://$NODE1_IP/. The web server of node1 should answer, and see the client.',
        'The rule has to name the protocol and the one number of the node port: not the port of the Service, not that of the pods, not a range.',
        '-p tcp --dport $SERVICE_WEB_NODE_PORT, and nothing wider',
      ],
      run: (network) =>
        network.expectEach([...pairs(['client'], NODES), ...ONE_AT_HOME], ([from, node]) =>
          expectOwnPorts(network, 'web', from, node),
        ),
    },
    {
      id: 'transit',
      title: 'What is for somebody else passes the nodes, though it has the number of a node port',
      needs: ['node-port'],
      hints: [
        "Pod d serves on the number of web's node port, and so does the client: curl http://$POD_D_IP:$SERVICE_WEB_NODE_PORT/ in pod a. Who answers?",
        'Every packet that a node forwards or sends passes PREROUTING or OUTPUT. The rule must take only what is for an address of the node itself.',
        '-m addrtype --dst-type LOCAL on the rule that leads to the node ports',
      ],
      async run(network) {
        // A rule is a node's: one pod of each shows it, and what the node sends itself.
        const outwards = pairs(NODES, ['client']);
        await network.expectEach(
          [...outwards, ...pairs(['pod/a', 'pod/c', 'pod/e'], ['pod/d'])],
          ([from, to]) => expectTransit(network, 'web', from, to),
        );
        await network.expectEach(
          [...outwards, ...pairs(['pod/b', 'pod/c', 'pod/e'], ['pod/a'])],
          ([from, to]) => expectTransit(network, 'shop', from, to),
        );
      },
    },
    {
      id: 'localhost',
      title: 'A process on a node gets in by 127.0.0.1 as well',
      needs: ['from-inside'],
      hints: [
        'On node1: curl http://127.0.0.1:$SERVICE_WEB_NODE_PORT/, while tcpdump -n -i any port $SERVICE_WEB_TARGET_PORT runs.',
        'The packet is sent on to a pod, but its sender is 127.0.0.1. The kernel does not route such packets unless it is told to.',
        'sysctl -w net.ipv4.conf.all.route_localnet=1, on every node (lab 07, step 5)',
      ],
      run: (network) =>
        network.expectEach(NODES, (node) =>
          expectBackends(
            network,
            { service: 'web', from: node, node, address: '127.0.0.1' },
            backendsOf(network, 'web'),
          ),
        ),
    },
    {
      id: 'loopback-closed',
      title: 'A neighbour does not get to what the nodes serve on 127.0.0.1',
      needs: ['localhost'],
      hints: [
        'With route_localnet the kernel takes packets for 127.0.0.1 from the network too. Which rule stands in their way?',
        'What is for 127.0.0.0/8 and does not come from there has to be dropped, except for what the node port rules made so themselves.',
        'iptables -A INPUT -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
      ],
      async run(network) {
        await network.expectEach(NODES, (node) => expectLoopbackClosed(network, 'client', node));
        await network.expectEach(ONE_AT_HOME, ([pod, node]) => expectLoopbackClosed(network, pod, node));
      },
    },
    {
      id: 'local-policy',
      title:
        'Service shop: only backends of the node that is asked, who see the client itself; elsewhere silence',
      needs: ['node-port'],
      hints: [
        'Which backends answer at node2, and whom do they see? Does node1 answer?',
        'externalTrafficPolicy Local: no masquerade, no backend of another node; a node without backends drops.',
        'Lab 07: the chain for Local, and a DROP where there is no local endpoint.',
      ],
      async run(network) {
        const call = { service: 'shop', from: 'client', node: 'node2' };
        await expectLocalBackends(network, call);
        await expectClientSeen(network, call);
        await network.expectEach(['node1', 'node3'], (node) => expectSilence(network, { ...call, node }));
      },
    },
    {
      id: 'local-inside',
      title: 'Service shop: pods and nodes still get all backends, at the port of their own node',
      needs: ['local-policy'],
      hints: [
        'In pod a, then on node1: curl http://$NODE1_IP:$SERVICE_SHOP_NODE_PORT/',
        'The policy is about traffic from outside. Pods and the node itself are inside, and are sent to all backends.',
        '-s $CLUSTER_CIDR, and -m addrtype --src-type LOCAL (masqueraded), before the chain for Local',
      ],
      run: (network) => enter(network, 'shop', [...WITH_OWN_NODE, ...AT_ITSELF]),
    },
    {
      id: 'dns-reached',
      title: 'Every pod and node reaches the DNS server by the address of its Service, over UDP and TCP',
      needs: ['pods-across-nodes'],
      hints: [
        'dig @$SERVICE_DNS_IP and dig +tcp @$SERVICE_DNS_IP, from a pod and from a node.',
        'It is a Service with two ports of one number, and a server in pod dns that listens on both.',
        'In pod dns: ss -lntu. On a node: iptables -t nat -S | grep $SERVICE_DNS_IP',
      ],
      run: (network) => expectDnsReached(network, [...PODS, ...NODES], 'dns'),
    },
    {
      id: 'records',
      title: 'Names have the records that Kubernetes promises, and none that it does not',
      needs: ['dns-reached'],
      hints: [
        'Which record differs? The check names the question and both answers.',
        'ClusterIPs, headless Services with their pods, named ports, addresses back to names; and nothing invented.',
        'Lab 08, steps 3 to 5.',
      ],
      run: (network) => network.expectEach(TOPICS, (topic) => expectRecords(network, DNS, topic)),
    },
    {
      id: 'names-in-pods',
      title: "Pods find Services by short names: the cluster's resolver, search list and ndots",
      needs: ['records'],
      hints: [
        'getent hosts web in pod a. What does /etc/resolv.conf there say?',
        'nameserver, search with three entries, ndots:5. The file of a pod is /etc/netns/POD/resolv.conf on its node.',
        'Lab 08, step 7.',
      ],
      run: (network) =>
        network.expectEach(CLIENTS_OF_DNS, async (pod) => {
          await expectShortNames(network, pod, 'dns', NAMES);
          await expectSearchedFirst(network, pod, FOUR_DOTS);
        }),
    },
    {
      id: 'nodes-resolver',
      title: 'The nodes ask whom they asked before, and pod dns asks as its node does',
      hints: [
        'cat /etc/resolv.conf on each node, and /etc/netns/dns/resolv.conf on node3.',
        'The server must not ask itself for what it does not know, and a node needs names before there is a cluster.',
        'On node3: cat /etc/resolv.conf >/etc/netns/dns/resolv.conf (dnsPolicy: Default)',
      ],
      async run(network) {
        const { UPSTREAM_IP = '' } = network.plan.variables;
        const told = { nameservers: [UPSTREAM_IP], search: [], ndots: 1 };
        await network.expectEach(NODES, (node) => expectResolver(network, node, told));
        await expectSameResolver(network, 'pod/dns', 'node3');
      },
    },
    {
      id: 'names-of-the-world',
      title: 'Names of the world are asked for at the upstream, and its long answers come whole over TCP',
      needs: ['dns-reached'],
      hints: [
        'dig @$SERVICE_DNS_IP www.example.com in pod a. And in pod dns: dig @$UPSTREAM_IP www.example.com?',
        'The server asks whom its node asks, and its question has to get out of the cluster, over UDP and over TCP.',
        'Lab 09 for the way out, lab 08 for the forwarding.',
      ],
      async run(network) {
        await expectForwardedUpstream(network, 'node2', 'pod/dns', 'upstream');
        await network.expectEach(NODES, (node) => expectLargeAnswer(network, node, 'pod/dns', LARGE));
      },
    },
    {
      id: 'world-in-pods',
      title: 'Pods find names of the world too, after those of the cluster',
      needs: ['names-in-pods', 'names-of-the-world'],
      hints: [
        'getent hosts www.example.com in pod a. Which names are asked for on the way there?',
        'Each name of the search list has to be answered with "no such name" before the name itself is asked for.',
        'local=/$CLUSTER_DOMAIN/ in the configuration of the server; three domains in the search list',
      ],
      run: (network) =>
        network.expectEach(CLIENTS_OF_DNS, (pod) =>
          expectWorldName(network, pod, 'www.example.com', 'upstream'),
        ),
    },
    {
      id: 'egress',
      title: 'Pods get answers from the internet, which sees them by the addresses of their nodes',
      needs: ['pods-on-a-node'],
      hints: [
        'Which address of the sender leaves the node? tcpdump -n -i eth0 host $INTERNET_IP',
        'Nobody outside knows the pods. The node lends its address to what leaves the cluster, and to nothing else.',
        'iptables -t nat -A POSTROUTING -s $CLUSTER_CIDR ! -d $CLUSTER_CIDR -j MASQUERADE, on every node',
      ],
      async run(network) {
        await network.expectEach(PODS, (pod) => network.expectReach(pod, 'internet'));
        await network.expectEach(PODS, (pod) => expectSeenAsNode(network, pod, 'internet'));
        await network.expectEach(ONE_OF_EACH, (pod) => expectLeavesAsNode(network, pod, 'internet'));
      },
    },
    {
      id: 'lasting',
      title: 'A connection to the internet lasts: many requests over it are answered',
      needs: ['egress'],
      hints: [
        'The first answers come, and then no more. What is different about the later packets of a connection?',
        'Only the first packet of a connection looks at the nat table. But every packet passes the filter table.',
        'iptables -S FORWARD. conntrack -L -d $INTERNET_IP shows the entry.',
      ],
      run: (network) => network.expectEach(PODS, (pod) => expectLastingConnection(network, pod, 'internet')),
    },
    {
      id: 'as-themselves',
      title: 'Pods and their own node speak to each other as themselves, and so do nodes with the world',
      needs: ['egress', 'nodes-and-pods'],
      hints: [
        'Who is seen by another address than its own: the pod by the node, or the node by the internet?',
        'A packet to the node itself never passes POSTROUTING. A packet of the node leaves with the right address without any rule.',
        'iptables -t nat -S; nft list ruleset. Which rule matches more than -s $CLUSTER_CIDR ! -d $CLUSTER_CIDR?',
      ],
      async run(network) {
        await network.expectEach(WITH_OWN_NODE, ([pod, node]) => network.expectSourceKept(pod, node));
        await network.expectEach(NODES, (node) => expectSeenAsNode(network, node, 'internet'));
      },
    },
  ],
});
