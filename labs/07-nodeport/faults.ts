/**
 * Faults of lab 07, in the order of the checks that catch them. Each is put into the solved testbed, as the guide
 * leaves it: kube-proxy's chains on every node, one chain for each way in.
 *
 * Not among them: a call of KUBE-NODEPORTS that is not the last rule of KUBE-SERVICES. It takes what is for an address of
 * the node, and no Service here has such an address (an external IP would be one), so its place changes nothing.
 */
import { defineFaults, type Fault } from 'podwire';

const WEB = 'LOLE4ISW44XBNF3G';
const CLOCK = 'SOIFZFQWCRHZS2LX';
const SHOP = 'PFINMTQ5Y2TT4XZK';

const nat = (words: string) => `iptables -t nat ${words}`;
const lines = (...commands: string[]) => commands.join('\n');

const webRule = `-p tcp --dport "$SERVICE_WEB_NODE_PORT" -j KUBE-EXT-${WEB}`;
const clockRule = `-p udp --dport "$SERVICE_CLOCK_NODE_PORT" -j KUBE-EXT-${CLOCK}`;
const nextPorts = `-p tcp --dport "$((SERVICE_SHOP_NODE_PORT + 1)):$((SERVICE_SHOP_NODE_PORT + 9))" -j KUBE-EXT-${SHOP}`;
const toNodePorts = (match: string) => `${match} -j KUBE-NODEPORTS`;
const LOCAL = '-m addrtype --dst-type LOCAL';

/** The chain of a Service's way in, made anew: what its rules are. */
const chain = (name: string, ...rules: string[]) =>
  lines(nat(`-F ${name}`), ...rules.map((rule) => nat(`-A ${name} ${rule}`)));
const webWayIn = chain(`KUBE-EXT-${WEB}`, '-j KUBE-MARK-MASQ', `-j KUBE-SVC-${WEB}`);
const insiders = [
  `-s "$CLUSTER_CIDR" -j KUBE-SVC-${SHOP}`,
  `-m addrtype --src-type LOCAL -j KUBE-MARK-MASQ`,
  `-m addrtype --src-type LOCAL -j KUBE-SVC-${SHOP}`,
];
const shopWayIn = chain(`KUBE-EXT-${SHOP}`, ...insiders, `-j KUBE-SVL-${SHOP}`);
const shopWayInOfNode3 = chain(`KUBE-EXT-${SHOP}`, ...insiders);
const firewall = `-d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP`;
const silence = `KUBE-EXTERNAL-SERVICES ${LOCAL} -p tcp --dport "$SERVICE_SHOP_NODE_PORT"`;
const endpointChain = (pod: string, service: string) =>
  `"$(iptables-save -t nat | sed -n "s/^-A \\(KUBE-SEP-[A-Z0-9]*\\) .*--to-destination $POD_${pod}_IP:$SERVICE_${service}_TARGET_PORT$/\\1/p")"`;
const A_THIRD = '-m statistic --mode random --probability 0.33333333333';
/** Straight to an endpoint, past the chains. */
const dnat = (to: string) => `-p tcp -j DNAT --to-destination ${to}`;

