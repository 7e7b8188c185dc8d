import path from 'node:path';
import { WORKBOOK } from '../lab/load-lab.ts';
import { contains } from './cidr.ts';
import { planAddresses } from './plan.ts';
import { parseTopology, readTopology } from './read-topology.ts';

const topology = await readTopology(path.join(WORKBOOK, 'topologies/two-nodes.yaml'));

test('without a seed the plan is the canonical one', () => {
  const plan = planAddresses(topology);
  expect(plan.variables).toEqual({
    CLUSTER_CIDR: '10.244.0.0/16',
    CLUSTER_DNS_IP: '10.96.0.10',
    CLUSTER_DOMAIN: 'cluster.local',
    NODE1_IP: '192.168.56.11',
    NODE1_POD_CIDR: '10.244.1.0/24',
    NODE1_POD_GATEWAY: '10.244.1.1',
    NODE2_IP: '192.168.56.12',
    NODE2_POD_CIDR: '10.244.2.0/24',
    NODE2_POD_GATEWAY: '10.244.2.1',
    NODES: 'node1 node2',
    POD_A_IP: '10.244.1.2',
    POD_B_IP: '10.244.1.3',
    POD_C_IP: '10.244.2.2',
    POD_D_IP: '10.244.2.3',
    SERVICE_CIDR: '10.96.0.0/16',
    UNDERLAY_CIDR: '192.168.56.0/24',
    VNI: '1',
    VXLAN_PORT: '8472',
  });
});

test('the same seed gives the same plan, another seed another one', () => {
  expect(planAddresses(topology, 'alice')).toEqual(planAddresses(topology, 'alice'));
  expect(planAddresses(topology, 'alice').variables).not.toEqual(planAddresses(topology, 'bob').variables);
});

test('whatever the seed, the plan has the canonical shape and nothing overlaps', () => {
  for (let student = 0; student < 500; student++) {
    const { cluster, nodes, pods, networks, variables } = planAddresses(topology, `student-${student}`);
    expect(Object.keys(variables)).toEqual(Object.keys(planAddresses(topology).variables));
    expect(cluster.podCidr).not.toBe(cluster.serviceCidr);
    const addresses = [
      ...Object.values(pods).map(({ address }) => address),
      ...Object.values(nodes).flatMap(({ podGateway, interfaces }) => [
        podGateway,
        ...Object.values(interfaces).map(({ address }) => address),
      ]),
    ];
    expect(new Set(addresses).size).toBe(addresses.length);
    for (const [pod, { node, address }] of Object.entries(pods)) {
      const { podCidr } = nodes[node] ?? {};
      expect([pod, contains(podCidr ?? '', address)]).toEqual([pod, true]);
      expect(contains(cluster.podCidr, address)).toBe(true);
    }
    for (const { interfaces } of Object.values(nodes)) {
      for (const { network, address } of Object.values(interfaces)) {
        expect(contains(networks[network] ?? '', address)).toBe(true);
        expect(address.endsWith('.0') || address.endsWith('.1') || address.endsWith('.255')).toBe(false);
      }
    }
  }
});

