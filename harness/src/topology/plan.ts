/** The address plan: the concrete addresses of a topology, made from a seed. */
import { createHash } from 'node:crypto';
import { sharedNetwork, type Topology, type TopologyService } from './topology.ts';

export interface PlannedInterface {
  readonly network: string;
  readonly address: string;
  readonly prefixLength: number;
}

export interface PlannedNode {
  readonly interfaces: Readonly<Record<string, PlannedInterface>>;
  /** The node's share of the pod addresses, and the address in it that the node itself takes. */
  readonly podCidr: string | null;
  readonly podGateway: string | null;
  /** Where the node sends everything else to. */
  readonly defaultRoute: string | null;
}

export interface PlannedPod {
  readonly node: string;
  /** The namespace of the cluster that it belongs to. */
  readonly namespace: string;
  readonly address: string;
  readonly prefixLength: number;
}

export interface PlannedServicePort {
  readonly name: string | null;
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
  readonly targetPort: number;
  readonly nodePort: number | null;
}

export interface PlannedService {
  /** Its name in its namespace. */
  readonly name: string;
  readonly namespace: string;
  /** `null`: the Service is headless, or an ExternalName. */
  readonly clusterIp: string | null;
  readonly externalName: string | null;
  readonly ports: readonly PlannedServicePort[];
  /** The pods behind it that are ready, by name. */
  readonly endpoints: readonly string[];
  readonly notReady: readonly string[];
  /** Of the pods behind a headless Service, by pod. */
  readonly hostnames: Readonly<Record<string, string>>;
  readonly externalTrafficPolicy: 'Cluster' | 'Local';
  readonly healthCheckNodePort: number | null;
}

/** What holds for the whole cluster. */
export interface PlannedCluster {
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly dnsIp: string;
  readonly domain: string;
  readonly vni: number;
  /** UDP port of VXLAN: 8472, the Linux kernel's default, not the 4789 of RFC 7348. */
  readonly vxlanPort: number;
}

export interface AddressPlan {
  readonly topology: string;
  /** `null`: the canonical plan. */
  readonly seed: string | null;
  readonly cluster: PlannedCluster;
  readonly networks: Readonly<Record<string, string>>;
  readonly nodes: Readonly<Record<string, PlannedNode>>;
  readonly pods: Readonly<Record<string, PlannedPod>>;
  readonly services: Readonly<Record<string, PlannedService>>;
  /** The hosts (`pod/b`, `internet`) in which a server of the fabric's stands, and its ports. */
  readonly servers: Readonly<Record<string, readonly number[]>>;
  /** The same as environment variables: `$NODE1_IP`, `$POD_A_IP`, `$NODE1_POD_CIDR`, `$SERVICE_WEB_IP` ... */
  readonly variables: Readonly<Record<string, string>>;
}

const CANONICAL_CLUSTER: PlannedCluster = {
  podCidr: '10.244.0.0/16',
  serviceCidr: '10.96.0.0/16',
  dnsIp: '10.96.0.10',
  domain: 'cluster.local',
  vni: 1,
  vxlanPort: 8472,
};

/**
 * Makes the plan of a topology. Without a seed it is the canonical one, which the topology file states;
 * with one, every address is moved, and the shape (prefix lengths, .1 as gateway) stays.
 */
export function planAddresses(topology: Topology, seed: string | null = null): AddressPlan {
  return withVariables(
    topology,
    seed === null ? canonical(topology) : seeded(topology, new Dice(seed)),
    seed,
  );
}

interface Choice {
  readonly cluster: PlannedCluster;
  networkCidr(name: string, stated: string): string;
  host(network: string, stated: number): number;
  podCidr(stated: string): string;
  /** The last number of the pod's address; `index` counts the pods of its node from 0. */
  podHost(node: string, index: number): number;
  /** The last number of a ClusterIP. */
  serviceHost(stated: number): number;
  /** A port that a pod listens on. Well-known ones (RFC 6335: below 1024) stay. */
  targetPort(stated: number): number;
  nodePort(stated: number): number;
}

function canonical(_topology: Topology): Choice {
  return {
    cluster: CANONICAL_CLUSTER,
    networkCidr: (_name, stated) => stated,
    host: (_network, stated) => stated,
    podCidr: (stated) => stated,
    // .2 is the first address that host-local, the usual IPAM plugin, hands out.
    podHost: (_node, index) => index + 2,
    serviceHost: (stated) => stated,
    targetPort: (stated) => stated,
    nodePort: (stated) => stated,
  };
}

/** By convention the cluster DNS has this host number, in every plan. */
const DNS_HOST = 10;