const firstWayIn: Fault[] = [
  {
    id: 'no-rule',
    title: 'No rule of node1 takes the node port of web',
    caughtBy: 'arrives',
    cause: 'no-node-port',
    apply: { node1: nat(`-D KUBE-NODEPORTS ${webRule}`) },
    repair: { node1: nat(`-I KUBE-NODEPORTS 1 ${webRule}`) },
  },
  {
    id: 'other-number',
    title: 'The rule of node1 has another number than the node port',
    caughtBy: 'arrives',
    cause: 'wrong-node-port',
    apply: {
      node1: nat(`-R KUBE-NODEPORTS 1 -p tcp --dport "$((SERVICE_WEB_NODE_PORT + 1))" -j KUBE-EXT-${WEB}`),
    },
    repair: { node1: nat(`-R KUBE-NODEPORTS 1 ${webRule}`) },
  },
  {
    id: 'web-over-udp',
    title: 'The rule of node1 for web is for UDP',
    caughtBy: 'arrives',
    cause: 'wrong-protocol',
    apply: {
      node1: nat(`-R KUBE-NODEPORTS 1 -p udp --dport "$SERVICE_WEB_NODE_PORT" -j KUBE-EXT-${WEB}`),
    },
    repair: { node1: nat(`-R KUBE-NODEPORTS 1 ${webRule}`) },
  },
  {
    id: 'target-port-forgotten',
    title: 'Node1 rewrites the address and leaves the number of the node port',
    caughtBy: 'arrives',
    cause: 'wrong-target-port',
    apply: { node1: chain(`KUBE-EXT-${WEB}`, '-j KUBE-MARK-MASQ', dnat('"$POD_B_IP"')) },
    repair: { node1: webWayIn },
  },
  {
    id: 'not-a-backend',
    title: 'Node1 sends everything to pod a, which is no backend',
    caughtBy: 'arrives',
    cause: 'stale-endpoint',
    apply: {
      node1: chain(`KUBE-EXT-${WEB}`, '-j KUBE-MARK-MASQ', dnat('"$POD_A_IP:$SERVICE_WEB_TARGET_PORT"')),
    },
    repair: { node1: webWayIn },
  },
  {
    id: 'forward-drop',
    title: 'The FORWARD chain of node1 drops, as Docker leaves it',
    caughtBy: 'arrives',
    cause: 'filter-drop',
    apply: { node1: 'iptables -P FORWARD DROP' },
    repair: { node1: 'iptables -P FORWARD ACCEPT' },
  },
  {
    id: 'dropped-before',
    title: 'Node1 drops what comes for the node port before any nat rule sees it',
    caughtBy: 'arrives',
    cause: 'filter-drop',
    apply: { node1: 'iptables -t mangle -A PREROUTING -p tcp --dport "$SERVICE_WEB_NODE_PORT" -j DROP' },
    repair: { node1: 'iptables -t mangle -D PREROUTING -p tcp --dport "$SERVICE_WEB_NODE_PORT" -j DROP' },
  },
  {
    id: 'forwarding-off',
    title: 'Node1 does not forward',
    caughtBy: 'arrives',
    cause: 'ip-forward-off',
    apply: { node1: 'sysctl -q -w net.ipv4.ip_forward=0' },
    repair: { node1: 'sysctl -q -w net.ipv4.ip_forward=1' },
  },
];

