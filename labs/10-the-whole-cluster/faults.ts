/**
 * Faults of lab 10, in the order of the checks that catch them. Each is put into the solved testbed, as the guide leaves
 * it. `break 10 --faults 3` draws three that are caught by different checks, each on a node of its own. So none may undo
 * another, and none may leave behind what was there before: finding that out is the exercise.
 */
import { defineFaults, type Fault } from 'podwire';

const lines = (...commands: string[]) => commands.join('\n');

/** A rule put before all others. */
const before = (node: string, table: string, rule: string): Pick<Fault, 'apply' | 'repair'> => ({
  apply: { [node]: `iptables -t ${table} -I ${rule}` },
  repair: { [node]: `iptables -t ${table} -D ${rule}` },
});

const SHOP_RULE = 'SERVICES -d "$SERVICE_SHOP_IP" -p tcp --dport "$SERVICE_SHOP_PORT" -j SVC-shop-tcp-80';
const SHOP_MARK =
  'SERVICES -d "$SERVICE_SHOP_IP" -p tcp --dport "$SERVICE_SHOP_PORT" ! -s "$CLUSTER_CIDR" -j MARK-MASQ';
/** The two rules for clock, of one protocol. */
const clockRules = (protocol: 'tcp' | 'udp') => [
  `-d "$SERVICE_CLOCK_IP" -p ${protocol} --dport "$SERVICE_CLOCK_PORT" -j SVC-clock-udp-123`,
  `-d "$SERVICE_CLOCK_IP" -p ${protocol} --dport "$SERVICE_CLOCK_PORT" ! -s "$CLUSTER_CIDR" -j MARK-MASQ`,
];
/** Takes the rules for clock of one protocol away, and puts those of the other first: the mark before the jump. */
const swapClock = (from: 'tcp' | 'udp', to: 'tcp' | 'udp') =>
  lines(
    ...clockRules(from).map((rule) => `iptables -t nat -D SERVICES ${rule}`),
    ...clockRules(to).map((rule) => `iptables -t nat -I SERVICES 1 ${rule}`),
  );
const AT_THIS_NODE = 'SERVICES -m addrtype --dst-type LOCAL -j NODE-PORTS';
const INSIDERS = '-p tcp --dport "$SERVICE_SHOP_NODE_PORT" -s "$CLUSTER_CIDR" -j SVC-shop-tcp-80';
const SERVICE_PORT = '-p tcp --dport "$SERVICE_WEB_PORT" -j SVC-web-tcp-80';
const HALF_FOR_ONE =
  '-p tcp --dport "$SERVICE_WEB_NODE_PORT" -m statistic --mode random --probability 0.5 -j DNAT --to-destination "$POD_E_IP:$SERVICE_WEB_TARGET_PORT"';
const GUARD =
  'INPUT -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP';

/** A rule of the solution that is gone, and comes back at the same place. */
const without = (node: string, table: string, chain: string, at: number, rule: string) => ({
  apply: { [node]: `iptables -t ${table} -D ${chain} ${rule}` },
  repair: { [node]: `iptables -t ${table} -I ${chain} ${at} ${rule}` },
});

const CONFIG = '/etc/cluster-dns.conf';
const START = `ip netns exec dns dnsmasq --conf-file=${CONFIG} --pid-file=/run/cluster-dns.pid --user=root`;

/** The server with its configuration changed, and changed back: a copy would tell what was changed. */
function withConfig(wrong: string, right: string): Pick<Fault, 'apply' | 'repair'> {
  const restart = lines(
    'kill "$(cat /run/cluster-dns.pid)"',
    `timeout 5 sh -c "while ip netns exec dns ss -Hlntu 'sport = :53' | grep -q .; do sleep 0.02; done"`,
    START,
  );
  return { apply: { node3: lines(wrong, restart) }, repair: { node3: lines(right, restart) } };
}
const webRecord = (address: string) =>
  `sed -i "s/^\\(host-record=web\\.[^,]*\\),.*/\\1,${address}/" ${CONFIG}`;