function seeded(topology: Topology, dice: Dice): Choice {
  const [podBlock = 16, serviceBlock = 17] = dice.distinct('blocks', 2, 16, 239);
  const podShift = dice.number('pod-shift', 0, 200);
  const serviceShift = dice.number('service-shift', 1, 200);
  const portShift = dice.number('port-shift', 1, 900);
  const statedNodePorts = [
    ...new Set(
      Object.values(topology.services).flatMap(({ ports, healthCheckNodePort }) =>
        [...ports.map(({ nodePort }) => nodePort), healthCheckNodePort].filter((port) => port !== undefined),
      ),
    ),
  ];
  const nodePorts = dice.distinct('node-ports', statedNodePorts.length, 30_000, 32_767);
  const networkNames = Object.keys(topology.networks);
  const networkBlocks = dice.distinct('networks', networkNames.length, 1, 254);
  const hostShift = dice.number('host-shift', 0, 100);
  const podHosts = new Map(
    Object.entries(topology.nodes).map(([name, node]) => [
      name,
      dice.distinct(`pods of ${name}`, node.pods.length, 2, 254),
    ]),
  );
  return {
    cluster: {
      podCidr: `10.${podBlock}.0.0/16`,
      serviceCidr: `10.${serviceBlock}.0.0/16`,
      dnsIp: `10.${serviceBlock}.0.10`,
      domain: 'cluster.local',
      vni: dice.number('vni', 2, 4094),
      vxlanPort: 8472,
    },
    networkCidr: (name) => `192.168.${networkBlocks[networkNames.indexOf(name)]}.0/24`,
    host: (_network, stated) => 2 + ((stated - 2 + hostShift) % 253),
    podCidr: (stated) => `10.${podBlock}.${(Number(stated.split('.')[2]) + podShift) % 256}.0/24`,
    podHost: (node, index) => podHosts.get(node)?.[index] ?? index + 2,
    serviceHost: (stated) =>
      stated === DNS_HOST ? stated : DNS_HOST + 1 + ((stated - DNS_HOST - 1 + serviceShift + 244) % 244),
    targetPort: (stated) => (stated < 1024 ? stated : stated + portShift),
    nodePort: (stated) => nodePorts[statedNodePorts.indexOf(stated)] ?? stated,
  };
}

function withVariables(topology: Topology, choice: Choice, seed: string | null): AddressPlan {
  const networks: Record<string, string> = {};
  const nodes: Record<string, PlannedNode> = {};
  const pods: Record<string, PlannedPod> = {};
  const variables: Record<string, string> = {
    CLUSTER_CIDR: choice.cluster.podCidr,
    SERVICE_CIDR: choice.cluster.serviceCidr,
    CLUSTER_DNS_IP: choice.cluster.dnsIp,
    CLUSTER_DOMAIN: choice.cluster.domain,
    VNI: String(choice.cluster.vni),
    VXLAN_PORT: String(choice.cluster.vxlanPort),
  };
  for (const [name, network] of Object.entries(topology.networks)) {
    networks[name] = choice.networkCidr(name, network.cidr);
    variables[`${variableName(name)}_CIDR`] = networks[name];
  }
  for (const [name, node] of Object.entries(topology.nodes)) {
    const interfaces: Record<string, PlannedInterface> = {};
    for (const [interfaceName, { network, host }] of Object.entries(node.interfaces)) {
      const address = hostOf(networks[network] ?? '', choice.host(network, host));
      interfaces[interfaceName] = { network, address, prefixLength: 24 };
    }
    const podCidr = node.podCidr ? choice.podCidr(node.podCidr) : null;
    const podGateway = podCidr ? hostOf(podCidr, 1) : null;
    nodes[name] = { interfaces, podCidr, podGateway, defaultRoute: null };

    const [first] = Object.values(interfaces);
    if (first) variables[`${variableName(name)}_IP`] = first.address;
    if (podCidr && podGateway) {
      variables[`${variableName(name)}_POD_CIDR`] = podCidr;
      variables[`${variableName(name)}_POD_GATEWAY`] = podGateway;
    }
    for (const [index, pod] of node.pods.entries()) {
      const address = hostOf(podCidr ?? '', choice.podHost(name, index));
      const namespace = topology.podNamespaces[pod] ?? 'default';
      pods[pod] = { node: name, namespace, address, prefixLength: 24 };
      variables[`POD_${variableName(pod)}_IP`] = address;
      if (pod in topology.podNamespaces) variables[`POD_${variableName(pod)}_NAMESPACE`] = namespace;
    }
  }
  for (const [name, { defaultRoute }] of Object.entries(topology.nodes)) {
    const node = nodes[name];
    if (!node || defaultRoute === undefined) continue;
    const network = sharedNetwork(topology, name, defaultRoute);
    const router = Object.values(nodes[defaultRoute]?.interfaces ?? {}).find(
      (each) => each.network === network,
    );
    nodes[name] = { ...node, defaultRoute: router?.address ?? null };
  }
  const { services, servers } = planServices(topology, choice);
  variables.NODES = Object.keys(nodes)
    .filter((name) => nodes[name]?.podCidr)
    .join(' ');
  Object.assign(variables, variablesOfServices(services, pods));
  const { cluster } = choice;
  return { topology: topology.name, seed, cluster, networks, nodes, pods, services, servers, variables };
}