const everyAnswer: Fault[] = [
  {
    id: 'snat-to-nobody',
    title: 'Node1 makes an address of the sender that it does not have',
    caughtBy: 'answered',
    cause: 'masquerade-wrong-address',
    apply: { node1: nat('-I KUBE-POSTROUTING 2 -j SNAT --to-source 203.0.113.1') },
    repair: { node1: nat('-D KUBE-POSTROUTING 2') },
  },
  {
    id: 'no-masquerade',
    title: 'Node1 leaves the client as the sender',
    caughtBy: 'answered',
    cause: 'masquerade-missing',
    apply: { node1: nat(`-D KUBE-EXT-${WEB} -j KUBE-MARK-MASQ`) },
    repair: { node1: webWayIn },
  },
  {
    id: 'marked-in-vain',
    title: 'Node1 marks packets, and nothing in POSTROUTING looks at the mark',
    caughtBy: 'answered',
    cause: 'masquerade-missing',
    apply: { node1: nat('-D POSTROUTING -j KUBE-POSTROUTING') },
    repair: { node1: nat('-I POSTROUTING 1 -j KUBE-POSTROUTING') },
  },
  {
    id: 'last-rule-conditional',
    title: 'The rules of node1 for web leave some connections to nobody',
    caughtBy: 'answered',
    cause: 'last-rule-conditional',
    apply: {
      node1: chain(
        `KUBE-EXT-${WEB}`,
        '-j KUBE-MARK-MASQ',
        `-m statistic --mode random --probability 0.5 -j KUBE-SVC-${WEB}`,
      ),
    },
    repair: { node1: webWayIn },
  },
  {
    id: 'one-left-out',
    title: 'Node1 leads to b and c alone',
    caughtBy: 'answered',
    cause: 'endpoint-missing',
    apply: {
      node1: chain(
        `KUBE-EXT-${WEB}`,
        '-j KUBE-MARK-MASQ',
        `-m statistic --mode random --probability 0.5 ${dnat('"$POD_B_IP:$SERVICE_WEB_TARGET_PORT"')}`,
        dnat('"$POD_C_IP:$SERVICE_WEB_TARGET_PORT"'),
      ),
    },
    repair: { node1: webWayIn },
  },
  {
    id: 'one-node-without',
    title: 'Node3, which has no backend, has no rule either',
    caughtBy: 'every-node',
    cause: 'no-node-port',
    apply: { node3: nat(`-D KUBE-SERVICES ${toNodePorts(LOCAL)}`) },
    repair: { node3: nat(`-A KUBE-SERVICES ${toNodePorts(LOCAL)}`) },
  },
  {
    id: 'one-node-without-masquerade',
    title: 'Node2 leaves the client as the sender',
    caughtBy: 'every-node',
    cause: 'masquerade-missing',
    apply: { node2: nat(`-D KUBE-EXT-${WEB} -j KUBE-MARK-MASQ`) },
    repair: { node2: webWayIn },
  },
  {
    id: 'skewed',
    title: 'Node2 sends half of all to b, and shares the rest among all three',
    caughtBy: 'even',
    cause: 'skewed-probability',
    apply: {
      node2: nat(
        `-I KUBE-EXT-${WEB} 2 -m statistic --mode random --probability 0.5 ${dnat('"$POD_B_IP:$SERVICE_WEB_TARGET_PORT"')}`,
      ),
    },
    repair: { node2: webWayIn },
  },
  {
    id: 'a-third-of-the-rest',
    title: 'Node3 gives the second backend a third of the rest instead of a half: 33, 22 and 44 %',
    caughtBy: 'even',
    cause: 'skewed-probability',
    apply: {
      node3: chain(
        `KUBE-EXT-${WEB}`,
        '-j KUBE-MARK-MASQ',
        `${A_THIRD} ${dnat('"$POD_B_IP:$SERVICE_WEB_TARGET_PORT"')}`,
        `${A_THIRD} ${dnat('"$POD_C_IP:$SERVICE_WEB_TARGET_PORT"')}`,
        dnat('"$POD_D_IP:$SERVICE_WEB_TARGET_PORT"'),
      ),
    },
    repair: { node3: webWayIn },
  },
];

