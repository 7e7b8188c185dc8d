/** NodePort: what must be true of a way into the cluster for those who only know its nodes. */
import {
  defineLab,
  expectAnswered,
  expectArrivalAtBackend,
  expectBackends,
  expectClientSeen,
  expectClusterIpSource,
  expectEvenAtNodes,
  expectHealthCheck,
  expectLocalBackends,
  expectLoopbackClosed,
  expectOwnPorts,
  expectSilence,
  expectTransit,
} from 'podwire';

const NODES = ['node1', 'node2', 'node3'];
const BACKENDS = ['b', 'c', 'd'];
const WEB = { service: 'web', from: 'client' };
const SHOP = { service: 'shop', from: 'client' };

export default defineLab({
  checks: [
    {
      id: 'arrives',
      title: "What the client sends to node1's node port arrives at a backend of web",
      hints: [
        'On the client: curl http://$NODE1_IP:$SERVICE_WEB_NODE_PORT/. Refused means that no rule of node1 took the packet, and no process listens.',
        'The ClusterIP has rules that choose a backend. Packets to an address of the node itself, with the number of the node port, have to get to the same rules.',
        'On node1: iptables -t nat -N KUBE-NODEPORTS; iptables -t nat -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS; iptables -t nat -A KUBE-NODEPORTS -p tcp --dport $SERVICE_WEB_NODE_PORT -j KUBE-SVC-LOLE4ISW44XBNF3G',
      ],
      run: (network) => expectArrivalAtBackend(network, { ...WEB, node: 'node1' }),
    },
    {
      id: 'answered',
      title: 'Every request is answered, from the address that the client called',
      needs: ['arrives'],
      hints: [
        'On the client: tcpdump -n -i eth0 tcp, while it asks. From which address does the answer come?',
        'A backend on another node answers the client by its own node, past node1, which alone could put the right address back. The backend must see node1 as the client.',
        'Mark the packet before it gets to the chain of the Service, so that it is masqueraded: iptables -t nat -A KUBE-EXT-... -j KUBE-MARK-MASQ, then -j KUBE-SVC-...',
      ],
      run: async (network) => {
        await expectBackends(network, { ...WEB, node: 'node1' }, BACKENDS);
      },
    },
    {
      id: 'every-node',
      title: 'Every node answers, also the one that has no backend',
      needs: ['answered'],
      hints: [
        'On the client: curl http://$NODE3_IP:$SERVICE_WEB_NODE_PORT/',
        'A node port is one number on all nodes. Each node needs the same rules, whether or not it has a backend.',
        'The rules of step 2 and 3, on node2 and on node3.',
      ],
      run: async (network) => {
        await network.expectEach(['node2', 'node3'], (node) =>
          expectBackends(network, { ...WEB, node }, BACKENDS),
        );
      },
    },
    {
      id: 'even',
      title: 'Each backend gets its share, whichever node is called',
      needs: ['every-node'],
      hints: [
        'Ask 300 times and count the names: who gets more than a third?',
        'With three backends the first rule takes one third of all, the second one half of the rest, the last all that is left.',
        'iptables -t nat -S KUBE-SVC-LOLE4ISW44XBNF3G: probabilities 0.3333333333, 0.5, none.',
      ],
      run: (network) => expectEvenAtNodes(network, 'web', 'client', NODES),
    },
    {
      id: 'cluster-ip',
      title: 'By the ClusterIP, a backend still sees the address of the pod that asks',
      needs: ['every-node'],
      hints: [
        'In pod a: curl http://$SERVICE_WEB_IP/. Whom does the backend answer?',
        'Only what comes in by the node port needs another sender. Is the rule that marks packets in a chain that ClusterIP traffic passes too?',
        'Put KUBE-MARK-MASQ into a chain of its own before the chain of the Service (KUBE-EXT-...), not into KUBE-SVC-... or POSTROUTING.',
      ],
      run: async (network) => {
        await network.expectEach(['web', 'clock'], (service) =>
          network.expectEach(['pod/a', 'pod/f'], (pod) => expectClusterIpSource(network, service, pod)),
        );
      },
    },
    {
      id: 'other-ports',
      title: "The nodes' other ports are as they were",
      needs: ['every-node'],
      hints: [
        'On the client: curl http://$NODE1_IP/. The web server of node1 should answer, and see the client.',
        'The rule has to name the protocol and the one number of the node port: not the port of the Service, not that of the pods, not a range.',
        'iptables -t nat -S KUBE-NODEPORTS: each rule has -p and --dport.',
      ],
      run: async (network) => {
        await network.expectEach(NODES, (node) => expectOwnPorts(network, 'web', 'client', node));
      },
    },
    {
      id: 'transit',
      title: 'What is for somebody else passes, though it has the same number',
      needs: ['every-node'],
      hints: [
        "Pod f serves on the number of web's node port, and so does the client: curl http://$POD_F_IP:$SERVICE_WEB_NODE_PORT/ in pod a. Who answers?",
        'Every packet that a node forwards or sends passes PREROUTING or OUTPUT. The rule must take only what is for an address of the node itself.',
        'iptables -t nat -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
      ],
      run: async (network) => {
        await network.expectAll([
          expectTransit(network, 'web', 'pod/a', 'pod/f'),
          expectTransit(network, 'web', 'pod/e', 'pod/f'),
          ...NODES.map((node) => expectTransit(network, 'web', node, 'client')),
        ]);
      },
    },
    {
      id: 'from-inside',
      title: 'Pods and the nodes themselves get in by it too, on their own node and on others',
      needs: ['every-node'],
      hints: [
        'In pod a, then on node1: curl http://$NODE1_IP:$SERVICE_WEB_NODE_PORT/. Which of the two fails?',
        'Packets of pods come in by the bridge, not by eth0. Packets of the node itself do not pass PREROUTING, but OUTPUT.',
        'KUBE-SERVICES has to be called from PREROUTING and from OUTPUT, and no rule may name an interface (-i).',
      ],
      run: async (network) => {
        await network.expectEach(
          [
            ...['pod/a', 'pod/e', 'pod/f'].flatMap((pod) => NODES.map((node) => [pod, node] as const)),
            ...NODES.flatMap((from) => NODES.map((node) => [from, node] as const)),
          ],
          ([from, node]) => expectBackends(network, { service: 'web', from, node }, BACKENDS),
        );
      },
    },
    {
      id: 'localhost',
      title: 'A process on a node gets in by 127.0.0.1 as well',
      needs: ['from-inside'],
      hints: [
        'On node1: curl http://127.0.0.1:$SERVICE_WEB_NODE_PORT/, while tcpdump -n -i any port $SERVICE_WEB_TARGET_PORT runs.',
        'The packet is sent on to a pod, but its sender is 127.0.0.1. The kernel does not route such packets unless it is told to, and nobody could answer them.',
        'sysctl -w net.ipv4.conf.all.route_localnet=1; the masquerade of step 3 gives the packet another sender.',
      ],
      run: async (network) => {
        await network.expectEach(NODES, (node) =>
          expectBackends(network, { service: 'web', from: node, node, address: '127.0.0.1' }, BACKENDS),
        );
      },
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
      run: async (network) => {
        await network.expectEach(NODES, (node) => expectLoopbackClosed(network, 'client', node));
        await network.expectEach(
          [
            ['pod/a', 'node1'],
            ['pod/e', 'node2'],
            ['pod/f', 'node3'],
          ] as const,
          ([pod, node]) => expectLoopbackClosed(network, pod, node),
        );
      },
    },
    {
      id: 'udp',
      title: 'The node port of clock, over UDP: from outside, from a pod, from a node',
      needs: ['every-node'],
      hints: [
        'On the client: echo | socat -T1 - UDP:$NODE1_IP:$SERVICE_CLOCK_NODE_PORT',
        'TCP and UDP have numbers of their own. A rule for one does not see the other.',
        'The rules of web with -p udp, $SERVICE_CLOCK_NODE_PORT and the chain of clock.',
      ],
      run: async (network) => {
        await network.expectAll([
          ...NODES.map((node) =>
            expectBackends(network, { service: 'clock', from: 'client', node }, BACKENDS),
          ),
          expectAnswered(network, { service: 'clock', from: 'pod/a', node: 'node1' }),
          expectAnswered(network, { service: 'clock', from: 'node3', node: 'node3' }),
        ]);
        await expectEvenAtNodes(network, 'clock', 'client', NODES);
      },
    },
    {
      id: 'local-backends',
      title: 'Policy Local: a node sends what comes from outside to its own backends only, in equal shares',
      needs: ['every-node'],
      hints: [
        'On the client: curl http://$NODE1_IP:$SERVICE_SHOP_NODE_PORT/, some times. Only b may answer; at node2 only c and d.',
        'For packets from outside, the chain of the Service with all its backends is the wrong one. Make another one that has only those on this node.',
        'A chain KUBE-SVL-... with the endpoint chains of this node, and KUBE-EXT-... ends with -j KUBE-SVL-...',
      ],
      run: async (network) => {
        await network.expectEach(['node1', 'node2'], (node) =>
          expectLocalBackends(network, { ...SHOP, node }),
        );
        await expectEvenAtNodes(network, 'shop', 'client', ['node2'], ['c', 'd']);
      },
    },
    {
      id: 'local-source',
      title: "Policy Local: the backend sees the client's own address",
      needs: ['local-backends'],
      hints: [
        'On the client: curl http://$NODE1_IP:$SERVICE_SHOP_NODE_PORT/. Whom does b answer?',
        'A backend on the node that was called answers by that node. So nobody has to rewrite the sender, and with Local nobody may.',
        'No KUBE-MARK-MASQ for packets from outside on their way to KUBE-SVL-...',
      ],
      run: async (network) => {
        await network.expectEach(['node1', 'node2'], (node) => expectClientSeen(network, { ...SHOP, node }));
      },
    },
    {
      id: 'local-silence',
      title: 'Policy Local: a node without a backend stays silent',
      needs: ['local-backends'],
      hints: [
        'On the client: curl -m 2 http://$NODE3_IP:$SERVICE_SHOP_NODE_PORT/. Refused, or no answer?',
        'A refusal tells the client that the Service is gone. Silence tells a load balancer that this node is not the one; so kube-proxy drops.',
        'On node3: iptables -A INPUT -p tcp --dport $SERVICE_SHOP_NODE_PORT -m addrtype --dst-type LOCAL -j DROP',
      ],
      run: (network) => expectSilence(network, { ...SHOP, node: 'node3' }),
    },
    {
      id: 'local-inside',
      title: 'Policy Local: pods and nodes still get all backends, at each node',
      needs: ['local-backends'],
      hints: [
        'On node3, then in pod f: curl http://$NODE3_IP:$SERVICE_SHOP_NODE_PORT/',
        'The policy is about traffic from outside. Pods and the node itself are inside, and are sent to all backends. What comes from the node has to be masqueraded.',
        'In KUBE-EXT-...: -s $CLUSTER_CIDR -j KUBE-SVC-..., and -m addrtype --src-type LOCAL first -j KUBE-MARK-MASQ, then -j KUBE-SVC-...',
      ],
      run: async (network) => {
        await network.expectEach(
          [
            ['pod/a', 'node1'],
            ['pod/e', 'node2'],
            ['pod/f', 'node3'],
            ['node1', 'node1'],
            ['node2', 'node2'],
            ['node3', 'node3'],
          ] as const,
          ([from, node]) => expectBackends(network, { service: 'shop', from, node }, BACKENDS),
        );
      },
    },
    {
      id: 'health-check',
      title: 'The health check port says 200 on nodes with a backend of shop, and 503 on the others',
      needs: ['local-silence'],
      hints: [
        'On the client: curl -i http://$NODE1_IP:$SERVICE_SHOP_HEALTH_CHECK_NODE_PORT/',
        'On each node a small HTTP server says whether the node has backends of its own. A load balancer asks it, and leaves out nodes that say 503.',
        'socat TCP-LISTEN:$SERVICE_SHOP_HEALTH_CHECK_NODE_PORT,fork,reuseaddr EXEC:SCRIPT, where SCRIPT prints "HTTP/1.0 200 OK" or "HTTP/1.0 503 Service Unavailable" and an empty line.',
      ],
      run: async (network) => {
        await network.expectEach(NODES, (node) => expectHealthCheck(network, 'shop', 'client', node));
      },
    },
  ],
});