const upstream = (address: string) => `sed -i "s/^server=.*/server=${address}/" ${CONFIG}`;

const SERVER = 'nameserver $SERVICE_DNS_IP';
const SEARCH = 'search default.svc.$CLUSTER_DOMAIN svc.$CLUSTER_DOMAIN $CLUSTER_DOMAIN';
const NDOTS = 'options ndots:5';
/** Another resolv.conf in a pod of a node. */
function told(
  node: string,
  pod: string,
  wrong: readonly string[],
  right: readonly string[] = [SERVER, SEARCH, NDOTS],
): Pick<Fault, 'apply' | 'repair'> {
  const write = (file: readonly string[]) =>
    `cat >/etc/netns/${pod}/resolv.conf <<END\n${file.join('\n')}\nEND`;
  return { apply: { [node]: write(wrong) }, repair: { [node]: write(right) } };
}

/** An overlay between node1 and node2 whose device takes as much as eth0. */
const wrapped = (own: string, other: string) =>
  lines(
    `ip link add wide type vxlan id 7 local "$${own}_IP" remote "$${other}_IP" dstport 4789`,
    `ip address add "\${${own}_POD_CIDR%/*}/32" dev wide`,
    'ip link set wide mtu 1500 up',
    `ip route replace "$${other}_POD_CIDR" via "\${${other}_POD_CIDR%/*}" dev wide onlink`,
  );
const unwrapped = (other: string) =>
  lines('ip link del wide', `ip route replace "$${other}_POD_CIDR" via "$${other}_IP"`);

const pods: Fault[] = [
  {
    id: 'pod-unplugged',
    title: "Pod b's cable is not plugged into the bridge",
    caughtBy: 'pods-on-a-node',
    cause: 'not-in-bridge',
    apply: { node1: 'ip link set veth-b nomaster' },
    repair: { node1: 'ip link set veth-b master cni0 && bridge link set dev veth-b hairpin on' },
  },
  {
    id: 'pod-with-its-neighbours-address',
    title: "Pod d has pod c's address",
    caughtBy: 'pods-on-a-node',
    cause: 'duplicate-address',
    apply: {
      'pod/d': 'ip address add "$POD_C_IP/24" dev eth0',
    },
    repair: {
      'pod/d': 'ip address del "$POD_C_IP/24" dev eth0',
    },
  },
  {
    id: 'route-missing',
    title: "node2 has no route to node3's pods",
    caughtBy: 'pods-across-nodes',
    cause: 'no-route',
    apply: { node2: 'ip route del "$NODE3_POD_CIDR"' },
    repair: { node2: 'ip route add "$NODE3_POD_CIDR" via "$NODE3_IP"' },
  },
  {
    id: 'forwarding-off',
    title: 'node3 does not forward',
    caughtBy: 'pods-across-nodes',
    cause: 'ip-forward-off',
    apply: { node3: 'sysctl -q -w net.ipv4.ip_forward=0' },
    repair: { node3: 'sysctl -q -w net.ipv4.ip_forward=1' },
  },
  {
    id: 'pods-masqueraded',
    title: "node1 masquerades what goes to other nodes' pods",
    caughtBy: 'pods-across-nodes',
    cause: 'snat-on-pod-traffic',
    ...before('node1', 'nat', 'POSTROUTING -s "$POD_CIDR" ! -o cni0 -j MASQUERADE'),
  },
  {
    id: 'node-kept-out',
    title: 'node3 lets its own pods be reached by pods, and not by node1',
    caughtBy: 'nodes-and-pods',
    cause: 'filter-drop',
    ...before('node3', 'filter', 'FORWARD -s "$NODE1_IP" -d "$POD_CIDR" -j DROP'),
  },
  {
    id: 'routes-per-pod',
    title: "node1 has a route to each of node2's pods, and none to those that come later",
    caughtBy: 'added-later',
    cause: 'no-route',
    apply: {
      node1: lines(
        'ip route del "$NODE2_POD_CIDR"',
        'ip route add "$POD_C_IP" via "$NODE2_IP"',
        'ip route add "$POD_D_IP" via "$NODE2_IP"',
      ),
    },
    repair: {
      node1: lines(
        'ip route del "$POD_C_IP"',
        'ip route del "$POD_D_IP"',
        'ip route add "$NODE2_POD_CIDR" via "$NODE2_IP"',
      ),
    },
  },
  {
    id: 'small-and-silent',
    title: "node2's cable takes less, and node2 does not say so",
    caughtBy: 'large-transfers',
    cause: 'mtu-mismatch',
    apply: {
      node2: 'ip link set eth0 mtu 1400; iptables -I OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP',
    },
    repair: {
      node2: 'iptables -D OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP; ip link set eth0 mtu 1500',
    },
  },
  {
    id: 'overlay-too-wide',
    title: 'Between node1 and node2 there is an overlay, and its device takes packets of 1500 bytes',
    caughtBy: 'no-fragments',
    cause: 'mtu-mismatch',
    apply: { node1: wrapped('NODE1', 'NODE2'), node2: wrapped('NODE2', 'NODE1') },
    repair: { node1: unwrapped('NODE2'), node2: unwrapped('NODE1') },
  },
];