const nothingElse: Fault[] = [
  {
    id: 'marked-in-the-service-chain',
    title: 'Node1 marks in the chain that ClusterIP traffic passes too',
    caughtBy: 'cluster-ip',
    cause: 'snat-on-pod-traffic',
    apply: { node1: nat(`-I KUBE-SVC-${WEB} 1 -j KUBE-MARK-MASQ`) },
    repair: { node1: nat(`-D KUBE-SVC-${WEB} 1`) },
  },
  {
    id: 'marked-in-the-chain-of-clock',
    title: 'Node3 marks the datagrams of its own pods to clock as well',
    caughtBy: 'cluster-ip',
    cause: 'snat-on-pod-traffic',
    apply: { node3: nat(`-I KUBE-SVC-${CLOCK} 1 -j KUBE-MARK-MASQ`) },
    repair: { node3: nat(`-D KUBE-SVC-${CLOCK} 1`) },
  },
  {
    id: 'masquerade-everything',
    title: 'Node1 masquerades whatever leaves it',
    caughtBy: 'cluster-ip',
    cause: 'snat-on-pod-traffic',
    apply: { node1: nat('-A POSTROUTING -j MASQUERADE') },
    repair: { node1: nat('-D POSTROUTING -j MASQUERADE') },
  },
  {
    id: 'no-port-in-the-rule',
    title: 'The rule of node1 names no port',
    caughtBy: 'other-ports',
    cause: 'own-port-taken',
    apply: { node1: nat(`-A KUBE-NODEPORTS -p tcp -j KUBE-EXT-${WEB}`) },
    repair: { node1: nat(`-D KUBE-NODEPORTS -p tcp -j KUBE-EXT-${WEB}`) },
  },
  {
    id: 'whole-range',
    title: 'The rule of node2 is for the whole range of node ports',
    caughtBy: 'other-ports',
    cause: 'own-port-taken',
    apply: { node2: nat(`-A KUBE-NODEPORTS -p tcp --dport 30000:32767 -j KUBE-EXT-${WEB}`) },
    repair: { node2: nat(`-D KUBE-NODEPORTS -p tcp --dport 30000:32767 -j KUBE-EXT-${WEB}`) },
  },
  {
    id: 'next-ports-too',
    title: 'The rule of node2 for shop is for the next nine ports as well',
    caughtBy: 'other-ports',
    cause: 'own-port-taken',
    apply: { node2: nat(`-A KUBE-NODEPORTS ${nextPorts}`) },
    repair: { node2: nat(`-D KUBE-NODEPORTS ${nextPorts}`) },
  },
  {
    id: 'service-port-too',
    title: 'Node3 takes port 80, the port of the Service, as well',
    caughtBy: 'other-ports',
    cause: 'own-port-taken',
    apply: { node3: nat(`-A KUBE-NODEPORTS -p tcp --dport "$SERVICE_WEB_PORT" -j KUBE-EXT-${WEB}`) },
    repair: { node3: nat(`-D KUBE-NODEPORTS -p tcp --dport "$SERVICE_WEB_PORT" -j KUBE-EXT-${WEB}`) },
  },
  {
    id: 'own-server-dropped',
    title: "Node2 drops what is for its own web server's port",
    caughtBy: 'other-ports',
    cause: 'filter-drop',
    apply: { node2: 'iptables -A INPUT -p tcp --dport 80 -j DROP' },
    repair: { node2: 'iptables -D INPUT -p tcp --dport 80 -j DROP' },
  },
  {
    id: 'no-dst-type-local',
    title: 'Node1 takes every packet with the number of a node port, whomever it is for',
    caughtBy: 'transit',
    cause: 'transit-hijacked',
    apply: {
      node1: lines(nat(`-D KUBE-SERVICES ${toNodePorts(LOCAL)}`), nat(`-A KUBE-SERVICES ${toNodePorts('')}`)),
    },
    repair: {
      node1: lines(nat(`-D KUBE-SERVICES ${toNodePorts('')}`), nat(`-A KUBE-SERVICES ${toNodePorts(LOCAL)}`)),
    },
  },
  {
    id: 'own-packets-hijacked',
    title: 'Node3 takes what it sends to the same port of others',
    caughtBy: 'transit',
    cause: 'transit-hijacked',
    apply: { node3: nat(`-A OUTPUT ${webRule}`) },
    repair: { node3: nat(`-D OUTPUT ${webRule}`) },
  },
];