function planServices(topology: Topology, choice: Choice): Pick<AddressPlan, 'services' | 'servers'> {
  const { serviceCidr } = choice.cluster;
  const plan = (key: string, service: TopologyService): PlannedService => ({
    name: service.name ?? key,
    namespace: service.namespace,
    clusterIp: service.host === undefined ? null : hostOf(serviceCidr, choice.serviceHost(service.host)),
    externalName: service.externalName ?? null,
    ports: service.ports.map(({ name, protocol, port, targetPort, nodePort }) => ({
      name: name ?? null,
      protocol,
      port,
      targetPort: choice.targetPort(targetPort),
      nodePort: nodePort === undefined ? null : choice.nodePort(nodePort),
    })),
    endpoints: service.endpoints,
    notReady: service.notReady,
    hostnames: service.hostnames,
    externalTrafficPolicy: service.externalTrafficPolicy,
    healthCheckNodePort:
      service.healthCheckNodePort === undefined ? null : choice.nodePort(service.healthCheckNodePort),
  });
  const services = Object.entries(topology.services).map(([name, service]) => [name, plan(name, service)]);
  // A server with the number of a node port keeps that number in every plan.
  const nodePorts = Object.values(topology.services).flatMap(({ ports }) =>
    ports.map(({ nodePort }) => nodePort),
  );
  const servers = Object.entries(topology.servers).map(([name, ports]) => [
    name in topology.nodes ? name : `pod/${name}`,
    ports.map((port) => (nodePorts.includes(port) ? choice.nodePort(port) : choice.targetPort(port))),
  ]);
  return { services: Object.fromEntries(services), servers: Object.fromEntries(servers) };
}

/**
 * `SERVICE_WEB_IP`, `_NAME`, `_NAMESPACE`, `_ENDPOINTS` (addresses), `_PORT`, `_TARGET_PORT` and `_NODE_PORT` of the
 * first port, the same with the port's name where there are several (`SERVICE_DNS_TCP_PORT`), and for loops `SERVICES`,
 * `SERVICE_WEB_PORTS` (`NAME:PROTOCOL:PORT:TARGET_PORT:NODE_PORT` of each) and, where ready pods have hostnames,
 * `SERVICE_DB_HOSTNAMES` (`HOSTNAME:ADDRESS` of each).
 */
function variablesOfServices(
  services: Readonly<Record<string, PlannedService>>,
  pods: Readonly<Record<string, PlannedPod>>,
): Record<string, string> {
  const variables: Record<string, string> = {};
  if (Object.keys(services).length > 0) variables.SERVICES = Object.keys(services).join(' ');
  for (const [name, service] of Object.entries(services)) {
    const own = `SERVICE_${variableName(name)}`;
    variables[`${own}_IP`] = service.clusterIp ?? 'None';
    variables[`${own}_NAME`] = service.name;
    variables[`${own}_NAMESPACE`] = service.namespace;
    if (service.externalName !== null) variables[`${own}_EXTERNAL_NAME`] = service.externalName;
    const named = service.endpoints.filter((pod) => service.hostnames[pod] !== undefined);
    if (named.length > 0)
      variables[`${own}_HOSTNAMES`] = named
        .map((pod) => `${service.hostnames[pod]}:${pods[pod]?.address}`)
        .join(' ');
    variables[`${own}_ENDPOINTS`] = service.endpoints.map((pod) => pods[pod]?.address).join(' ');
    variables[`${own}_PORTS`] = service.ports
      .map((port) =>
        [port.name, port.protocol, port.port, port.targetPort, port.nodePort].map((it) => it ?? '').join(':'),
      )
      .join(' ');
    for (const [index, port] of service.ports.entries()) {
      const prefixes = [
        ...(index === 0 ? [own] : []),
        ...(service.ports.length > 1 ? [`${own}_${variableName(port.name ?? '')}`] : []),
      ];
      for (const prefix of prefixes) {
        variables[`${prefix}_PORT`] = String(port.port);
        variables[`${prefix}_TARGET_PORT`] = String(port.targetPort);
        if (port.nodePort !== null) variables[`${prefix}_NODE_PORT`] = String(port.nodePort);
      }
    }
    if (service.ports.some(({ nodePort }) => nodePort !== null))
      variables[`${own}_EXTERNAL_TRAFFIC_POLICY`] = service.externalTrafficPolicy;
    if (service.healthCheckNodePort !== null)
      variables[`${own}_HEALTH_CHECK_NODE_PORT`] = String(service.healthCheckNodePort);
  }
  return variables;
}

/** The address in a /24 that ends with the given number. */
function hostOf(cidr: string, host: number): string {
  return `${cidr.slice(0, cidr.lastIndexOf('.'))}.${host}`;
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

/** Numbers that look random and are the same for the same seed, whatever else is asked for. */
class Dice {
  readonly #seed: string;

  constructor(seed: string) {
    this.#seed = seed;
  }

  number(what: string, least: number, most: number): number {
    const hash = createHash('sha256').update(`${this.#seed}\n${what}`).digest();
    return least + (hash.readUInt32BE(0) % (most - least + 1));
  }

  distinct(what: string, count: number, least: number, most: number): number[] {
    const chosen: number[] = [];
    for (let turn = 0; chosen.length < count; turn++) {
      const candidate = this.number(`${what} ${turn}`, least, most);
      if (!chosen.includes(candidate)) chosen.push(candidate);
    }
    return chosen;
  }
}