const services: Fault[] = [
  {
    id: 'no-services-for-nodes',
    title: 'node2 translates what pods send, and not what it sends itself',
    caughtBy: 'cluster-ip',
    cause: 'service-hook-missing',
    ...without('node2', 'nat', 'OUTPUT', 1, '-j SERVICES'),
  },
  {
    id: 'endpoint-gone-astray',
    title: 'node1 sends one third of the requests for web to a port that nobody serves',
    caughtBy: 'cluster-ip',
    cause: 'wrong-target-port',
    apply: {
      node1:
        'iptables -t nat -R SVC-web-tcp-80-1 2 -p tcp -j DNAT --to-destination "$POD_E_IP:$SERVICE_WEB_PORT"',
    },
    repair: {
      node1:
        'iptables -t nat -R SVC-web-tcp-80-1 2 -p tcp -j DNAT --to-destination "$POD_E_IP:$SERVICE_WEB_TARGET_PORT"',
    },
  },
  {
    id: 'shop-forgotten',
    title: 'node3 has no rule for the ClusterIP of shop',
    caughtBy: 'cluster-ip',
    cause: 'no-dnat',
    apply: { node3: lines(`iptables -t nat -D ${SHOP_RULE}`, `iptables -t nat -D ${SHOP_MARK}`) },
    repair: {
      node3: lines(
        `iptables -t nat -I ${SHOP_RULE.replace('SERVICES', 'SERVICES 1')}`,
        `iptables -t nat -I ${SHOP_MARK.replace('SERVICES', 'SERVICES 1')}`,
      ),
    },
  },
  {
    id: 'a-third-of-the-rest',
    title: 'The second endpoint of web gets a third of the rest on node3, instead of a half',
    caughtBy: 'even',
    cause: 'skewed-probability',
    apply: {
      node3: `iptables -t nat -R SVC-web-tcp-80 2 -m statistic --mode random --probability 0.33333333333 -j SVC-web-tcp-80-2`,
    },
    repair: {
      node3: `iptables -t nat -R SVC-web-tcp-80 2 -m statistic --mode random --probability 0.5 -j SVC-web-tcp-80-2`,
    },
  },
  {
    id: 'clients-hidden',
    title: 'node3 masquerades all requests to Services',
    caughtBy: 'client-kept',
    cause: 'snat-on-pod-traffic',
    ...before('node3', 'nat', 'SERVICES -d "$SERVICE_CIDR" -j MARK-MASQ'),
  },
  {
    id: 'clients-of-clock-hidden',
    title: 'node2 masquerades what its pods ask clock, over UDP',
    caughtBy: 'client-kept',
    cause: 'snat-on-pod-traffic',
    ...before('node2', 'nat', 'SERVICES -d "$SERVICE_CLOCK_IP" -p udp -j MARK-MASQ'),
  },
  {
    id: 'no-hairpin',
    title: "The port of pod c's cable does not send back what came from it",
    caughtBy: 'hairpin',
    cause: 'hairpin-port-off',
    apply: { node2: 'bridge link set dev veth-c hairpin off' },
    repair: { node2: 'bridge link set dev veth-c hairpin on' },
  },
  {
    id: 'clock-over-tcp',
    title: 'node2 translates the port of clock for TCP only',
    caughtBy: 'udp-service',
    cause: 'wrong-protocol',
    apply: { node2: swapClock('udp', 'tcp') },
    repair: { node2: swapClock('tcp', 'udp') },
  },
  {
    id: 'every-port',
    title: 'The rule of node2 for shop names no protocol and no port',
    caughtBy: 'only-its-port',
    cause: 'rule-too-wide',
    apply: { node2: 'iptables -t nat -A SERVICES -d "$SERVICE_SHOP_IP" -j SVC-shop-tcp-80' },
    repair: { node2: 'iptables -t nat -D SERVICES -d "$SERVICE_SHOP_IP" -j SVC-shop-tcp-80' },
  },
  {
    id: 'asked-before-the-rules',
    title: 'A program in pod d sends to clock from one port, and began before node2 had a rule',
    caughtBy: 'no-stale-flow',
    cause: 'stale-conntrack',
    apply: {
      // Each packet keeps the flow alive for 30 s more (nf_conntrack_udp_timeout).
      node2: lines(
        'iptables -t nat -I PREROUTING -d "$SERVICE_CLOCK_IP" -j ACCEPT',
        `ask='echo hello | socat -u - "UDP:$SERVICE_CLOCK_IP:$SERVICE_CLOCK_PORT,sourceport=5353"'`,
        'ip netns exec d bash -c "$ask"',
        'iptables -t nat -D PREROUTING -d "$SERVICE_CLOCK_IP" -j ACCEPT',
        'setsid --fork ip netns exec d bash -c "while sleep 3; do $ask; done" >/dev/null 2>&1 </dev/null',
      ),
    },
    repair: { node2: 'conntrack -D -p udp --orig-dst "$SERVICE_CLOCK_IP" >/dev/null 2>&1 || true' },
  },
  {
    id: 'empty-waits',
    title: 'node2 does not refuse what is for a Service without endpoints',
    caughtBy: 'no-endpoints',
    cause: 'no-reject',
    ...without(
      'node2',
      'filter',
      'UNSERVED',
      1,
      '-d "$SERVICE_EMPTY_IP" -p tcp --dport "$SERVICE_EMPTY_PORT" -j REJECT',
    ),
  },
  {
    id: 'one-node-without-port',
    title: 'node3 does not know the node port of web',
    caughtBy: 'node-port',
    cause: 'no-node-port',
    ...without('node3', 'nat', 'NODE-PORTS', 2, '-p tcp --dport "$SERVICE_WEB_NODE_PORT" -j SVC-web-tcp-80'),
  },
  {
    id: 'answers-go-astray',
    title: 'node1 does not masquerade what comes in by the node port',
    caughtBy: 'node-port',
    cause: 'masquerade-missing',
    ...without('node1', 'nat', 'NODE-PORTS', 1, '-p tcp --dport "$SERVICE_WEB_NODE_PORT" -j MARK-MASQ'),
  },
  {
    id: 'client-hidden-from-shop',
    title: 'node2 masquerades what comes in for shop',
    caughtBy: 'local-policy',
    cause: 'masquerade-with-local',
    ...before('node2', 'nat', 'NODE-PORTS -p tcp --dport "$SERVICE_SHOP_NODE_PORT" -j MARK-MASQ'),
  },
];