const inside: Fault[] = [
  {
    id: 'interface-match',
    title: 'Node1 takes only what comes in by eth0',
    caughtBy: 'from-inside',
    cause: 'node-port-not-for-all',
    apply: {
      node1: lines(
        nat(`-D KUBE-SERVICES ${toNodePorts(LOCAL)}`),
        nat(`-A KUBE-SERVICES ${toNodePorts(`-i eth0 ${LOCAL}`)}`),
      ),
    },
    repair: {
      node1: lines(
        nat(`-D KUBE-SERVICES ${toNodePorts(`-i eth0 ${LOCAL}`)}`),
        nat(`-A KUBE-SERVICES ${toNodePorts(LOCAL)}`),
      ),
    },
  },
  {
    id: 'not-for-pods',
    title: 'Node3 takes nothing that a pod sends',
    caughtBy: 'from-inside',
    cause: 'node-port-not-for-all',
    apply: { node3: nat(`-I KUBE-NODEPORTS 1 -s "$CLUSTER_CIDR" -j RETURN`) },
    repair: { node3: nat(`-D KUBE-NODEPORTS -s "$CLUSTER_CIDR" -j RETURN`) },
  },
  {
    id: 'output-hook-missing',
    title: 'What node2 sends itself does not pass KUBE-SERVICES',
    caughtBy: 'from-inside',
    cause: 'service-hook-missing',
    apply: { node2: nat('-D OUTPUT -j KUBE-SERVICES') },
    repair: { node2: nat('-I OUTPUT 1 -j KUBE-SERVICES') },
  },
  {
    id: 'strict-reverse-path',
    title: 'Node3 drops what comes by another way than its answers go',
    caughtBy: 'from-inside',
    cause: 'rp-filter',
    apply: { node3: 'sysctl -q -w net.ipv4.conf.all.rp_filter=1' },
    repair: { node3: 'sysctl -q -w net.ipv4.conf.all.rp_filter=0' },
  },
  {
    id: 'localnet-not-routed',
    title: 'Node2 does not route what comes from 127.0.0.1',
    caughtBy: 'localhost',
    cause: 'route-localnet-off',
    apply: { node2: 'sysctl -q -w net.ipv4.conf.all.route_localnet=0' },
    repair: { node2: 'sysctl -q -w net.ipv4.conf.all.route_localnet=1' },
  },
  {
    id: 'localhost-not-masqueraded',
    title: 'Node1 masquerades everything but what comes from 127.0.0.1',
    caughtBy: 'localhost',
    cause: 'masquerade-missing',
    apply: { node1: nat(`-R KUBE-EXT-${WEB} 1 ! -s 127.0.0.0/8 -j KUBE-MARK-MASQ`) },
    repair: { node1: webWayIn },
  },
  {
    id: 'not-for-localhost',
    title: "Node3's rule leaves out 127.0.0.0/8, as kube-proxy's nftables mode does",
    caughtBy: 'localhost',
    cause: 'node-port-not-for-all',
    apply: { node3: nat('-I KUBE-NODEPORTS 1 -d 127.0.0.0/8 -j RETURN') },
    repair: { node3: nat('-D KUBE-NODEPORTS -d 127.0.0.0/8 -j RETURN') },
  },
  {
    id: 'guard-without-exception',
    title: 'The guard of node1 drops the answers to its own processes too',
    caughtBy: 'localhost',
    cause: 'filter-drop',
    apply: { node1: 'iptables -R KUBE-FIREWALL 1 -d 127.0.0.0/8 ! -s 127.0.0.0/8 -j DROP' },
    repair: { node1: `iptables -R KUBE-FIREWALL 1 ${firewall}` },
  },
  {
    id: 'no-guard',
    title: 'Node1 routes 127.0.0.0/8 and drops nothing',
    caughtBy: 'loopback-closed',
    cause: 'loopback-open',
    apply: { node1: 'iptables -F KUBE-FIREWALL' },
    repair: { node1: `iptables -A KUBE-FIREWALL ${firewall}` },
  },
];

const overUdp: Fault[] = [
  {
    id: 'tcp-only',
    title: 'The rule of node1 for clock is for TCP',
    caughtBy: 'udp',
    cause: 'wrong-protocol',
    apply: {
      node1: lines(
        nat(`-D KUBE-NODEPORTS ${clockRule}`),
        nat(
          `-A KUBE-NODEPORTS -p tcp --dport "$SERVICE_CLOCK_NODE_PORT" -j DNAT --to-destination "$POD_B_IP:$SERVICE_CLOCK_TARGET_PORT"`,
        ),
      ),
    },
    repair: {
      node1: lines(
        nat(
          `-D KUBE-NODEPORTS -p tcp --dport "$SERVICE_CLOCK_NODE_PORT" -j DNAT --to-destination "$POD_B_IP:$SERVICE_CLOCK_TARGET_PORT"`,
        ),
        nat(`-A KUBE-NODEPORTS ${clockRule}`),
      ),
    },
  },
  {
    id: 'udp-forgotten',
    title: 'Node2 has no rule for the node port of clock',
    caughtBy: 'udp',
    cause: 'no-node-port',
    apply: { node2: nat(`-D KUBE-NODEPORTS ${clockRule}`) },
    repair: { node2: nat(`-A KUBE-NODEPORTS ${clockRule}`) },
  },
  {
    id: 'udp-uneven',
    title: 'Node2 gives most flows of clock to pod b',
    caughtBy: 'udp',
    cause: 'skewed-probability',
    apply: {
      node2: nat(
        `-I KUBE-EXT-${CLOCK} 2 -p udp -m statistic --mode random --probability 0.6 -j DNAT --to-destination "$POD_B_IP:$SERVICE_CLOCK_TARGET_PORT"`,
      ),
    },
    repair: { node2: nat(`-D KUBE-EXT-${CLOCK} 2`) },
  },
  {
    id: 'udp-not-masqueraded',
    title: 'Node3 leaves the client as the sender of datagrams',
    caughtBy: 'udp',
    cause: 'masquerade-missing',
    apply: { node3: nat(`-D KUBE-EXT-${CLOCK} -j KUBE-MARK-MASQ`) },
    repair: { node3: nat(`-I KUBE-EXT-${CLOCK} 1 -j KUBE-MARK-MASQ`) },
  },
];

