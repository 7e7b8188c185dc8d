/**
 * Ways to break Services: each is applied to the solved lab, must be caught and named, and repaired.
 *
 * Not among them: a bridge or host end that answers ARP for whatever its node has a route to (proxy_arp). Calico's nodes
 * do so for all their pods. A pod sends to its gateway, and asks for no ClusterIP.
 */
import { defineFaults, type Fault } from 'podwire';

/** The rules of web on node1: the chain filled anew with the given probabilities; `null` for no condition. */
function split(b: string | null, c: string | null, d: string | null): string {
  const rules = Object.entries({ B: b, C: c, D: d }).map(([pod, probability]) => {
    const chance = probability === null ? '' : `-m statistic --mode random --probability ${probability} `;
    return `iptables -t nat -A KUBE-SVC-WEB ${chance}-j KUBE-SEP-WEB-${pod}`;
  });
  const masquerade = 'iptables -t nat -A KUBE-SVC-WEB ! -s "$CLUSTER_CIDR" -j KUBE-MARK-MASQ';
  return ['iptables -t nat -F KUBE-SVC-WEB', masquerade, ...rules].join('\n');
}
const evenly = split('0.33333333333', '0.5', null);

/** The rules of one endpoint of web on node1. */
function endpoint(pod: 'B' | 'C' | 'D', to: string, { protocol = 'tcp', masquerade = true } = {}): string {
  const chain = `KUBE-SEP-WEB-${pod}`;
  return [
    `iptables -t nat -F ${chain}`,
    ...(masquerade ? [`iptables -t nat -A ${chain} -s "$POD_${pod}_IP" -j KUBE-MARK-MASQ`] : []),
    `iptables -t nat -A ${chain} -p ${protocol} -j DNAT --to-destination "${to}"`,
  ].join('\n');
}
const right = (pod: 'B' | 'C' | 'D') => endpoint(pod, `$POD_${pod}_IP:$SERVICE_WEB_TARGET_PORT`);

const WEB_RULE = 'KUBE-SERVICES -d "$SERVICE_WEB_IP" -p tcp --dport "$SERVICE_WEB_PORT" -j KUBE-SVC-WEB';
/** The rule that recognises web, replaced by another and put back. */
function recognise(match: string): Pick<Fault, 'apply' | 'repair'> {
  const wrong = `KUBE-SERVICES -d "$SERVICE_WEB_IP" ${match} -j KUBE-SVC-WEB`;
  return {
    apply: { node1: `iptables -t nat -D ${WEB_RULE}\niptables -t nat -A ${wrong}` },
    repair: { node1: `iptables -t nat -D ${wrong}\niptables -t nat -A ${WEB_RULE}` },
  };
}

const MARK_B = 'KUBE-SEP-WEB-B -s "$POD_B_IP" -j KUBE-MARK-MASQ';
const REJECT = '-d "$SERVICE_EMPTY_IP" -p tcp --dport "$SERVICE_EMPTY_PORT" -j REJECT';