const atNodes: Fault[] = [
  {
    id: 'half-for-one',
    title: 'node2 sends half of what comes by the node port of web to pod e, and splits the rest',
    caughtBy: 'even-node-port',
    cause: 'skewed-probability',
    apply: { node2: `iptables -t nat -I NODE-PORTS 2 ${HALF_FOR_ONE}` },
    repair: { node2: `iptables -t nat -D NODE-PORTS ${HALF_FOR_ONE}` },
  },
  {
    id: 'not-for-pods',
    title: 'node3 takes nothing by its node ports that a pod sends',
    caughtBy: 'from-inside',
    cause: 'node-port-not-for-all',
    ...before('node3', 'nat', 'NODE-PORTS -s "$CLUSTER_CIDR" -j RETURN'),
  },
  {
    id: 'service-port-too',
    title: "node2 takes the port of the Service at its own address too, which is its own web server's",
    caughtBy: 'own-ports',
    cause: 'own-port-taken',
    apply: { node2: `iptables -t nat -A NODE-PORTS ${SERVICE_PORT}` },
    repair: { node2: `iptables -t nat -D NODE-PORTS ${SERVICE_PORT}` },
  },
  {
    id: 'whoever-it-is-for',
    title: 'node1 takes every packet with the number of a node port, whomever it is for',
    caughtBy: 'transit',
    cause: 'transit-hijacked',
    apply: {
      node1: lines(`iptables -t nat -D ${AT_THIS_NODE}`, 'iptables -t nat -A SERVICES -j NODE-PORTS'),
    },
    repair: {
      node1: lines('iptables -t nat -D SERVICES -j NODE-PORTS', `iptables -t nat -A ${AT_THIS_NODE}`),
    },
  },
  {
    id: 'localnet-not-routed',
    title: 'node2 does not route what comes from 127.0.0.1',
    caughtBy: 'localhost',
    cause: 'route-localnet-off',
    apply: { node2: 'sysctl -q -w net.ipv4.conf.all.route_localnet=0' },
    repair: { node2: 'sysctl -q -w net.ipv4.conf.all.route_localnet=1' },
  },
  {
    id: 'no-guard',
    title: 'node1 routes 127.0.0.0/8, and drops nothing of what comes for it from the network',
    caughtBy: 'loopback-closed',
    cause: 'loopback-open',
    apply: { node1: `iptables -D ${GUARD}` },
    repair: { node1: `iptables -A ${GUARD}` },
  },
  {
    id: 'insiders-kept-out',
    title: 'node3, which has no backend of shop, has none for its own pods either',
    caughtBy: 'local-inside',
    cause: 'local-for-insiders',
    ...without('node3', 'nat', 'NODE-PORTS', 5, INSIDERS),
  },
];

