/**
 * Kinds of faults in Services, node ports, names and the way out, with a target of their own. They hold for every lab
 * whose guide ends with iptables: rules are found by what they lead to. As with the other kinds, the causes and places
 * are written down beforehand.
 */
import type { Host } from '../../harness/src/testbed/host.ts';
import type { Testbed } from '../../harness/src/testbed/testbed.ts';
import type { PlannedService } from '../../harness/src/topology/plan.ts';
import type { DrawnFault } from './fault-kinds.ts';

/** A fault, and the probe that meets it. */
export interface TargetedFault extends Omit<DrawnFault, 'kind'> {
  readonly from: string;
  readonly to: string;
  /** Of several probes one is lost, where rules throw dice. */
  readonly count?: number;
}

type Pick = (most: number) => number;
type TargetedKind = (testbed: Testbed, pick: Pick) => TargetedFault | null;

const MANY = 13;
/** RFC 5737: nobody's. */
const NOBODY = '192.0.2.53';

/** A table of rules with a line changed; it is an error when nothing changes. */
const edit = (table: string, expression: string): string => `iptables-save -t ${table} >/tmp/eval.was
sed -E "${expression}" /tmp/eval.was >/tmp/eval.is
if cmp -s /tmp/eval.was /tmp/eval.is; then echo "no such rule: ${expression.replaceAll('"', '')}" >&2; exit 1; fi
iptables-restore -T ${table} </tmp/eval.is
rm /tmp/eval.was /tmp/eval.is`;

const dots = (address: string) => address.replaceAll('.', '\\.');

interface ClusterIp {
  readonly service: PlannedService;
  readonly address: string;
  readonly port: number;
  readonly targetPort: number;
  readonly nodePort: number | null;
  readonly protocol: 'tcp' | 'udp';
  readonly endpoints: readonly { readonly pod: string; readonly node: string; readonly address: string }[];
}

/** Services that fabric servers stand behind. */
function clusterIps({ plan }: Testbed): ClusterIp[] {
  return Object.values(plan.services).flatMap((service) => {
    const [port] = service.ports;
    const endpoints = service.endpoints.flatMap((pod) => {
      const planned = plan.pods[pod];
      return planned ? [{ pod: `pod/${pod}`, node: planned.node, address: planned.address }] : [];
    });
    const served = service.endpoints.every((pod) =>
      plan.servers[`pod/${pod}`]?.includes(port?.targetPort ?? 0),
    );
    if (!service.clusterIp || !port || endpoints.length === 0 || !served) return [];
    return [
      {
        service,
        address: service.clusterIp,
        port: port.port,
        targetPort: port.targetPort,
        nodePort: port.nodePort,
        protocol: port.protocol === 'UDP' ? 'udp' : 'tcp',
        endpoints,
      } satisfies ClusterIp,
    ];
  });
}

interface Call extends ClusterIp {
  /** A pod that is no endpoint of the Service. */
  readonly client: string;
  readonly clientAddress: string;
  readonly node: string;
}

function callOf(testbed: Testbed, pick: Pick): Call | null {
  const services = clusterIps(testbed);
  if (services.length === 0) return null;
  const service = services[pick(services.length)] as ClusterIp;
  const clients = Object.entries(testbed.plan.pods).filter(
    ([pod, { node, namespace }]) =>
      !service.service.endpoints.includes(pod) &&
      namespace === 'default' &&
      testbed.plan.nodes[node]?.podCidr != null,
  );
  const [name, { node, address } = { node: '', address: '' }] =
    clients[pick(Math.max(1, clients.length))] ?? [];
  return name === undefined ? null : { ...service, client: `pod/${name}`, clientAddress: address, node };
}

const routersOf = ({ plan }: Testbed): string[] =>
  Object.keys(plan.nodes).filter((node) => plan.nodes[node]?.podCidr === null);

const atClusterIp = ({ client, address, port, protocol }: Call) => ({
  from: client,
  to: `${address}:${port}`,
  protocol,
});