/** What keeps pod a from any answer. */
const recognising: Fault[] = [
  {
    id: 'prerouting-hook-missing',
    title: 'node1 has no rule in PREROUTING, so what its pods send is not looked at',
    caughtBy: 'a-reaches-web',
    cause: 'service-hook-missing',
    apply: { node1: 'iptables -t nat -D PREROUTING -j KUBE-SERVICES' },
    repair: { node1: 'iptables -t nat -A PREROUTING -j KUBE-SERVICES' },
  },
  {
    id: 'no-rules',
    title: 'The rules for web are gone from node1',
    caughtBy: 'a-reaches-web',
    cause: 'no-dnat',
    apply: { node1: `iptables -t nat -D ${WEB_RULE}` },
    repair: { node1: `iptables -t nat -A ${WEB_RULE}` },
  },
  {
    id: 'protocol-swapped',
    title: 'The rule for web matches UDP',
    caughtBy: 'a-reaches-web',
    cause: 'wrong-protocol',
    ...recognise('-p udp --dport "$SERVICE_WEB_PORT"'),
  },
  {
    id: 'target-port-matched',
    title: "The rule for web matches the pods' port instead of the Service's",
    caughtBy: 'a-reaches-web',
    cause: 'wrong-service-port',
    ...recognise('-p tcp --dport "$SERVICE_WEB_TARGET_PORT"'),
  },
  {
    id: 'other-address-matched',
    title: 'The rule for web matches the ClusterIP of another Service',
    caughtBy: 'a-reaches-web',
    cause: 'no-dnat',
    apply: {
      node1: `iptables -t nat -D ${WEB_RULE}\niptables -t nat -A ${WEB_RULE.replace('SERVICE_WEB_IP', 'SERVICE_CLOCK_IP')}`,
    },
    repair: {
      node1: `iptables -t nat -D ${WEB_RULE.replace('SERVICE_WEB_IP', 'SERVICE_CLOCK_IP')}\niptables -t nat -A ${WEB_RULE}`,
    },
  },
  {
    id: 'target-port-ignored',
    title: 'The rules translate to the address alone, so the port stays that of the Service',
    caughtBy: 'a-reaches-web',
    cause: 'wrong-target-port',
    apply: { node1: (['B', 'C', 'D'] as const).map((pod) => endpoint(pod, `$POD_${pod}_IP`)).join('\n') },
    repair: { node1: (['B', 'C', 'D'] as const).map(right).join('\n') },
  },
  {
    id: 'forward-drop',
    title: 'The FORWARD chain of node1 drops, as Docker leaves it',
    caughtBy: 'a-reaches-web',
    cause: 'filter-drop',
    apply: { node1: 'iptables -P FORWARD DROP' },
    repair: { node1: 'iptables -P FORWARD ACCEPT' },
  },
  {
    id: 'forwarding-off',
    title: 'node1 does not forward',
    caughtBy: 'a-reaches-web',
    cause: 'ip-forward-off',
    apply: { node1: 'sysctl -q -w net.ipv4.ip_forward=0' },
    repair: { node1: 'sysctl -q -w net.ipv4.ip_forward=1' },
  },
  {
    id: 'pod-without-default-route',
    title: 'Pod a has no default route, so it does not know where to send a packet for the ClusterIP',
    caughtBy: 'a-reaches-web',
    cause: 'no-route',
    apply: { 'pod/a': 'ip route del default' },
    repair: { 'pod/a': 'ip route add default via "$POD_GATEWAY"' },
  },
  {
    id: 'cluster-ip-on-a-node',
    title: 'Somebody gave the ClusterIP to node1',
    caughtBy: 'nobody-has-it',
    cause: 'cluster-ip-owned',
    apply: { node1: 'ip address add "$SERVICE_WEB_IP/32" dev lo' },
    repair: { node1: 'ip address del "$SERVICE_WEB_IP/32" dev lo' },
  },
  {
    id: 'proxy-arp',
    title: 'node1 answers ARP for the ClusterIP',
    caughtBy: 'nobody-has-it',
    cause: 'cluster-ip-owned',
    apply: { node1: 'ip neigh add proxy "$SERVICE_WEB_IP" dev eth0' },
    repair: { node1: 'ip neigh del proxy "$SERVICE_WEB_IP" dev eth0' },
  },
  {
    id: 'pod-answers',
    title: 'Pod d answers ARP for the ClusterIP, where only node2 and its pods hear it',
    caughtBy: 'nobody-has-it',
    cause: 'cluster-ip-owned',
    apply: {
      'pod/d': `sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.neigh.eth0.proxy_delay=0
ip route add "$SERVICE_WEB_IP" dev lo
ip neigh add proxy "$SERVICE_WEB_IP" dev eth0`,
    },
    repair: {
      'pod/d': `ip neigh del proxy "$SERVICE_WEB_IP" dev eth0
ip route del "$SERVICE_WEB_IP" dev lo
sysctl -q -w net.ipv4.ip_forward=0 net.ipv4.neigh.eth0.proxy_delay=80`,
    },
  },
  {
    id: 'taken-before',
    title: 'A rule in PREROUTING accepts what goes to web before it comes to the rules for it',
    caughtBy: 'a-reaches-web',
    cause: 'service-hook-missing',
    apply: { node1: 'iptables -t nat -I PREROUTING -d "$SERVICE_WEB_IP" -j ACCEPT' },
    repair: { node1: 'iptables -t nat -D PREROUTING -d "$SERVICE_WEB_IP" -j ACCEPT' },
  },
  {
    id: 'not-tracked',
    title: 'node1 does not track the connections to web, so nothing is translated',
    caughtBy: 'a-reaches-web',
    cause: 'no-dnat',
    apply: { node1: 'iptables -t raw -A PREROUTING -d "$SERVICE_WEB_IP" -j CT --notrack' },
    repair: { node1: 'iptables -t raw -D PREROUTING -d "$SERVICE_WEB_IP" -j CT --notrack' },
  },
  {
    id: 'no-port',
    title: 'The rule for web names no protocol and no port',
    caughtBy: 'only-its-port',
    cause: 'rule-too-wide',
    apply: {
      node1: `iptables -t nat -D ${WEB_RULE}
iptables -t nat -A KUBE-SERVICES -d "$SERVICE_WEB_IP" -j KUBE-SVC-WEB`,
    },
    repair: {
      node1: `iptables -t nat -D KUBE-SERVICES -d "$SERVICE_WEB_IP" -j KUBE-SVC-WEB
iptables -t nat -A ${WEB_RULE}`,
    },
  },
];