const local: Fault[] = [
  {
    id: 'all-backends',
    title: 'Node1 sends what comes from outside to all backends of shop',
    caughtBy: 'local-backends',
    cause: 'local-to-remote',
    apply: { node1: chain(`KUBE-EXT-${SHOP}`, ...insiders, `-j KUBE-SVC-${SHOP}`) },
    repair: { node1: shopWayIn },
  },
  {
    id: 'as-with-cluster',
    title: 'Node2 treats shop as if its policy were Cluster',
    caughtBy: 'local-backends',
    cause: 'local-to-remote',
    apply: { node2: chain(`KUBE-EXT-${SHOP}`, '-j KUBE-MARK-MASQ', `-j KUBE-SVC-${SHOP}`) },
    repair: { node2: shopWayIn },
  },
  {
    id: 'one-local-left-out',
    title: 'Node2 leads to c alone, and has d as well',
    caughtBy: 'local-backends',
    cause: 'endpoint-missing',
    apply: { node2: chain(`KUBE-SVL-${SHOP}`, `-j ${endpointChain('C', 'SHOP')}`) },
    repair: {
      node2: chain(
        `KUBE-SVL-${SHOP}`,
        `-m statistic --mode random --probability 0.5 -j ${endpointChain('C', 'SHOP')}`,
        `-j ${endpointChain('D', 'SHOP')}`,
      ),
    },
  },
  {
    id: 'local-uneven',
    title: 'Node2 gives nine of ten connections to c, and the rest to d',
    caughtBy: 'local-backends',
    cause: 'skewed-probability',
    apply: {
      node2: chain(
        `KUBE-SVL-${SHOP}`,
        `-m statistic --mode random --probability 0.9 -j ${endpointChain('C', 'SHOP')}`,
        `-j ${endpointChain('D', 'SHOP')}`,
      ),
    },
    repair: {
      node2: chain(
        `KUBE-SVL-${SHOP}`,
        `-m statistic --mode random --probability 0.5 -j ${endpointChain('C', 'SHOP')}`,
        `-j ${endpointChain('D', 'SHOP')}`,
      ),
    },
  },
  {
    id: 'masquerade-kept',
    title: 'Node1 still masquerades what comes from outside for shop',
    caughtBy: 'local-source',
    cause: 'masquerade-with-local',
    apply: { node1: nat(`-I KUBE-EXT-${SHOP} 1 -j KUBE-MARK-MASQ`) },
    repair: { node1: shopWayIn },
  },
  {
    id: 'rejected',
    title: 'Node3 refuses instead of staying silent',
    caughtBy: 'local-silence',
    cause: 'refused-not-dropped',
    apply: { node3: lines('iptables -F KUBE-EXTERNAL-SERVICES', `iptables -A ${silence} -j REJECT`) },
    repair: { node3: lines('iptables -F KUBE-EXTERNAL-SERVICES', `iptables -A ${silence} -j DROP`) },
  },
  {
    id: 'nothing-drops',
    title: 'Node3 has no rule for what its own backends would get',
    caughtBy: 'local-silence',
    cause: 'refused-not-dropped',
    apply: { node3: 'iptables -F KUBE-EXTERNAL-SERVICES' },
    repair: { node3: `iptables -A ${silence} -j DROP` },
  },
  {
    id: 'passed-on',
    title: 'Node3 passes the calls of the world on to other nodes',
    caughtBy: 'local-silence',
    cause: 'local-to-remote',
    apply: { node3: chain(`KUBE-EXT-${SHOP}`, '-j KUBE-MARK-MASQ', `-j KUBE-SVC-${SHOP}`) },
    repair: { node3: shopWayInOfNode3 },
  },
  {
    id: 'insiders-dropped',
    title: 'Node3 drops what its own pods and itself send to shop',
    caughtBy: 'local-inside',
    cause: 'local-for-insiders',
    apply: { node3: nat(`-F KUBE-EXT-${SHOP}`) },
    repair: { node3: shopWayInOfNode3 },
  },
  {
    id: 'insiders-kept-local',
    title: 'Node1 gives its own pods and itself no backend but b',
    caughtBy: 'local-inside',
    cause: 'local-for-insiders',
    apply: {
      node1: chain(
        `KUBE-EXT-${SHOP}`,
        '-m addrtype --src-type LOCAL -j KUBE-MARK-MASQ',
        `-j KUBE-SVL-${SHOP}`,
      ),
    },
    repair: { node1: shopWayIn },
  },
  {
    id: 'insiders-kept-local-there',
    title: 'Node2 gives its own pods and itself no backends but c and d',
    caughtBy: 'local-inside',
    cause: 'local-for-insiders',
    apply: {
      node2: chain(
        `KUBE-EXT-${SHOP}`,
        '-m addrtype --src-type LOCAL -j KUBE-MARK-MASQ',
        `-j KUBE-SVL-${SHOP}`,
      ),
    },
    repair: { node2: shopWayIn },
  },
];

