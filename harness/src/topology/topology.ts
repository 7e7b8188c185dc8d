/** What a topology file says: its schema, in one place for reading, editors and types. */
import { z } from 'zod';

/** Linux allows 15 characters in an interface name; a node's name appears in the fabric's. */
const NodeName = z
  .string()
  .regex(/^[a-z][a-z0-9]{0,8}$/, 'wanted a lower-case name of at most 9 letters and digits, like "node1"');
const PodName = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,14}$/,
    'wanted a lower-case name of at most 15 letters, digits and dashes, like "a"',
  );
const NetworkName = z
  .string()
  .regex(
    /^[a-z][a-z0-9]{0,11}$/,
    'wanted a lower-case name of at most 12 letters and digits, like "underlay"',
  );
const InterfaceName = z.string().regex(/^[a-z][a-z0-9]{0,4}$/, 'wanted an interface name like "eth0"');
const Cidr24 = z
  .string()
  .regex(
    /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){2}\.0\/24$/,
    'wanted an IPv4 network of 256 addresses, like "10.244.1.0/24"',
  );

const Interface = z
  .strictObject({
    network: NetworkName.describe('The network that this interface is plugged into.'),
    host: z.number().int().min(2).max(254).describe("The last number of the interface's address."),
  })
  .describe('One interface of a node, cabled and addressed before the lab begins.');

const Node = z
  .strictObject({
    interfaces: z.record(InterfaceName, Interface).default({}),
    podCidr: Cidr24.optional().describe("The node's share of the pod addresses, in the canonical plan."),
    defaultRoute: NodeName.optional().describe(
      'The node that this one sends everything else to: a router on a shared network.',
    ),
    sysctls: z
      .record(
        z
          .string()
          .regex(/^net\.[a-z0-9_.-]+$/, 'wanted a setting of the network, like "net.ipv4.ip_forward"'),
        z.number().int(),
      )
      .default({})
      .describe('Kernel settings that the node starts with, where they differ from the usual ones.'),
    podsStand: z
      .boolean()
      .default(true)
      .describe('False: the pods have addresses in the plan, and the learner makes them.'),
    pods: z.array(PodName).default([]).describe('Network namespaces that stand with nothing but lo.'),
  })
  .describe('A container that plays a Kubernetes node, a client, a router or another host.');

/** Also part of a variable's name, as `$SERVICE_WEB_IP`; the rest is what DNS allows (RFC 1035). */
const ServiceName = z
  .string()
  .regex(/^[a-z][a-z0-9]{0,14}$/, 'wanted a lower-case name of at most 15 letters and digits, like "web"');
const PortNumber = z.number().int().min(1).max(65_535);
/** The range of kube-apiserver's `--service-node-port-range`. */
const NodePort = z.number().int().min(30_000).max(32_767);

const ServicePort = z
  .strictObject({
    name: PodName.optional().describe('Needed where a Service has more than one port.'),
    protocol: z.enum(['TCP', 'UDP']).default('TCP'),
    port: PortNumber.describe('The port of the ClusterIP.'),
    targetPort: PortNumber.describe('The port that the pods listen on.'),
    nodePort: NodePort.optional().describe('The port of every node that leads to the Service.'),
  })
  .describe('One port of a Service.');

const Service = z
  .strictObject({
    name: PodName.optional().describe(
      'Its name in its namespace, where that is not the key: two namespaces may have a Service of one name.',
    ),
    namespace: z.string().default('default'),
    host: z
      .number()
      .int()
      .min(2)
      .max(254)
      .optional()
      .describe('The last number of the ClusterIP. Without it the Service is headless, or an ExternalName.'),
    externalName: z.string().optional().describe('The name that an ExternalName Service stands for.'),
    ports: z.array(ServicePort).default([]),
    endpoints: z.array(PodName).default([]).describe('The pods behind the Service that are ready.'),
    notReady: z.array(PodName).default([]).describe('The pods behind it that are not ready.'),
    hostnames: z
      .record(PodName, PodName)
      .default({})
      .describe('The hostnames of pods behind a headless Service, as a StatefulSet gives them.'),
    externalTrafficPolicy: z.enum(['Cluster', 'Local']).default('Cluster'),
    healthCheckNodePort: NodePort.optional(),
  })
  .describe('A Service of the cluster: what kube-proxy and the cluster DNS would be told by the API server.');

export const TopologySchema = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]*$/, 'wanted a lower-case name with dashes, like "one-node"'),
    networks: z.record(NetworkName, z.strictObject({ cidr: Cidr24 })).default({}),
    nodes: z
      .record(NodeName, Node)
      .refine((nodes) => Object.keys(nodes).length > 0, 'wanted at least one node'),
    services: z.record(ServiceName, Service).default({}),
    podNamespaces: z
      .record(PodName, z.string())
      .default({})
      .describe('The namespaces of the cluster that pods belong to, where it is not `default`.'),
    servers: z
      .record(PodName, z.array(PortNumber).min(1))
      .default({})
      .describe(
        'Pods and nodes in which a server stands, and its ports. Each speaks HTTP over TCP, and UDP, and ' +
          'says which server it is and whom it answers.',
      ),
  })
  .describe('A Podwire topology: what stands when a lab begins.');

export type Topology = z.infer<typeof TopologySchema>;
export type TopologyNode = z.infer<typeof Node>;
export type TopologyService = z.infer<typeof Service>;

export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly text: string;
}