/** What makes some of the answers fail, or the shares uneven. */
const splitting: Fault[] = [
  {
    id: 'order-reversed',
    title: 'The probabilities of web stand in the wrong order: 1/2, 1/3, rest',
    caughtBy: 'every-backend',
    cause: 'skewed-probability',
    apply: { node1: split('0.5', '0.33333333333', null) },
    repair: { node1: evenly },
  },
  {
    id: 'a-third-each',
    title: 'The second rule takes a third of the rest instead of a half',
    caughtBy: 'every-backend',
    cause: 'skewed-probability',
    apply: { node1: split('0.33333333333', '0.33333333333', null) },
    repair: { node1: evenly },
  },
  {
    id: 'last-rule-conditional',
    title: 'Each rule has a probability of a third, so almost a third of the packets is taken by none',
    caughtBy: 'every-backend',
    cause: 'last-rule-conditional',
    apply: { node1: split('0.33333333333', '0.33333333333', '0.33333333333') },
    repair: { node1: evenly },
  },
  {
    id: 'backend-missing',
    title: 'No rule leads to pod d',
    caughtBy: 'every-backend',
    cause: 'endpoint-missing',
    apply: {
      node1: `${evenly}
iptables -t nat -D KUBE-SVC-WEB -j KUBE-SEP-WEB-D
iptables -t nat -R KUBE-SVC-WEB 2 -m statistic --mode random --probability 0.5 -j KUBE-SEP-WEB-B
iptables -t nat -R KUBE-SVC-WEB 3 -j KUBE-SEP-WEB-C`,
    },
    repair: { node1: evenly },
  },
  {
    id: 'wrong-target-port',
    title: 'The rule for pod d leads to another port of it',
    caughtBy: 'every-backend',
    cause: 'wrong-target-port',
    apply: { node1: endpoint('D', '$POD_D_IP:$((SERVICE_WEB_TARGET_PORT + 1))') },
    repair: { node1: right('D') },
  },
  {
    id: 'endpoint-stale',
    title: 'The rule for pod d leads to an address that no pod has any more',
    caughtBy: 'every-backend',
    cause: 'stale-endpoint',
    apply: {
      node1: endpoint('D', `\${NODE2_POD_CIDR%.*}.251:$SERVICE_WEB_TARGET_PORT`),
    },
    repair: { node1: right('D') },
  },
  {
    id: 'bridge-netfilter-off',
    title: 'node1 does not show netfilter what its bridge passes on',
    caughtBy: 'every-backend',
    cause: 'bridge-netfilter-off',
    apply: { node1: 'sysctl -q -w net.bridge.bridge-nf-call-iptables=0' },
    repair: { node1: 'sysctl -q -w net.bridge.bridge-nf-call-iptables=1' },
  },
  {
    id: 'backend-unreachable',
    title: 'A rule on node2 drops what comes to pod d',
    caughtBy: 'every-backend',
    cause: 'filter-drop',
    apply: { node2: 'iptables -I FORWARD -d "$POD_D_IP" -p tcp -j DROP' },
    repair: { node2: 'iptables -D FORWARD -d "$POD_D_IP" -p tcp -j DROP' },
  },
];

