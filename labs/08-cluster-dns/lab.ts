/** Cluster DNS: a server in a pod, the records of the cluster's zone, and the file that makes pods ask for them. */
import {
  type DnsClient,
  defineLab,
  expectAlias,
  expectDnsReached,
  expectDnsServer,
  expectForwardedUpstream,
  expectLargeAnswer,
  expectRecords,
  expectResolver,
  expectSameResolver,
  expectSearchedFirst,
  expectShortNames,
  expectWorldName,
  type Network,
} from 'podwire';

/** The pod of the server, its Service in the plan, and the resolver outside. */
const SERVER = 'pod/dns';
const SERVICE = 'dns';
const UPSTREAM = 'upstream';
/** Who asks for the records, by the Service. */
const CLIENT: DnsClient = { from: 'pod/a', service: SERVICE };
/** dnsPolicy ClusterFirst, which is what pods have unless they are told otherwise. */
const CLUSTER_FIRST = ['pod/a', 'pod/b', 'pod/c', 'pod/d'];
/** hostNetwork: true, dnsPolicy ClusterFirstWithHostNet. */
const HOST_NETWORK = 'node1/proxy';
/** As many dots as a name has that is still to be searched for: a port of a Service, without the zone. */
const FOUR_DOTS = '_http._tcp.web.default.svc';
/** How many addresses the upstream has for large.example.com: 16 bytes each, and 512 bytes are 31 of them. */
const LARGE = { name: 'large.example.com.', records: 40, upstream: UPSTREAM };

const domain = ({ plan }: Network) => plan.cluster.domain;
const upstreamAddress = ({ plan }: Network) => plan.variables.UPSTREAM_IP ?? '';