describe('Services', () => {
  const topology = parseTopology(
    `name: shop
nodes: { node1: { podCidr: 10.244.1.0/24, pods: [a, b] } }
services:
  web:
    host: 20
    ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }]
    endpoints: [a, b]
    externalTrafficPolicy: Local
    healthCheckNodePort: 32000
  dns:
    host: 10
    ports:
      - { name: dns, protocol: UDP, port: 53, targetPort: 53 }
      - { name: dnstcp, port: 53, targetPort: 53 }
    endpoints: [b]
  db: { endpoints: [a], ports: [{ port: 5432, targetPort: 5432 }] }
servers: { a: [8080], node1: [9000] }
`,
    'shop.yaml',
  );

  test('are in the variables, by their first port and by the names of all', () => {
    const { variables } = planAddresses(topology);
    expect(Object.entries(variables).filter(([name]) => name.startsWith('SERVICE'))).toEqual([
      ['SERVICE_CIDR', '10.96.0.0/16'],
      ['SERVICES', 'web dns db'],
      ['SERVICE_WEB_IP', '10.96.0.20'],
      ['SERVICE_WEB_NAME', 'web'],
      ['SERVICE_WEB_NAMESPACE', 'default'],
      ['SERVICE_WEB_ENDPOINTS', '10.244.1.2 10.244.1.3'],
      ['SERVICE_WEB_PORTS', ':TCP:80:8080:30080'],
      ['SERVICE_WEB_PORT', '80'],
      ['SERVICE_WEB_TARGET_PORT', '8080'],
      ['SERVICE_WEB_NODE_PORT', '30080'],
      ['SERVICE_WEB_EXTERNAL_TRAFFIC_POLICY', 'Local'],
      ['SERVICE_WEB_HEALTH_CHECK_NODE_PORT', '32000'],
      ['SERVICE_DNS_IP', '10.96.0.10'],
      ['SERVICE_DNS_NAME', 'dns'],
      ['SERVICE_DNS_NAMESPACE', 'default'],
      ['SERVICE_DNS_ENDPOINTS', '10.244.1.3'],
      ['SERVICE_DNS_PORTS', 'dns:UDP:53:53: dnstcp:TCP:53:53:'],
      ['SERVICE_DNS_PORT', '53'],
      ['SERVICE_DNS_TARGET_PORT', '53'],
      ['SERVICE_DNS_DNS_PORT', '53'],
      ['SERVICE_DNS_DNS_TARGET_PORT', '53'],
      ['SERVICE_DNS_DNSTCP_PORT', '53'],
      ['SERVICE_DNS_DNSTCP_TARGET_PORT', '53'],
      ['SERVICE_DB_IP', 'None'],
      ['SERVICE_DB_NAME', 'db'],
      ['SERVICE_DB_NAMESPACE', 'default'],
      ['SERVICE_DB_ENDPOINTS', '10.244.1.2'],
      ['SERVICE_DB_PORTS', ':TCP:5432:5432:'],
      ['SERVICE_DB_PORT', '5432'],
      ['SERVICE_DB_TARGET_PORT', '5432'],
    ]);
  });

  test('of another namespace, and pods with hostnames, are in the variables as the DNS knows them', () => {
    const named = parseTopology(
      `name: names
nodes: { node1: { podCidr: 10.244.1.0/24, pods: [a, b, c] } }
podNamespaces: { c: shop }
services:
  shopweb: { name: web, namespace: shop, host: 20 }
  db: { endpoints: [a], notReady: [b], hostnames: { a: db-0, b: db-1 } }
  docs: { externalName: www.example.com }
`,
      'names.yaml',
    );
    const { variables, pods, services } = planAddresses(named);
    expect(variables).toMatchObject({
      SERVICE_SHOPWEB_NAME: 'web',
      SERVICE_SHOPWEB_NAMESPACE: 'shop',
      SERVICE_DB_HOSTNAMES: 'db-0:10.244.1.2',
      SERVICE_DOCS_EXTERNAL_NAME: 'www.example.com',
      POD_C_NAMESPACE: 'shop',
    });
    expect(pods.a?.namespace).toBe('default');
    expect(services.db?.notReady).toEqual(['b']);
  });

  test('a seed moves addresses and ports, and keeps what belongs together together', () => {
    for (let student = 0; student < 200; student++) {
      const { services, servers, cluster } = planAddresses(topology, `student-${student}`);
      const { web, dns } = services;
      expect(dns?.clusterIp).toBe(cluster.dnsIp);
      expect(web?.clusterIp).not.toBe(cluster.dnsIp);
      expect(contains(cluster.serviceCidr, web?.clusterIp ?? '')).toBe(true);
      expect(servers['pod/a']).toEqual([web?.ports[0]?.targetPort]);
      const { nodePort } = web?.ports[0] ?? {};
      expect(nodePort).not.toBe(web?.healthCheckNodePort);
      expect(nodePort).toBeGreaterThanOrEqual(30_000);
      expect(nodePort).toBeLessThanOrEqual(32_767);
    }
  });
});