const port = '"$SERVICE_SHOP_HEALTH_CHECK_NODE_PORT"';
const serveHealth = lines(
  `setsid --fork socat TCP-LISTEN:${port},fork,reuseaddr EXEC:/usr/local/bin/shop-health >/dev/null 2>&1`,
  `until curl -s -o /dev/null "http://127.0.0.1:"${port}/; do sleep 0.05; done`,
);

/** What the guide wrote: the answer says how many backends this node has. */
const SHOP_HEALTH = String.raw`#!/bin/sh
while read -r line && [ "$line" != "$(printf '\r')" ]; do :; done
count=$(iptables -t nat -S KUBE-SVL-${SHOP} 2>/dev/null | grep -c -e ' -j ')
[ "$count" -gt 0 ] && status='200 OK' || status='503 Service Unavailable'
printf 'HTTP/1.0 %s\r\nContent-Type: application/json\r\n\r\n' "$status"
printf '{"service":{"namespace":"default","name":"shop"},"localEndpoints":%d}\n' "$count"`;

const health: Fault[] = [
  {
    id: 'nobody-says',
    title: 'Nobody listens on the health check port of node2',
    caughtBy: 'health-check',
    cause: 'no-listener',
    apply: { node2: `fuser -s -k -n tcp ${port}; while ss -ltn | grep -q ":"${port}; do sleep 0.05; done` },
    repair: { node2: serveHealth },
  },
  {
    id: 'always-well',
    title: 'Node3 says that it has backends of shop',
    caughtBy: 'health-check',
    cause: 'health-check-wrong',
    apply: { node3: "sed -i 's/503 Service Unavailable/200 OK/' /usr/local/bin/shop-health" },
    repair: { node3: lines("cat >/usr/local/bin/shop-health <<'SCRIPT'", SHOP_HEALTH, 'SCRIPT') },
  },
  {
    id: 'health-check-closed',
    title: 'A firewall of node1 drops what is for the health check port',
    caughtBy: 'health-check',
    cause: 'filter-drop',
    apply: { node1: `iptables -A INPUT -p tcp --dport ${port} -j DROP` },
    repair: { node1: `iptables -D INPUT -p tcp --dport ${port} -j DROP` },
  },
];

export default defineFaults([
  ...firstWayIn,
  ...everyAnswer,
  ...nothingElse,
  ...inside,
  ...overUdp,
  ...local,
  ...health,
]);