const nodesAndHairpins: Fault[] = [
  {
    id: 'output-hook-missing',
    title: 'node1 has no rule in OUTPUT, so what it sends itself is not looked at',
    caughtBy: 'from-node1',
    cause: 'service-hook-missing',
    apply: { node1: 'iptables -t nat -D OUTPUT -j KUBE-SERVICES' },
    repair: { node1: 'iptables -t nat -A OUTPUT -j KUBE-SERVICES' },
  },
  {
    id: 'node-without-default-route',
    title: 'node1 has no route that a packet for the ClusterIP could take',
    caughtBy: 'from-node1',
    cause: 'no-route',
    apply: { node1: 'ip route del default' },
    repair: { node1: 'ip route add default via "$ROUTER_IP"' },
  },
  {
    id: 'another-port',
    title: 'node1 serves port 443 of web as well',
    caughtBy: 'only-its-port',
    cause: 'rule-too-wide',
    apply: {
      node1: 'iptables -t nat -A KUBE-SERVICES -d "$SERVICE_WEB_IP" -p tcp --dport 443 -j KUBE-SVC-WEB',
    },
    repair: {
      node1: 'iptables -t nat -D KUBE-SERVICES -d "$SERVICE_WEB_IP" -p tcp --dport 443 -j KUBE-SVC-WEB',
    },
  },
  {
    id: 'hairpin-masquerade-missing',
    title: 'node1 does not masquerade what pod b sends to itself',
    caughtBy: 'hairpin',
    cause: 'hairpin-masquerade-missing',
    apply: { node1: `iptables -t nat -D ${MARK_B}` },
    repair: { node1: `iptables -t nat -I ${MARK_B}` },
  },
  {
    id: 'nothing-masqueraded',
    title: 'node1 marks packets, and masquerades none of them',
    caughtBy: 'hairpin',
    cause: 'hairpin-masquerade-missing',
    apply: { node1: 'iptables -t nat -D POSTROUTING -j KUBE-POSTROUTING' },
    repair: { node1: 'iptables -t nat -A POSTROUTING -j KUBE-POSTROUTING' },
  },
  {
    id: 'hairpin-port-off',
    title: "The bridge does not send pod b's frames back to it",
    caughtBy: 'hairpin',
    cause: 'hairpin-port-off',
    apply: { node1: 'bridge link set dev veth-b hairpin off' },
    repair: { node1: 'bridge link set dev veth-b hairpin on' },
  },
  {
    id: 'node2-forgotten',
    title: 'node2 has no rules for web',
    caughtBy: 'node2',
    cause: 'no-dnat',
    apply: { node2: `iptables -t nat -D ${WEB_RULE}` },
    repair: { node2: `iptables -t nat -A ${WEB_RULE}` },
  },
  {
    id: 'node2-hairpin-port-off',
    title: "The bridge of node2 does not send pod c's frames back to it",
    caughtBy: 'node2',
    cause: 'hairpin-port-off',
    apply: { node2: 'bridge link set dev veth-c hairpin off' },
    repair: { node2: 'bridge link set dev veth-c hairpin on' },
  },
  {
    id: 'masquerade-all',
    title: 'node1 masquerades everything that goes to a Service',
    caughtBy: 'client-kept',
    cause: 'snat-on-pod-traffic',
    apply: { node1: 'iptables -t nat -I KUBE-SVC-WEB -j KUBE-MARK-MASQ' },
    repair: { node1: 'iptables -t nat -D KUBE-SVC-WEB -j KUBE-MARK-MASQ' },
  },
  {
    id: 'datagrams-to-itself',
    title: 'node2 does not masquerade what pod d sends to itself by clock',
    caughtBy: 'udp',
    cause: 'hairpin-masquerade-missing',
    apply: { node2: 'iptables -t nat -D KUBE-SEP-CLOCK-1 -s "$POD_D_IP" -j KUBE-MARK-MASQ' },
    repair: { node2: 'iptables -t nat -I KUBE-SEP-CLOCK-1 -s "$POD_D_IP" -j KUBE-MARK-MASQ' },
  },
  {
    id: 'masquerade-all-datagrams',
    title: 'node2 masquerades everything that goes to clock',
    caughtBy: 'udp-client-kept',
    cause: 'snat-on-pod-traffic',
    apply: { node2: 'iptables -t nat -I KUBE-SVC-CLOCK -j KUBE-MARK-MASQ' },
    repair: { node2: 'iptables -t nat -D KUBE-SVC-CLOCK -j KUBE-MARK-MASQ' },
  },
  {
    id: 'snat-on-the-way',
    title: 'node2 masquerades what comes to its pods',
    caughtBy: 'client-kept',
    cause: 'snat-on-pod-traffic',
    apply: { node2: 'iptables -t nat -A POSTROUTING -o cni0 -j MASQUERADE' },
    repair: { node2: 'iptables -t nat -D POSTROUTING -o cni0 -j MASQUERADE' },
  },
];