const backendsOf = ({ endpoints }: ClusterIp) => endpoints.map(({ pod }) => pod);
const nodesOf = ({ endpoints }: ClusterIp) => endpoints.map(({ node }) => node);

/** The world outside, as it calls a node port. */
interface WorldCall extends ClusterIp {
  readonly client: string;
  readonly to: Host;
  readonly nodePort: number;
  readonly nodeAddress: string;
}

function worldCall(testbed: Testbed, pick: Pick): WorldCall | null {
  const { plan } = testbed;
  const services = clusterIps(testbed).filter(
    ({ nodePort, service }) => nodePort !== null && service.externalTrafficPolicy === 'Cluster',
  );
  const nodes = Object.keys(plan.nodes).filter((node) => plan.nodes[node]?.podCidr != null);
  if (services.length === 0 || !('client' in plan.nodes)) return null;
  const service = services[pick(services.length)] as ClusterIp;
  const node = nodes[pick(nodes.length)] as string;
  const nodeAddress = Object.values(plan.nodes[node]?.interfaces ?? {})[0]?.address ?? '';
  return {
    ...service,
    client: 'client',
    to: { node, pod: '' },
    nodePort: service.nodePort ?? 0,
    nodeAddress,
  };
}

const atNodePort = ({ client, nodeAddress, nodePort, protocol }: WorldCall) => ({
  from: client,
  to: `${nodeAddress}:${nodePort}`,
  protocol,
});

/** A host outside of the cluster that pods call. */
function outsideCall(testbed: Testbed, pick: Pick) {
  const { plan } = testbed;
  const address = plan.nodes.internet && Object.values(plan.nodes.internet.interfaces)[0]?.address;
  const pods = Object.entries(plan.pods).filter(([, { namespace }]) => namespace === 'default');
  const [pod, planned] = pods[pick(Math.max(1, pods.length))] ?? [];
  if (!address || !pod || !planned) return null;
  return {
    client: `pod/${pod}`,
    node: planned.node,
    podAddress: planned.address,
    address,
    to: `${address}:80`,
  };
}

/** Asks another server than the cluster's: its `dnsPolicy` is None (lab 08, step 8). */
const ASKS_ELSEWHERE = 'e';

/** A pod of the cluster that asks for a Service by its name. */
function nameCall(testbed: Testbed, pick: Pick) {
  const { plan } = testbed;
  const named = clusterIps(testbed).filter(({ service }) => service.namespace === 'default');
  const pods = Object.entries(plan.pods).filter(
    ([pod, { namespace }]) => namespace === 'default' && pod !== ASKS_ELSEWHERE,
  );
  const dns = plan.services.dns?.endpoints[0];
  const [pod, planned] = pods[pick(Math.max(1, pods.length))] ?? [];
  const service = named[pick(Math.max(1, named.length))];
  if (!dns || !pod || !planned || !service) return null;
  const file = `/etc/netns/${pod}/resolv.conf`;
  const dnsNode = plan.pods[dns]?.node ?? '';
  return { ...service, client: `pod/${pod}`, pod, node: planned.node, file, dns: `pod/${dns}`, dnsNode };
}

const asName = ({ client, service, port, protocol }: NonNullable<ReturnType<typeof nameCall>>) => ({
  from: client,
  to: `dns/${service.name}:${port}`,
  protocol,
});

