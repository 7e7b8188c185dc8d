/**
 * Faults of lab 09, in the order of the checks that catch them. Each is put into the solved testbed, as the guide
 * leaves it: an exception for the office and one rule that masquerades, on both nodes.
 */
import { defineFaults, type Fault } from 'podwire';

const RULE = '-s "$CLUSTER_CIDR" ! -d "$CLUSTER_CIDR" -j MASQUERADE';
const EXCEPTION = '-s "$CLUSTER_CIDR" -d "$OFFICE_CIDR" -j RETURN';
const ONE_OF_THE_OFFICE = '-s "$CLUSTER_CIDR" -d "$OFFICE_IP" -j RETURN';
const CUT_OFF =
  'FORWARD -p tcp -s "$INTERNET_IP" --sport 80 -m connbytes --connbytes 12: --connbytes-mode packets --connbytes-dir reply -j DROP';
const REWRITE_IN = 'INPUT -s "$POD_CIDR" -j SNAT --to-source "$ROUTER_IP"';
const nat = (operation: string, rule: string) => `iptables -t nat ${operation} POSTROUTING ${rule}`;

/** Another rule in the place of the right one. */
const instead = (rule: string): Pick<Fault, 'apply' | 'repair'> => ({
  apply: { node1: `${nat('-D', RULE)}\n${nat('-A', rule)}` },
  repair: { node1: `${nat('-D', rule)}\n${nat('-A', RULE)}` },
});

/** A rule that is put before all others. */
const before = (table: string, rule: string): Pick<Fault, 'apply' | 'repair'> => ({
  apply: { node1: `iptables -t ${table} -I ${rule}` },
  repair: { node1: `iptables -t ${table} -D ${rule}` },
});

