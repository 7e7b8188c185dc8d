/** ClusterIP: what must be true of an address that nobody has, in the order in which it comes true. */
import {
  defineLab,
  expectClientKept,
  expectEvenSplit,
  expectHairpin,
  expectNobodyHas,
  expectNoStaleFlow,
  expectOtherPortsUnserved,
  expectRefused,
  expectService,
  expectSomeEndpoint,
} from 'podwire';

export default defineLab({
  checks: [
    {
      id: 'a-reaches-web',
      title: 'Pod a gets an answer from web at its ClusterIP',
      hints: [
        'Where does a packet for $SERVICE_WEB_IP go? On node1: ip route get $SERVICE_WEB_IP',
        'No interface has that address. Node1 has to rewrite the destination of the packet before it looks for a route: in the table nat, in the chain PREROUTING.',
        'On node1: iptables -t nat -A PREROUTING -d $SERVICE_WEB_IP -p tcp --dport $SERVICE_WEB_PORT -j DNAT --to-destination $POD_C_IP:$SERVICE_WEB_TARGET_PORT',
      ],
      run: (network) => expectSomeEndpoint(network, 'pod/a', 'web'),
    },
    {
      id: 'nobody-has-it',
      title: 'Nobody has the ClusterIP of web, and nobody answers ARP for it',
      needs: ['a-reaches-web'],
      hints: [
        'In pod a: arping -c 1 -I eth0 $SERVICE_WEB_IP. Who answers? And: ip address on the nodes',
        'A ClusterIP is a number that rules look for. Given to an interface, it would be one node that has the Service.',
        'ip address del $SERVICE_WEB_IP/32 dev ...; ip neigh del proxy $SERVICE_WEB_IP dev ...',
      ],
      run: (network) => expectNobodyHas(network, ['pod/a', 'pod/e', 'router'], 'web'),
    },
    {
      id: 'only-its-port',
      title: 'What is not a port of web is not served at its ClusterIP',
      needs: ['a-reaches-web'],
      hints: [
        'Which ports and which protocol does your rule match? iptables -t nat -S',
        'A Service is an address, a protocol and a port. Port 80 over UDP is another thing than port 80 over TCP.',
        'The rule needs all three: -d $SERVICE_WEB_IP -p tcp --dport $SERVICE_WEB_PORT',
      ],
      run: (network) =>
        network.expectEach(['pod/a', 'pod/e', 'node1', 'node2'], (from) =>
          expectOtherPortsUnserved(network, from, 'web'),
        ),
    },
    {
      id: 'every-backend',
      title: 'Each backend of web gets a third of what pod a asks, and keeps the connections that it has',
      needs: ['a-reaches-web'],
      hints: [
        'Ask many times, and count: for i in $(seq 60); do curl -s -m 1 http://$SERVICE_WEB_IP; done | cut -c 1 | sort | uniq -c',
        'Rules are tried in order. The first of three is taken by a third of all. Of those that are left, what share must the second take?',
        'Probabilities 0.33333333333, then 0.5, then a rule without a condition. And for pods on one bridge: sysctl -w net.bridge.bridge-nf-call-iptables=1',
      ],
      run: (network) => expectEvenSplit(network, 'pod/a', 'web'),
    },
    {
      id: 'from-node1',
      title: 'Node1 itself reaches all backends of web',
      needs: ['every-backend'],
      hints: [
        'On node1: curl -m 1 http://$SERVICE_WEB_IP. Does the packet come in by any interface?',
        "A node's own packets do not pass PREROUTING. They begin in OUTPUT.",
        'On node1: iptables -t nat -A OUTPUT -j KUBE-SERVICES',
      ],
      run: (network) => expectEvenSplit(network, 'node1', 'web'),
    },
    {
      id: 'hairpin',
      title: 'Pod b, itself a backend, reaches all backends of web, and so itself',
      needs: ['every-backend'],
      hints: [
        'In pod b, ask web several times. Which third gets no answer?',
        'A pod that gets a packet from its own address drops it. So the node has to put its own address in the place of the source. And a bridge sends no frame back to the port that it came from, unless the port is told to.',
        'On node1: mark what comes from an endpoint and goes to it, masquerade what is marked, and: bridge link set dev veth-b hairpin on',
      ],
      run: (network) => expectHairpin(network, 'pod/b', 'web'),
    },
    {
      id: 'node2',
      title: 'On node2 web is served in the same way: to pod e, to the backends c and d, and to the node',
      needs: ['hairpin', 'from-node1'],
      hints: [
        'Which rules does node2 have? iptables -t nat -S on node2',
        'Every node translates what its own pods send. No node knows of a Service by another node.',
        'All that you did on node1, on node2: the setting, the hairpin ports, and the same rules.',
      ],
      run: (network) =>
        network.expectAll([
          expectEvenSplit(network, 'pod/e', 'web'),
          expectHairpin(network, 'pod/c', 'web'),
          expectHairpin(network, 'pod/d', 'web'),
          expectEvenSplit(network, 'node2', 'web'),
        ]),
    },
    {
      id: 'client-kept',
      title: "The backends see the pod's own address, on both nodes",
      needs: ['node2'],
      hints: [
        'curl http://$SERVICE_WEB_IP in pod a prints whom the server saw. Is it pod a?',
        'Only two kinds of packets need another source: what a pod sends to itself, and what does not come from a pod.',
        'Mark only those: -s ENDPOINT in front of the DNAT to that endpoint, and ! -s $CLUSTER_CIDR. Masquerade only what is marked.',
      ],
      async run(network) {
        // Those that are no backends come first: what they send is never masqueraded, in no right answer.
        for (const pod of ['pod/a', 'pod/e', 'pod/b', 'pod/c', 'pod/d'])
          await expectClientKept(network, pod, 'web');
      },
    },
    {
      id: 'udp',
      title: 'clock, a Service over UDP, is served on both nodes',
      needs: ['node2'],
      hints: [
        'Which protocol does clock use? echo $SERVICE_CLOCK_PORTS',
        'The rules are those of web with another address, protocol and ports.',
        'The loop of the guide goes through Services. Let it go through clock too, with -p udp.',
      ],
      run: (network) =>
        network.expectAll([
          expectEvenSplit(network, 'pod/a', 'clock'),
          expectEvenSplit(network, 'pod/e', 'clock'),
          expectHairpin(network, 'pod/b', 'clock'),
          expectHairpin(network, 'pod/c', 'clock'),
          expectHairpin(network, 'pod/d', 'clock'),
          expectService(network, 'node1', 'clock'),
          expectService(network, 'node2', 'clock'),
        ]),
    },
    {
      id: 'udp-client-kept',
      title: "The backends of clock see the pod's own address as well",
      needs: ['udp'],
      hints: [
        'Whom does a backend of clock answer? echo | socat -T1 - UDP:$SERVICE_CLOCK_IP:$SERVICE_CLOCK_PORT in pod e says it.',
        'UDP has no connections, and netfilter tracks its flows all the same: what was true of web is true of clock.',
        'Which rules of the chain of clock mark packets? Only -s ENDPOINT and ! -s $CLUSTER_CIDR may.',
      ],
      run: (network) =>
        network.expectEach(['pod/a', 'pod/e', 'pod/b', 'pod/c', 'pod/d'], (pod) =>
          expectClientKept(network, pod, 'clock'),
        ),
    },
    {
      id: 'refused',
      title: 'empty, a Service without endpoints, refuses at once: pods and nodes',
      needs: ['a-reaches-web'],
      hints: [
        'curl -m 2 http://$SERVICE_EMPTY_IP: how long does it take, and what does it say?',
        'There is nothing to translate to. A rule of the table filter can refuse it: in FORWARD for the pods, in OUTPUT for the node.',
        'iptables -A FORWARD -d $SERVICE_EMPTY_IP -p tcp --dport $SERVICE_EMPTY_PORT -j REJECT, and the same in OUTPUT, on both nodes',
      ],
      run: (network) =>
        network.expectEach(['pod/a', 'pod/e', 'node1', 'node2'], (host) =>
          expectRefused(network, host, 'empty'),
        ),
    },
    {
      id: 'endpoint-gone',
      title: 'stats goes to the pods that are behind it now, and no more to pod e',
      needs: ['a-reaches-web'],
      hints: [
        'Which pods are behind stats? echo $SERVICE_STATS_ENDPOINTS. And what do the rules say? iptables -t nat -S STATS',
        'Nobody took the rules away when pod e left. Rules do not know of pods.',
        'iptables -t nat -F STATS, and fill it anew with c and d, on both nodes',
      ],
      run: (network) =>
        network.expectAll([
          expectEvenSplit(network, 'pod/a', 'stats'),
          expectEvenSplit(network, 'pod/e', 'stats'),
          expectService(network, 'node1', 'stats'),
          expectService(network, 'node2', 'stats'),
        ]),
    },
    {
      id: 'no-stale-flow',
      title: 'No UDP flow goes on to a pod that left, or to nobody',
      needs: ['endpoint-gone', 'udp'],
      hints: [
        'A program in pod a sends to stats all the time. Where do its packets go? tcpdump -n -i eth0 in pod e',
        'Rules of the table nat are asked once per flow: for its first packet. The table of connections remembers the answer. conntrack -L -p udp --orig-dst $SERVICE_STATS_IP',
        'On node1: conntrack -D -p udp --orig-dst $SERVICE_STATS_IP',
      ],
      run: (network) =>
        network.expectAll([expectNoStaleFlow(network, 'stats'), expectNoStaleFlow(network, 'clock')]),
    },
  ],
});