export const TARGETED: Readonly<Record<string, TargetedKind>> = {
  // Rules that recognise and translate
  'service-rule-gone': (testbed, pick) => {
    const call = callOf(testbed, pick);
    if (!call) return null;
    return {
      ...atClusterIp(call),
      apply: { [call.node]: edit('nat', `/-d ${dots(call.address)}\\/32 .*-p ${call.protocol}.*-j/d`) },
      causes: ['no-dnat'],
      lostIn: [call.node, ...routersOf(testbed)],
    };
  },
  'service-port-changed': (testbed, pick) => {
    const call = callOf(testbed, pick);
    if (!call) return null;
    return {
      ...atClusterIp(call),
      apply: {
        [call.node]: edit(
          'nat',
          `/-d ${dots(call.address)}\\/32 .*-p ${call.protocol}/s/--dport ${call.port}\\b/--dport ${call.port + 7}/`,
        ),
      },
      causes: ['wrong-service-port'],
      lostIn: [call.node, ...routersOf(testbed)],
    };
  },
  'endpoint-rule-gone': (testbed, pick) => {
    const call = callOf(testbed, pick);
    const endpoint = call?.endpoints[pick(call.endpoints.length)];
    if (!call || !endpoint) return null;
    return {
      ...atClusterIp(call),
      count: MANY,
      apply: {
        [call.node]: edit('nat', `/--to-destination ${dots(endpoint.address)}:${call.targetPort}$/d`),
      },
      // Another rule takes what was its share, unless it was the last one.
      causes:
        call.endpoints.length === 1 ? ['no-dnat'] : ['endpoint-missing', 'last-rule-conditional', 'no-dnat'],
      lostIn: [call.node, ...routersOf(testbed)],
    };
  },
  'endpoint-of-before': (testbed, pick) => {
    const call = callOf(testbed, pick);
    if (!call) return null;
    const [endpoint] = call.endpoints;
    const gone = endpoint?.address.replace(/\.\d+$/, '.253') ?? '';
    return {
      ...atClusterIp(call),
      count: MANY,
      apply: {
        [call.node]: edit(
          'nat',
          `s/--to-destination ${dots(endpoint?.address ?? '')}:${call.targetPort}$/--to-destination ${gone}:${call.targetPort}/`,
        ),
      },
      causes: ['stale-endpoint'],
      lostIn: [call.node, ...nodesOf(call), call.client],
    };
  },
  'target-port-changed': (testbed, pick) => {
    const call = callOf(testbed, pick);
    if (!call) return null;
    const addresses = call.endpoints.map(({ address }) => dots(address)).join('|');
    return {
      ...atClusterIp(call),
      apply: {
        [call.node]: edit(
          'nat',
          `s/(--to-destination (${addresses})):${call.targetPort}$/\\1:${call.targetPort + 11}/`,
        ),
      },
      causes: ['wrong-target-port'],
      lostIn: [...backendsOf(call)],
    };
  },
  'pods-not-hooked': (testbed, pick) => {
    const call = callOf(testbed, pick);
    if (!call) return null;
    return {
      ...atClusterIp(call),
      apply: { [call.node]: edit('nat', '/^-A PREROUTING/d') },
      causes: ['service-hook-missing'],
      lostIn: [call.node, ...routersOf(testbed)],
    };
  },
  'node-not-hooked': (testbed, pick) => {
    const call = callOf(testbed, pick);
    if (!call) return null;
    return {
      ...atClusterIp(call),
      from: call.node,
      apply: { [call.node]: edit('nat', '/^-A OUTPUT/d') },
      causes: ['service-hook-missing'],
      lostIn: [call.node, ...routersOf(testbed)],
    };
  },
  'not-tracked': (testbed, pick) => {
    const call = callOf(testbed, pick);
    if (!call) return null;
    return {
      ...atClusterIp(call),
      apply: { [call.node]: `iptables -t raw -I PREROUTING -d ${call.address} -j CT --notrack` },
      causes: ['no-dnat'],
      lostIn: [call.node, ...routersOf(testbed)],
    };
  },
  // The way of a translated packet
  'service-forward-policy': (testbed, pick) => {
    const call = callOf(testbed, pick);
    if (!call) return null;
    return {
      ...atClusterIp(call),
      apply: { [call.node]: 'iptables -I FORWARD -m conntrack --ctstate NEW --ctdir ORIGINAL -j DROP' },
      causes: ['filter-drop'],
      lostIn: [call.node],
    };
  },
  'backends-guarded': (testbed, pick) => {
    const call = callOf(testbed, pick);
    if (!call) return null;
    const rule = `iptables -I INPUT -p ${call.protocol} --dport ${call.targetPort} -j DROP`;
    return {
      ...atClusterIp(call),
      apply: Object.fromEntries(backendsOf(call).map((pod) => [pod, rule])),
      causes: ['filter-drop'],
      lostIn: backendsOf(call),
    };
  },
  'node-not-forwarding': (testbed, pick) => {
    const call = callOf(testbed, pick);
    if (!call) return null;
    return {
      ...atClusterIp(call),
      apply: { [call.node]: 'sysctl -qw net.ipv4.ip_forward=0' },
      causes: ['ip-forward-off'],
      lostIn: [call.node],
    };
  },
  'bridge-not-filtered': (testbed, pick) => {
    const call = callOf(testbed, pick);
    if (!call?.endpoints.some(({ node }) => node === call.node)) return null;
    return {
      ...atClusterIp(call),
      count: MANY,
      apply: { [call.node]: 'sysctl -qw net.bridge.bridge-nf-call-iptables=0' },
      causes: ['bridge-netfilter-off'],
      lostIn: [call.client, call.node, ...backendsOf(call)],
    };
  },
  'hairpin-off': (testbed, pick) => {
    const call = callOf(testbed, pick);
    const endpoint = call?.endpoints[pick(call.endpoints.length)];
    if (!call || !endpoint || call.endpoints.length > MANY) return null;
    return {
      from: endpoint.pod,
      to: `${call.address}:${call.port}`,
      protocol: call.protocol,
      count: MANY,
      apply: {
        [endpoint.node]:
          'for port in $(bridge -j link | jq -r ".[].ifname"); do bridge link set dev "$port" hairpin off; done',
      },
      causes: ['hairpin-port-off'],
      lostIn: [endpoint.node],
    };
  },
  // Node ports
  'node-port-rule-gone': (testbed, pick) => {
    const call = worldCall(testbed, pick);
    if (!call) return null;
    return {
      ...atNodePort(call),
      apply: { [call.to.node]: edit('nat', `/--dport ${call.nodePort}\\b/d`) },
      causes: ['no-node-port'],
      lostIn: [call.to.node],
    };
  },
  'node-port-changed': (testbed, pick) => {
    const call = worldCall(testbed, pick);
    if (!call) return null;
    return {
      ...atNodePort(call),
      apply: {
        [call.to.node]: edit(
          'nat',
          `s/--dport ${call.nodePort}\\b/--dport ${call.nodePort === 32767 ? 30001 : call.nodePort + 1}/`,
        ),
      },
      causes: ['wrong-node-port', 'no-node-port'],
      lostIn: [call.to.node],
    };
  },
  'node-port-unmasqueraded': (testbed, pick) => {
    const call = worldCall(testbed, pick);
    if (!call?.endpoints.some(({ node }) => node !== call.to.node)) return null;
    return {
      ...atNodePort(call),
      count: MANY,
      apply: { [call.to.node]: edit('nat', '/0x4000.*-j MASQUERADE|^-A KUBE-POSTROUTING.*MASQUERADE/d') },
      // The same rule is there for a pod that becomes its own endpoint.
      causes: ['masquerade-missing', 'hairpin-masquerade-missing'],
      lostIn: [call.client, call.to.node, ...nodesOf(call), ...backendsOf(call), ...routersOf(testbed)],
    };
  },
  'node-port-filtered': (testbed, pick) => {
    const call = worldCall(testbed, pick);
    if (!call) return null;
    return {
      ...atNodePort(call),
      apply: {
        [call.to.node]:
          `iptables -t mangle -I PREROUTING -p ${call.protocol} --dport ${call.nodePort} -j DROP`,
      },
      causes: ['filter-drop'],
      lostIn: [call.to.node],
    };
  },
  'node-port-not-forwarded': (testbed, pick) => {
    const call = worldCall(testbed, pick);
    if (!call) return null;
    return {
      ...atNodePort(call),
      apply: { [call.to.node]: 'sysctl -qw net.ipv4.ip_forward=0' },
      causes: ['ip-forward-off'],
      lostIn: [call.to.node],
    };
  },
  // The way out
  'egress-unmasqueraded': (testbed, pick) => {
    const call = outsideCall(testbed, pick);
    if (!call) return null;
    return {
      from: call.client,
      to: call.to,
      protocol: 'tcp',
      apply: { [call.node]: edit('nat', '/! -d .*-j MASQUERADE/d') },
      causes: ['no-masquerade'],
      lostIn: [...routersOf(testbed)],
    };
  },
  'egress-as-somebody': (testbed, pick) => {
    const call = outsideCall(testbed, pick);
    if (!call) return null;
    return {
      from: call.client,
      to: call.to,
      protocol: 'tcp',
      apply: {
        [call.node]: `iptables -t nat -I POSTROUTING -d ${call.address} -j SNAT --to-source 192.0.2.7`,
      },
      causes: ['snat-wrong-address'],
      lostIn: [...routersOf(testbed)],
    };
  },
  'egress-answers-dropped': (testbed, pick) => {
    const call = outsideCall(testbed, pick);
    if (!call) return null;
    return {
      from: call.client,
      to: call.to,
      protocol: 'tcp',
      apply: { [call.node]: `iptables -I FORWARD -s ${call.address} -j DROP` },
      causes: ['filter-drop'],
      lostIn: [call.node],
    };
  },
  'egress-blackhole': (testbed, pick) => {
    const call = outsideCall(testbed, pick);
    if (!call) return null;
    return {
      from: call.client,
      to: call.to,
      protocol: 'tcp',
      apply: { [call.node]: `ip route add blackhole ${call.address}/32` },
      causes: ['route-rejects'],
      lostIn: [call.node],
    };
  },
  'router-drops': (testbed, pick) => {
    const call = outsideCall(testbed, pick);
    if (!call) return null;
    return {
      from: call.client,
      to: call.to,
      protocol: 'tcp',
      apply: { router: `iptables -I FORWARD -d ${call.address} -j DROP` },
      causes: ['filter-drop'],
      lostIn: ['router'],
    };
  },
  // Names
  'resolver-of-nobody': (testbed, pick) => {
    const call = nameCall(testbed, pick);
    if (!call) return null;
    return {
      ...asName(call),
      apply: { [call.node]: `sed -i 's/^nameserver .*/nameserver ${NOBODY}/' ${call.file}` },
      causes: ['wrong-nameserver'],
      lostIn: [call.client, call.node, ...routersOf(testbed)],
    };
  },
  'resolver-gone': (testbed, pick) => {
    const call = nameCall(testbed, pick);
    if (!call) return null;
    return {
      ...asName(call),
      apply: { [call.node]: `: >${call.file}` },
      causes: ['no-resolver'],
      lostIn: [call.client],
    };
  },
  'search-gone': (testbed, pick) => {
    const call = nameCall(testbed, pick);
    if (!call) return null;
    return {
      ...asName(call),
      apply: { [call.node]: `sed -i '/^search/d' ${call.file}` },
      causes: ['wrong-search'],
      // The world may have the short name too: then the packet goes there.
      lostIn: [call.client, ...routersOf(testbed)],
    };
  },
  'name-server-gone': (testbed, pick) => {
    const call = nameCall(testbed, pick);
    if (!call) return null;
    return {
      ...asName(call),
      apply: { [call.dns]: 'fuser -sk 53/udp 53/tcp' },
      causes: ['no-listener'],
      lostIn: [call.dns],
    };
  },
  'questions-dropped': (testbed, pick) => {
    const call = nameCall(testbed, pick);
    if (!call) return null;
    return {
      ...asName(call),
      apply: { [call.dns]: 'iptables -I INPUT -p udp --dport 53 -j DROP' },
      causes: ['filter-drop'],
      lostIn: [call.dns],
    };
  },
  'names-service-gone': (testbed, pick) => {
    const call = nameCall(testbed, pick);
    if (!call) return null;
    return {
      ...asName(call),
      apply: { [call.node]: edit('nat', `/-d ${dots(testbed.plan.cluster.dnsIp)}\\/32 .*-p udp/d`) },
      causes: ['no-dnat'],
      lostIn: [call.node, ...routersOf(testbed)],
    };
  },
};
