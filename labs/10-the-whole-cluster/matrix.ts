/** Who reaches whom: pods, nodes and the client outside ask each other, the Services in all their ways, and the world. */
import { type Matrix, type Network, reachDns, reachHost, reachNodePort, reachService } from 'podwire';

const PODS = ['pod/a', 'pod/b', 'pod/c', 'pod/d', 'pod/e', 'pod/dns'];
const NODES = ['node1', 'node2', 'node3'];
const SERVICES = ['web', 'clock', 'shop', 'empty'];

const host = (name: string) => ({
  title: name.replace('pod/', ''),
  ask: (network: Network, from: string) => reachHost(network, from, name),
});

export const matrix: Matrix = {
  rows: [...PODS, ...NODES, 'client'],
  columns: [
    ...[...PODS, ...NODES].map(host),
    ...SERVICES.map((name) => ({
      title: name,
      ask: (network: Network, from: string) => reachService(network, from, name),
    })),
    { title: 'DNS', ask: (network, from) => reachDns(network, from, 'dns') },
    ...NODES.map((node) => ({
      title: `web@${node}`,
      ask: (network: Network, from: string) => reachNodePort(network, from, 'web', node),
    })),
    host('internet'),
  ],
};