const out: Fault[] = [
  {
    id: 'no-rule',
    title: 'node1 masquerades nothing',
    caughtBy: 'out',
    cause: 'no-masquerade',
    apply: { node1: nat('-D', RULE) },
    repair: { node1: nat('-A', RULE) },
  },
  {
    id: 'wrong-source-range',
    title: 'The rule is for a range that no pod has',
    caughtBy: 'out',
    cause: 'no-masquerade',
    ...instead('-s 172.31.0.0/16 ! -d "$CLUSTER_CIDR" -j MASQUERADE'),
  },
  {
    id: 'other-nodes-pods',
    title: 'node1 masquerades the pods of node2',
    caughtBy: 'out',
    cause: 'no-masquerade',
    ...instead('-s "$NODE2_POD_CIDR" ! -d "$CLUSTER_CIDR" -j MASQUERADE'),
  },
  {
    id: 'one-protocol',
    title: 'Only TCP is masqueraded',
    caughtBy: 'out',
    cause: 'no-masquerade',
    ...instead('-p tcp -s "$CLUSTER_CIDR" ! -d "$CLUSTER_CIDR" -j MASQUERADE'),
  },
  {
    id: 'wrong-interface',
    title: 'The rule is for what leaves by flannel.1',
    caughtBy: 'out',
    cause: 'no-masquerade',
    ...instead('-s "$CLUSTER_CIDR" ! -d "$CLUSTER_CIDR" -o flannel.1 -j MASQUERADE'),
  },
  {
    id: 'never-marked',
    title: 'The rule looks for a mark that nothing sets',
    caughtBy: 'out',
    cause: 'no-masquerade',
    ...instead('-m mark --mark 0x10/0x10 -j MASQUERADE'),
  },
  {
    id: 'exception-too-wide',
    title: 'The exception is for the whole world',
    caughtBy: 'out',
    cause: 'no-masquerade',
    ...before('nat', 'POSTROUTING -s "$CLUSTER_CIDR" -j RETURN'),
  },
  {
    id: 'address-of-node2',
    title: 'node1 gives its packets the address of node2',
    caughtBy: 'out',
    cause: 'snat-wrong-address',
    ...instead('-s "$CLUSTER_CIDR" ! -d "$CLUSTER_CIDR" -j SNAT --to-source "$NODE2_IP"'),
  },
  {
    id: 'address-of-the-router',
    title: "node1 gives its packets the router's address",
    caughtBy: 'out',
    cause: 'snat-wrong-address',
    ...instead('-s "$CLUSTER_CIDR" ! -d "$CLUSTER_CIDR" -j SNAT --to-source "$ROUTER_IP"'),
  },
  {
    id: 'address-of-the-bridge',
    title: 'node1 gives its packets the address of its bridge',
    caughtBy: 'out',
    cause: 'snat-wrong-address',
    ...instead('-s "$CLUSTER_CIDR" ! -d "$CLUSTER_CIDR" -j SNAT --to-source "$POD_GATEWAY"'),
  },
  {
    id: 'forwarding-off',
    title: 'node1 does not forward',
    caughtBy: 'out',
    cause: 'ip-forward-off',
    apply: { node1: 'sysctl -q -w net.ipv4.ip_forward=0' },
    repair: { node1: 'sysctl -q -w net.ipv4.ip_forward=1' },
  },
  {
    id: 'no-default-route',
    title: 'node1 has no default route',
    caughtBy: 'out',
    cause: 'no-route',
    apply: { node1: 'ip route del default' },
    repair: { node1: 'ip route add default via "$ROUTER_IP"' },
  },
  {
    id: 'pod-without-default-route',
    title: 'Pod b has no default route',
    caughtBy: 'out',
    cause: 'no-route',
    apply: { 'pod/b': 'ip route del default' },
    repair: { 'pod/b': 'ip route add default via "$POD_GATEWAY"' },
  },
  {
    id: 'default-route-to-nobody',
    title: "node1's default route goes by an address that nobody has",
    caughtBy: 'out',
    cause: 'wrong-gateway',
    apply: { node1: 'ip route replace default via "$(echo "$NODE1_IP" | cut -d. -f1-3).1"' },
    repair: { node1: 'ip route replace default via "$ROUTER_IP"' },
  },
  {
    id: 'answers-dropped',
    title: 'A firewall on node1 lets packets out, and drops the answers',
    caughtBy: 'out',
    cause: 'filter-drop',
    ...before('filter', 'FORWARD -i eth0 ! -s "$CLUSTER_CIDR" -d "$POD_CIDR" -j DROP'),
  },
  {
    id: 'new-connections-refused',
    title: 'A firewall on node1 rejects what pods send out',
    caughtBy: 'out',
    cause: 'filter-drop',
    ...before('filter', 'FORWARD -o eth0 -s "$POD_CIDR" ! -d "$OFFICE_CIDR" -j REJECT'),
  },
];