/** What a schema cannot say: names that must point at something, and must not be given twice. */
export function findContradictions(topology: Topology): Problem[] {
  const problems: Problem[] = [];
  const podHomes = new Map<string, string>();
  const addresses = new Map<string, string>();
  const podCidrs = new Map<string, string>();
  const cidrs = new Map<string, string>();
  for (const [name, network] of Object.entries(topology.networks)) {
    const other = cidrs.get(network.cidr);
    if (other)
      problems.push({
        path: ['networks', name, 'cidr'],
        text: `network "${other}" has ${network.cidr} already`,
      });
    cidrs.set(network.cidr, name);
  }
  for (const [nodeName, node] of Object.entries(topology.nodes)) {
    for (const [interfaceName, { network, host }] of Object.entries(node.interfaces)) {
      const path = ['nodes', nodeName, 'interfaces', interfaceName];
      if (!(network in topology.networks)) {
        const known = Object.keys(topology.networks).join(', ') || 'none';
        problems.push({
          path: [...path, 'network'],
          text: `there is no network "${network}"; there are: ${known}`,
        });
      }
      const owner = addresses.get(`${network}/${host}`);
      if (owner)
        problems.push({
          path: [...path, 'host'],
          text: `${owner} has address ${host} on ${network} already`,
        });
      addresses.set(`${network}/${host}`, nodeName);
    }
    const { defaultRoute } = node;
    if (defaultRoute !== undefined && !sharedNetwork(topology, nodeName, defaultRoute)) {
      const path = ['nodes', nodeName, 'defaultRoute'];
      problems.push({ path, text: `"${defaultRoute}" is no node on a network that ${nodeName} is on` });
    }
    for (const [index, pod] of node.pods.entries()) {
      const path = ['nodes', nodeName, 'pods', index];
      const home = podHomes.get(pod);
      if (home) problems.push({ path, text: `there is a pod "${pod}" on ${home} already` });
      if (!node.podCidr) problems.push({ path, text: `${nodeName} has pods, so it needs a podCidr` });
      podHomes.set(pod, nodeName);
    }
    if (node.podCidr) {
      const other = podCidrs.get(node.podCidr) ?? cidrs.get(node.podCidr);
      if (other)
        problems.push({ path: ['nodes', nodeName, 'podCidr'], text: `${other} has ${node.podCidr} already` });
      podCidrs.set(node.podCidr, nodeName);
    }
  }
  return [...problems, ...findServiceContradictions(topology, new Set(podHomes.keys()))];
}

function findServiceContradictions(topology: Topology, pods: ReadonlySet<string>): Problem[] {
  const problems: Problem[] = [];
  const taken = new Map<string, string>();
  const take = (key: string, owner: string, path: readonly PropertyKey[], text: string) => {
    const other = taken.get(key);
    if (other) problems.push({ path, text: `Service "${other}" has ${text} already` });
    taken.set(key, owner);
  };
  for (const [name, service] of Object.entries(topology.services)) {
    const at = ['services', name];
    if (service.host !== undefined) {
      take(`host ${service.host}`, name, [...at, 'host'], `the ClusterIP with ${service.host}`);
      if (service.externalName !== undefined)
        problems.push({ path: [...at, 'externalName'], text: 'an ExternalName Service has no ClusterIP' });
    }
    for (const [index, { nodePort, protocol, name: portName }] of service.ports.entries()) {
      if (nodePort !== undefined) {
        take(`${protocol} ${nodePort}`, name, [...at, 'ports', index, 'nodePort'], `node port ${nodePort}`);
      }
      if (service.ports.length > 1 && portName === undefined) {
        const text = 'a Service with several ports has to name each';
        problems.push({ path: [...at, 'ports', index, 'name'], text });
      }
    }
    const behind = [...service.endpoints, ...service.notReady];
    for (const [index, pod] of service.endpoints.entries()) {
      if (!pods.has(pod))
        problems.push({ path: [...at, 'endpoints', index], text: `there is no pod "${pod}"` });
    }
    for (const [index, pod] of service.notReady.entries()) {
      if (!pods.has(pod) || service.endpoints.includes(pod)) {
        const text = pods.has(pod) ? `"${pod}" is ready already` : `there is no pod "${pod}"`;
        problems.push({ path: [...at, 'notReady', index], text });
      }
    }
    for (const pod of Object.keys(service.hostnames)) {
      if (!behind.includes(pod))
        problems.push({ path: [...at, 'hostnames', pod], text: `"${pod}" is not behind the Service` });
    }
  }
  for (const pod of Object.keys(topology.podNamespaces)) {
    if (!pods.has(pod)) problems.push({ path: ['podNamespaces', pod], text: `there is no pod "${pod}"` });
  }
  for (const name of Object.keys(topology.servers)) {
    if (pods.has(name) && name in topology.nodes)
      problems.push({ path: ['servers', name], text: `"${name}" is a pod and a node` });
    else if (!pods.has(name) && !(name in topology.nodes))
      problems.push({ path: ['servers', name], text: `there is no pod or node "${name}"` });
  }
  return problems;
}

/** The network by which one node reaches another without a router between them. */
export function sharedNetwork(topology: Topology, from: string, to: string): string | null {
  const networksOf = (name: string) =>
    Object.values(topology.nodes[name]?.interfaces ?? {}).map(({ network }) => network);
  return networksOf(from).find((network) => networksOf(to).includes(network)) ?? null;
}