const world: Fault[] = [
  {
    id: 'nobody-masquerades',
    title: 'node3 lets packets of pods out as they are',
    caughtBy: 'egress',
    cause: 'no-masquerade',
    apply: {
      node3: 'iptables -t nat -D POSTROUTING -s "$CLUSTER_CIDR" ! -d "$CLUSTER_CIDR" -j MASQUERADE',
    },
    repair: {
      node3: 'iptables -t nat -A POSTROUTING -s "$CLUSTER_CIDR" ! -d "$CLUSTER_CIDR" -j MASQUERADE',
    },
  },
  {
    id: 'server-gone',
    title: 'The DNS server has ended',
    caughtBy: 'dns-reached',
    cause: 'no-listener',
    apply: { node3: 'kill "$(cat /run/cluster-dns.pid)"' },
    repair: { node3: START },
  },
  {
    id: 'record-of-before',
    title: 'The name web stands for an address of before',
    caughtBy: 'records',
    cause: 'dns-record-wrong',
    ...withConfig(webRecord('10.96.77.77'), webRecord('$SERVICE_WEB_IP')),
  },
  {
    id: 'name-forgotten',
    title: 'A named port has no record',
    caughtBy: 'records',
    cause: 'dns-record-missing',
    ...withConfig(
      `sed -i '/^srv-host=_http/d' ${CONFIG}`,
      `echo "srv-host=_http._tcp.web.default.svc.$CLUSTER_DOMAIN,web.default.svc.$CLUSTER_DOMAIN,$SERVICE_WEB_PORT" >>${CONFIG}`,
    ),
  },
  {
    id: 'port-without-a-name',
    title: 'There is a SRV record for the port of shop, which has no name',
    caughtBy: 'records',
    cause: 'srv-for-unnamed-port',
    ...withConfig(
      `echo "srv-host=_http._tcp.shop.default.svc.$CLUSTER_DOMAIN,shop.default.svc.$CLUSTER_DOMAIN,$SERVICE_SHOP_PORT" >>${CONFIG}`,
      `sed -i '/^srv-host=_http._tcp.shop/d' ${CONFIG}`,
    ),
  },
  {
    id: 'upstream-gone',
    title: 'The DNS server asks an upstream that does not answer',
    caughtBy: 'names-of-the-world',
    cause: 'dns-wrong-upstream',
    ...withConfig(upstream('192.0.2.53'), upstream('$UPSTREAM_IP')),
  },
  {
    id: 'no-tcp-to-the-upstream',
    title: 'node3 lets no TCP connection of pod dns out to port 53',
    caughtBy: 'names-of-the-world',
    cause: 'filter-drop',
    ...before('node3', 'filter', 'FORWARD -s "$POD_DNS_IP" ! -d "$CLUSTER_CIDR" -p tcp --dport 53 -j DROP'),
  },
  {
    id: 'no-search-list',
    title: "Pod d's resolv.conf has no search list",
    caughtBy: 'names-in-pods',
    cause: 'wrong-search',
    ...told('node2', 'd', [SERVER, NDOTS]),
  },
  {
    id: 'too-few-dots',
    title: 'Pod b has ndots:3, so the name of a port is asked of the world first',
    caughtBy: 'names-in-pods',
    cause: 'wrong-ndots',
    ...told('node1', 'b', [SERVER, SEARCH, 'options ndots:3']),
  },
  {
    id: 'somebody-elses-domain',
    title: 'The last domain in the search list of pod c is one where every name has an address',
    caughtBy: 'world-in-pods',
    cause: 'wrong-search',
    ...told('node2', 'c', [SERVER, `${SEARCH} parked.test`, NDOTS]),
  },
  {
    id: 'node-asks-the-cluster',
    title: 'node1 itself was told to ask the cluster',
    caughtBy: 'nodes-resolver',
    cause: 'wrong-nameserver',
    apply: { node1: 'echo "nameserver $SERVICE_DNS_IP" >/etc/resolv.conf' },
    repair: { node1: 'echo "nameserver $UPSTREAM_IP" >/etc/resolv.conf' },
  },
  {
    id: 'asks-itself',
    title: 'Pod dns has the resolv.conf of the other pods',
    caughtBy: 'nodes-resolver',
    cause: 'wrong-nameserver',
    ...told('node3', 'dns', [SERVER, SEARCH, NDOTS], ['nameserver $UPSTREAM_IP']),
  },
  {
    id: 'cut-off',
    title: 'A filter on node2 drops what comes after the first answers of a connection',
    caughtBy: 'lasting',
    cause: 'filter-drop',
    ...before(
      'node2',
      'filter',
      'FORWARD -p tcp -s "$INTERNET_IP" -m connbytes --connbytes 12: --connbytes-mode packets --connbytes-dir reply -j DROP',
    ),
  },
  {
    id: 'rewritten-on-the-way-in',
    title: 'node1 rewrites what its pods send to it',
    caughtBy: 'as-themselves',
    cause: 'snat-on-pod-traffic',
    ...before('node1', 'nat', 'INPUT -s "$POD_CIDR" -j SNAT --to-source "$ROUTER_IP"'),
  },
];

export default defineFaults([...pods, ...services, ...atNodes, ...world]);