const otherServices: Fault[] = [
  {
    id: 'udp-as-tcp',
    title: 'The rule for clock on node2 matches TCP',
    caughtBy: 'udp',
    cause: 'wrong-protocol',
    apply: {
      node2:
        'iptables -t nat -D KUBE-SERVICES -d "$SERVICE_CLOCK_IP" -p udp --dport "$SERVICE_CLOCK_PORT" -j KUBE-SVC-CLOCK\niptables -t nat -A KUBE-SERVICES -d "$SERVICE_CLOCK_IP" -p tcp --dport "$SERVICE_CLOCK_PORT" -j KUBE-SVC-CLOCK',
    },
    repair: {
      node2:
        'iptables -t nat -D KUBE-SERVICES -d "$SERVICE_CLOCK_IP" -p tcp --dport "$SERVICE_CLOCK_PORT" -j KUBE-SVC-CLOCK\niptables -t nat -A KUBE-SERVICES -d "$SERVICE_CLOCK_IP" -p udp --dport "$SERVICE_CLOCK_PORT" -j KUBE-SVC-CLOCK',
    },
  },
  {
    id: 'not-refused-for-pods',
    title: 'node1 has no rule in FORWARD that refuses connections to empty',
    caughtBy: 'refused',
    cause: 'no-reject',
    apply: { node1: `iptables -D FORWARD ${REJECT}` },
    repair: { node1: `iptables -A FORWARD ${REJECT}` },
  },
  {
    id: 'not-refused-for-the-node',
    title: 'node2 has no rule in OUTPUT that refuses connections to empty',
    caughtBy: 'refused',
    cause: 'no-reject',
    apply: { node2: `iptables -D OUTPUT ${REJECT}` },
    repair: { node2: `iptables -A OUTPUT ${REJECT}` },
  },
  {
    id: 'no-address',
    title: "The rule for web names a port and no address, so it takes empty's connections too",
    caughtBy: 'refused',
    cause: 'rule-too-wide',
    apply: {
      node1: `iptables -t nat -D ${WEB_RULE}
iptables -t nat -A KUBE-SERVICES -p tcp --dport "$SERVICE_WEB_PORT" -j KUBE-SVC-WEB`,
    },
    repair: {
      node1: `iptables -t nat -D KUBE-SERVICES -p tcp --dport "$SERVICE_WEB_PORT" -j KUBE-SVC-WEB
iptables -t nat -A ${WEB_RULE}`,
    },
  },
  {
    id: 'dropped-instead',
    title: 'node1 drops connections to empty instead of refusing them',
    caughtBy: 'refused',
    cause: 'filter-drop',
    apply: { node1: `iptables -I FORWARD ${REJECT.replace('REJECT', 'DROP')}` },
    repair: { node1: `iptables -D FORWARD ${REJECT.replace('REJECT', 'DROP')}` },
  },
  {
    id: 'refusal-dropped',
    title: 'node1 refuses connections to empty, and drops its own message that says so',
    caughtBy: 'refused',
    cause: 'filter-drop',
    apply: { node1: 'iptables -I OUTPUT -p icmp --icmp-type destination-unreachable -j DROP' },
    repair: { node1: 'iptables -D OUTPUT -p icmp --icmp-type destination-unreachable -j DROP' },
  },
  {
    id: 'backend-without-way-back',
    title: 'Pod d has no default route, so its answers reach only its own node',
    caughtBy: 'every-backend',
    cause: 'no-route',
    apply: { 'pod/d': 'ip route del default' },
    repair: { 'pod/d': 'ip route add default via "$POD_GATEWAY"' },
  },
  {
    id: 'asked-before-the-rules',
    title: 'A client of clock sent its first packet before there was a rule, and goes on by the same port',
    caughtBy: 'no-stale-flow',
    cause: 'stale-conntrack',
    apply: {
      node1: `iptables -t nat -I PREROUTING -d "$SERVICE_CLOCK_IP" -j ACCEPT
ip netns exec a bash -c 'echo hello | socat -u - "UDP:$SERVICE_CLOCK_IP:$SERVICE_CLOCK_PORT,sourceport=5353"'
iptables -t nat -D PREROUTING -d "$SERVICE_CLOCK_IP" -j ACCEPT`,
    },
    repair: { node1: 'conntrack -D -p udp --orig-dst "$SERVICE_CLOCK_IP" >/dev/null 2>&1 || true' },
  },
  {
    id: 'stale-rule',
    title: 'node1 still has a rule that leads from stats to pod e',
    caughtBy: 'endpoint-gone',
    cause: 'stale-endpoint',
    apply: {
      node1:
        'iptables -t nat -I STATS -p udp -m statistic --mode random --probability 0.3 -j DNAT --to-destination "$POD_E_IP:$SERVICE_STATS_TARGET_PORT"',
    },
    // The program in pod a may have begun a flow by that rule.
    repair: {
      node1: `iptables -t nat -D STATS 1
conntrack -D -p udp --orig-dst "$SERVICE_STATS_IP" --dst-nat "$POD_E_IP" >/dev/null 2>&1 || true`,
    },
  },
  {
    id: 'flow-outlives-rule',
    title: 'A flow of pod a to stats was made when pod e was behind it, and lives on',
    caughtBy: 'no-stale-flow',
    cause: 'stale-conntrack',
    apply: {
      node1: `iptables -t nat -I STATS -p udp -j DNAT --to-destination "$POD_E_IP:$SERVICE_STATS_TARGET_PORT"
conntrack -D -p udp --orig-dst "$SERVICE_STATS_IP" >/dev/null 2>&1 || true
timeout 10 sh -c 'until conntrack -L -p udp --orig-dst "$SERVICE_STATS_IP" 2>/dev/null | grep -q "src=$POD_E_IP"; do :; done'
iptables -t nat -D STATS 1`,
    },
    repair: { node1: 'conntrack -D -p udp --orig-dst "$SERVICE_STATS_IP" >/dev/null 2>&1 || true' },
  },
];

export default defineFaults([...recognising, ...splitting, ...nodesAndHairpins, ...otherServices]);