export default defineLab({
  checks: [
    {
      id: 'server',
      title: "A DNS server answers at pod dns's own address, over UDP and TCP",
      hints: [
        'On node2: ip netns exec dns ss -lntu. Does anybody listen on port 53?',
        'The server is a process in the network namespace of the pod, and listens on port 53 of UDP and of TCP.',
        'On node2: restart-dns, the script of step 2. Or: ip netns exec dns dnsmasq --conf-file=/etc/cluster-dns.conf',
      ],
      run: (network) => expectDnsServer(network, 'node2', SERVER),
    },
    {
      id: 'reached',
      title: 'Every pod and every node reaches it at the address of its Service, over UDP and TCP',
      needs: ['server'],
      hints: [
        'On a pod and on a node: dig @$SERVICE_DNS_IP kube-dns.kube-system.svc.cluster.local, and the same with +tcp.',
        'The Service has two ports of one number: 53 of UDP and 53 of TCP. Both need their rules on each node.',
        'iptables -t nat -S KUBE-SERVICES | grep "$SERVICE_DNS_IP"',
      ],
      run: (network) =>
        expectDnsReached(network, [...CLUSTER_FIRST, 'pod/e', SERVER, 'node1', 'node2'], SERVICE),
    },
    {
      id: 'default-policy',
      title: 'Pod dns has the resolv.conf of its node (dnsPolicy: Default)',
      hints: [
        'On node2: cat /etc/resolv.conf, and cat /etc/netns/dns/resolv.conf.',
        'The server must not ask itself for what it does not know. It asks whom its node asks.',
        'On node2: cat /etc/resolv.conf >/etc/netns/dns/resolv.conf',
      ],
      async run(network) {
        const wanted = { nameservers: [upstreamAddress(network)], search: ['example.com'], ndots: 1 };
        await expectResolver(network, 'node2', wanted);
        await expectSameResolver(network, SERVER, 'node2');
      },
    },
    {
      id: 'forwards',
      title: 'For names of the world, the server asks the upstream',
      needs: ['server'],
      hints: [
        'On node2: dig @$POD_DNS_IP www.example.com. And dig @$UPSTREAM_IP www.example.com?',
        'A server that does not know a name asks another server. dnsmasq takes those of its resolv.conf, or the lines "server=".',
        'server=UPSTREAM_IP in /etc/cluster-dns.conf, or nameserver UPSTREAM_IP in /etc/netns/dns/resolv.conf',
      ],
      run: (network) => expectForwardedUpstream(network, 'node2', SERVER, UPSTREAM),
    },
    {
      id: 'large-answers',
      title: 'An answer that does not fit into a datagram comes whole over TCP',
      needs: ['forwards'],
      hints: [
        'On node2: dig +noedns +ignore @$POD_DNS_IP large.example.com. Which flags are there? And with +tcp?',
        'A server that cuts an answer off sets the flag TC, and the client asks again over TCP. The server then asks the upstream over TCP too.',
        'Look for a rule that lets UDP pass and TCP not: iptables -S, on each machine on the way to the upstream.',
      ],
      run: (network) => expectLargeAnswer(network, 'node2', SERVER, LARGE),
    },
    {
      id: 'cluster-ips',
      title: 'The name of each Service is its ClusterIP',
      needs: ['reached'],
      hints: [
        'In pod a: dig +short @$SERVICE_DNS_IP web.default.svc.cluster.local',
        'The name is SERVICE.NAMESPACE.svc.DOMAIN, and the record is of type A. A Service without pods has one too.',
        `host-record=web.default.svc.$CLUSTER_DOMAIN,$SERVICE_WEB_IP in /etc/cluster-dns.conf`,
      ],
      run: (network) => expectRecords(network, CLIENT, 'cluster-ips'),
    },
    {
      id: 'unknown-names',
      title: "A name that the cluster does not have is NXDOMAIN, whatever the world's servers say",
      needs: ['cluster-ips'],
      hints: [
        'In pod a: dig @$SERVICE_DNS_IP nosuch.default.svc.cluster.local. Who made that answer up?',
        'The zone cluster.local belongs to the server: what is not in it does not exist, and nobody else is asked.',
        `local=/$CLUSTER_DOMAIN/ in /etc/cluster-dns.conf`,
      ],
      run: (network) => expectRecords(network, CLIENT, 'unknown-names'),
    },
    {
      id: 'other-types',
      title: 'A name that exists has no record of another type: NOERROR, not NXDOMAIN',
      needs: ['cluster-ips'],
      hints: [
        'In pod a: dig @$SERVICE_DNS_IP web.default.svc.cluster.local AAAA. Which status has the answer?',
        'NXDOMAIN says that the name does not exist, for no type. A client that asks for A and AAAA at once then gives up.',
        'Let the server know the name as its own: host-record does.',
      ],
      run: (network) => expectRecords(network, CLIENT, 'other-types'),
    },
    {
      id: 'any-case',
      title: 'Upper and lower case are the same',
      needs: ['cluster-ips'],
      hints: [
        'In pod a: dig @$SERVICE_DNS_IP WEB.Default.svc.cluster.local',
        'Names are compared without regard to case (RFC 4343). Some resolvers mix the case on purpose, to tell forged answers.',
        'dnsmasq, named and CoreDNS do so by themselves: is it one of them that answers?',
      ],
      run: (network) => expectRecords(network, CLIENT, 'any-case'),
    },
    {
      id: 'headless',
      title: 'The name of a headless Service is the addresses of all its ready pods',
      needs: ['cluster-ips'],
      hints: [
        'In pod a: dig +short @$SERVICE_DNS_IP users.default.svc.cluster.local. How many lines are wanted?',
        'Nobody has an address for the Service, so its name stands for the pods themselves: for those that are ready.',
        `One host-record for each address of $SERVICE_USERS_ENDPOINTS.`,
      ],
      run: (network) => expectRecords(network, CLIENT, 'headless'),
    },
    {
      id: 'hostnames',
      title: 'Each ready pod of it has a name of its own: hostname.service',
      needs: ['headless'],
      hints: [
        'In pod a: dig +short @$SERVICE_DNS_IP users-0.users.default.svc.cluster.local',
        'A StatefulSet gives its pods hostnames. With the headless Service behind it, each becomes a name. A pod that is not ready has none.',
        `host-record=users-0.users.default.svc.$CLUSTER_DOMAIN,$POD_B_IP, and so on for $SERVICE_USERS_HOSTNAMES`,
      ],
      run: (network) => expectRecords(network, CLIENT, 'hostnames'),
    },
    {
      id: 'reverse',
      title: 'Addresses lead back to names: of Services, and of pods of a headless one',
      needs: ['hostnames'],
      hints: [
        'In pod a: dig -x $SERVICE_WEB_IP @$SERVICE_DNS_IP. And dig -x $POD_B_IP?',
        'The name to ask for is the address written backwards, below in-addr.arpa. The most specific part of a name stands first, that of an address last.',
        'dnsmasq makes these records from host-record; of several names of one address it tells the first.',
      ],
      run: (network) => expectRecords(network, CLIENT, 'reverse'),
    },
    {
      id: 'named-ports',
      title: 'A named port has a SRV record, with the port and who serves it',
      needs: ['hostnames'],
      hints: [
        'In pod a: dig +short @$SERVICE_DNS_IP _http._tcp.web.default.svc.cluster.local SRV',
        'The name is _PORT._PROTOCOL.SERVICE..., and the record holds priority, weight, port and target (RFC 2782). For a headless Service there is one for each pod.',
        `srv-host=_http._tcp.web.default.svc.$CLUSTER_DOMAIN,web.default.svc.$CLUSTER_DOMAIN,80`,
      ],
      run: (network) => expectRecords(network, CLIENT, 'named-ports'),
    },
    {
      id: 'unnamed-ports',
      title: 'A port without a name has no SRV record',
      needs: ['named-ports'],
      hints: [
        'In pod a: dig @$SERVICE_DNS_IP _http._tcp.web.shop.svc.cluster.local SRV',
        'The name of the record is made from the name of the port. A port without a name cannot have one.',
        'Take away the srv-host lines of Services whose port has no name.',
      ],
      run: (network) => expectRecords(network, CLIENT, 'unnamed-ports'),
    },
    {
      id: 'external-name',
      title: 'The name of an ExternalName Service leads to the other name, and to its address',
      needs: ['cluster-ips', 'forwards'],
      hints: [
        'In pod a: dig +short @$SERVICE_DNS_IP docs.default.svc.cluster.local. Two lines are wanted.',
        'A CNAME says: this is another name of that one. The server adds the address of that one, because a simple client does not ask again.',
        `cname=docs.default.svc.$CLUSTER_DOMAIN,www.example.com, and a host-record for www.example.com`,
      ],
      run: (network) => expectAlias(network, CLIENT, 'docs', UPSTREAM),
    },
    {
      id: 'short-names',
      title: 'Pods find web, web.shop, web.shop.svc and the whole name, and the world, by their resolv.conf',
      needs: ['cluster-ips', 'unknown-names', 'forwards'],
      hints: [
        'On node1: ip netns exec a cat /etc/resolv.conf, and ip netns exec a getent hosts web.',
        'A resolver tries a short name with each domain of the line "search", in order: NAMESPACE.svc.DOMAIN, svc.DOMAIN, DOMAIN.',
        'nameserver $SERVICE_DNS_IP and search default.svc.$CLUSTER_DOMAIN svc.$CLUSTER_DOMAIN $CLUSTER_DOMAIN in /etc/netns/a/resolv.conf',
      ],
      async run(network) {
        const names = [
          { name: 'web', service: 'web' },
          { name: 'web.default', service: 'web' },
          { name: 'web.shop', service: 'shopweb' },
          { name: 'web.shop.svc', service: 'shopweb' },
          { name: `web.shop.svc.${domain(network)}`, service: 'shopweb' },
        ];
        await network.expectEach(['pod/a', 'pod/b', 'pod/c'], (pod) =>
          expectShortNames(network, pod, SERVICE, names),
        );
        await network.expectEach(CLUSTER_FIRST, (pod) =>
          expectWorldName(network, pod, 'www.example.com', UPSTREAM),
        );
      },
    },
    {
      id: 'own-namespace',
      title: 'Pod d, in namespace shop, finds the web of its own namespace',
      needs: ['cluster-ips', 'unknown-names'],
      hints: [
        'On node2: ip netns exec d getent hosts web. Which of the two Services is that?',
        'The first domain of the search list is that of the namespace of the pod.',
        'search shop.svc.$CLUSTER_DOMAIN svc.$CLUSTER_DOMAIN $CLUSTER_DOMAIN in /etc/netns/d/resolv.conf',
      ],
      run: (network) =>
        expectShortNames(network, 'pod/d', SERVICE, [
          { name: 'web', service: 'shopweb' },
          { name: 'web.default', service: 'web' },
          { name: 'web.default.svc', service: 'web' },
        ]),
    },
    {
      id: 'ndots',
      title: 'A name with up to four dots is searched for in the cluster before it is asked for as it is',
      needs: ['short-names', 'own-namespace'],
      hints: [
        'Which options are in the resolv.conf of the pod? man 5 resolv.conf says what ndots is without one.',
        'A name with at least ndots dots is asked for as it is first: the world would hear of names that are meant for the cluster.',
        'options ndots:5',
      ],
      async run(network) {
        await network.expectEach(CLUSTER_FIRST, (pod) => expectSearchedFirst(network, pod, FOUR_DOTS));
      },
    },
    {
      id: 'none-policy',
      title: 'Pod e has its own dnsConfig, and nothing of the cluster (dnsPolicy: None)',
      hints: [
        'On node1: cat /etc/netns/e/resolv.conf, and compare it with the dnsConfig in step 8.',
        'With dnsPolicy None the file is what dnsConfig says, and nothing is added.',
        'nameserver $UPSTREAM_IP, search example.com, options ndots:2',
      ],
      async run(network) {
        const wanted = { nameservers: [upstreamAddress(network)], search: ['example.com'], ndots: 2 };
        await expectResolver(network, 'pod/e', wanted);
        await expectWorldName(network, 'pod/e', 'www.example.com', UPSTREAM);
      },
    },
    {
      id: 'host-network',
      title: "The host-network pod asks the cluster, and the node's own resolv.conf stays as it was",
      needs: ['cluster-ips', 'unknown-names'],
      hints: [
        'On node1: ip netns exec proxy getent hosts web, and getent hosts web. Which of the two is to find it?',
        'The pod shares the network of the node, not its files: it has a resolv.conf of its own. The node keeps the one it had.',
        'The lines of pod a, in /etc/netns/proxy/resolv.conf',
      ],
      async run(network) {
        await expectShortNames(network, HOST_NETWORK, SERVICE, [
          { name: 'web', service: 'web' },
          { name: 'web.shop', service: 'shopweb' },
        ]);
        await expectSearchedFirst(network, HOST_NETWORK, FOUR_DOTS);
        const wanted = { nameservers: [upstreamAddress(network)], search: ['example.com'], ndots: 1 };
        await expectResolver(network, 'node1', wanted);
      },
    },
  ],
});