const seen: Fault[] = [
  {
    id: 'one-address-only',
    title: 'The rule is for the one address outside that somebody tried',
    caughtBy: 'as-the-node',
    cause: 'no-masquerade',
    ...instead('-s "$CLUSTER_CIDR" -d "$INTERNET_IP" -j MASQUERADE'),
  },
  {
    id: 'second-address',
    title: 'node1 has a second address, and its pods appear with that one',
    caughtBy: 'as-the-node',
    cause: 'snat-wrong-address',
    apply: {
      node1: [
        'spare=$(echo "$NODE1_IP" | cut -d. -f1-3).253',
        'ip address add "$spare/24" dev eth0',
        nat('-I', '-s "$CLUSTER_CIDR" ! -d "$CLUSTER_CIDR" ! -o flannel.1 -j SNAT --to-source "$spare"'),
      ].join('\n'),
    },
    repair: {
      node1: [
        'spare=$(echo "$NODE1_IP" | cut -d. -f1-3).253',
        nat('-D', '-s "$CLUSTER_CIDR" ! -d "$CLUSTER_CIDR" ! -o flannel.1 -j SNAT --to-source "$spare"'),
        'ip address del "$spare/24" dev eth0',
      ].join('\n'),
    },
  },
  {
    id: 'connection-cut-off',
    title: 'A filter on node1 drops what comes after the first answers of a connection',
    caughtBy: 'lasting',
    cause: 'filter-drop',
    ...before('filter', CUT_OFF),
  },
  {
    id: 'everything-masqueraded',
    title: 'node1 masquerades whatever comes from its pods',
    caughtBy: 'pods-as-themselves',
    cause: 'snat-on-pod-traffic',
    ...instead('-s "$POD_CIDR" -j MASQUERADE'),
  },
  {
    id: 'dockers-rule',
    title: "node1 has Docker's rule: masquerade what does not leave by the bridge",
    caughtBy: 'pods-as-themselves',
    cause: 'snat-on-pod-traffic',
    ...instead('-s "$POD_CIDR" ! -o cni0 -j MASQUERADE'),
  },
  {
    id: 'own-range-only',
    title: 'The rule leaves out the pods of its own node only',
    caughtBy: 'pods-as-themselves',
    cause: 'snat-on-pod-traffic',
    ...instead('-s "$POD_CIDR" ! -d "$POD_CIDR" -j MASQUERADE'),
  },
  {
    id: 'kube-proxy-masquerades-all',
    title: 'kube-proxy on node1 runs with --masquerade-all',
    caughtBy: 'services-as-themselves',
    cause: 'snat-on-pod-traffic',
    ...before('nat', 'KUBE-SERVICES -d "$SERVICE_CIDR" -j KUBE-MARK-MASQ'),
  },
  {
    id: 'rewritten-on-the-way-in',
    title: 'node1 rewrites what its pods send to it',
    caughtBy: 'node-as-itself',
    cause: 'snat-on-pod-traffic',
    ...before('nat', REWRITE_IN),
  },
];

const others: Fault[] = [
  {
    id: 'one-node-only',
    title: 'node2 masquerades nothing',
    caughtBy: 'second-node',
    cause: 'no-masquerade',
    apply: { node2: nat('-D', RULE) },
    repair: { node2: nat('-A', RULE) },
  },
  {
    id: 'connection-cut-off-there',
    title: 'A filter on node2 drops what comes after the first answers of a connection',
    caughtBy: 'second-node',
    cause: 'filter-drop',
    apply: { node2: `iptables -I ${CUT_OFF}` },
    repair: { node2: `iptables -D ${CUT_OFF}` },
  },
  {
    id: 'rewritten-on-the-way-in-there',
    title: 'node2 rewrites what its pods send to it',
    caughtBy: 'second-node',
    cause: 'snat-on-pod-traffic',
    apply: { node2: `iptables -t nat -I ${REWRITE_IN}` },
    repair: { node2: `iptables -t nat -D ${REWRITE_IN}` },
  },
  {
    id: 'no-exception',
    title: 'node2 has no exception for the office',
    caughtBy: 'office-sees-pods',
    cause: 'snat-on-pod-traffic',
    apply: { node2: nat('-D', EXCEPTION) },
    repair: { node2: nat('-I', EXCEPTION) },
  },
  {
    id: 'exception-for-one-address',
    title: 'The exception of node1 is for the one address in the office that somebody tried',
    caughtBy: 'office-sees-pods',
    cause: 'snat-on-pod-traffic',
    apply: { node1: `${nat('-D', EXCEPTION)}\n${nat('-I', ONE_OF_THE_OFFICE)}` },
    repair: { node1: `${nat('-D', ONE_OF_THE_OFFICE)}\n${nat('-I', EXCEPTION)}` },
  },
  {
    id: 'exception-too-late',
    title: 'The exception of node1 comes after the rule',
    caughtBy: 'office-sees-pods',
    cause: 'snat-on-pod-traffic',
    apply: { node1: `${nat('-D', EXCEPTION)}\n${nat('-A', EXCEPTION)}` },
    repair: { node1: `${nat('-D', EXCEPTION)}\n${nat('-I', EXCEPTION)}` },
  },
];

export default defineFaults([...out, ...seen, ...others]);
