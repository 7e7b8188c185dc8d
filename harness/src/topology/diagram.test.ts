import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { drawTopology } from './diagram.ts';
import { withDrawing } from './drawing-comment.ts';
import { planAddresses } from './plan.ts';
import { parseTopology } from './read-topology.ts';

const TOPOLOGIES = path.resolve(import.meta.dirname, '../../../topologies');

function topologyOf(name: string) {
  return parseTopology(readFileSync(path.join(TOPOLOGIES, `${name}.yaml`), 'utf8'), `${name}.yaml`);
}

function draw(name: string, seed: string | null = null, columns = 76): string[] {
  const topology = topologyOf(name);
  return drawTopology(topology, planAddresses(topology, seed), { columns }).split('\n');
}

const ROUTED = parseTopology(
  `name: routed
networks: { left: { cidr: 192.168.56.0/24 }, right: { cidr: 192.168.57.0/24 }, outside: { cidr: 203.0.113.0/24 } }
nodes:
  client: { interfaces: { eth0: { network: left, host: 100 } } }
  router: { interfaces: { eth0: { network: left, host: 2 }, eth1: { network: right, host: 2 }, eth2: { network: outside, host: 2 } } }
  server: { interfaces: { eth0: { network: right, host: 3 } } }
  alone: {}
`,
  'routed.yaml',
);

test('a node shows its pods with their planned addresses, its interfaces, and the network below it', () => {
  expect(draw('one-node')).toEqual([
    '┌─ node1 ────────────────────────────────────────────┐',
    '│ ┌─ pod a ──────┐ ┌─ pod b ──────┐ ┌─ pod c ──────┐ │',
    '│ │ lo           │ │ lo           │ │ lo           │ │',
    '│ │ (10.244.1.2) │ │ (10.244.1.3) │ │ (10.244.1.4) │ │',
    '│ └──────────────┘ └──────────────┘ └──────────────┘ │',
    '│ pods: 10.244.1.0/24, ( ) planned                   │',
    '│ eth0 192.168.56.11/24                              │',
    '└────┬───────────────────────────────────────────────┘',
    '     │',
    '     └── underlay 192.168.56.0/24',
  ]);
});

test('nodes that fit stand side by side on the network that joins them', () => {
  expect(draw('two-nodes')).toEqual([
    '┌─ node1 ───────────────────────────┐  ┌─ node2 ───────────────────────────┐',
    '│ ┌─ pod a ──────┐ ┌─ pod b ──────┐ │  │ ┌─ pod c ──────┐ ┌─ pod d ──────┐ │',
    '│ │ lo           │ │ lo           │ │  │ │ lo           │ │ lo           │ │',
    '│ │ (10.244.1.2) │ │ (10.244.1.3) │ │  │ │ (10.244.2.2) │ │ (10.244.2.3) │ │',
    '│ └──────────────┘ └──────────────┘ │  │ └──────────────┘ └──────────────┘ │',
    '│ pods: 10.244.1.0/24, ( ) planned  │  │ pods: 10.244.2.0/24, ( ) planned  │',
    '│ eth0 192.168.56.11/24             │  │ eth0 192.168.56.12/24             │',
    '└────┬──────────────────────────────┘  └────┬──────────────────────────────┘',
    '     │                                      │',
    '     └── underlay 192.168.56.0/24 ──────────┘',
  ]);
});

test('a seed moves the addresses in the drawing', () => {
  expect(draw('one-node', 'alice')).toEqual([
    '┌─ node1 ────────────────────────────────────────────────┐',
    '│ ┌─ pod a ───────┐ ┌─ pod b ───────┐ ┌─ pod c ────────┐ │',
    '│ │ lo            │ │ lo            │ │ lo             │ │',
    '│ │ (10.22.35.65) │ │ (10.22.35.53) │ │ (10.22.35.141) │ │',
    '│ └───────────────┘ └───────────────┘ └────────────────┘ │',
    '│ pods: 10.22.35.0/24, ( ) planned                       │',
    '│ eth0 192.168.38.108/24                                 │',
    '└────┬───────────────────────────────────────────────────┘',
    '     │',
    '     └── underlay 192.168.38.0/24',
  ]);
});

test('pods that do not fit in one row go on in the next', () => {
  expect(draw('one-node', null, 40).slice(0, 9)).toEqual([
    '┌─ node1 ───────────────────────────┐',
    '│ ┌─ pod a ──────┐ ┌─ pod b ──────┐ │',
    '│ │ lo           │ │ lo           │ │',
    '│ │ (10.244.1.2) │ │ (10.244.1.3) │ │',
    '│ └──────────────┘ └──────────────┘ │',
    '│ ┌─ pod c ──────┐                  │',
    '│ │ lo           │                  │',
    '│ │ (10.244.1.4) │                  │',
    '│ └──────────────┘                  │',
  ]);
});

test('pods that the learner makes are in parentheses, like their addresses', () => {
  const topology = parseTopology(
    'name: bare\nnodes: { node1: { podCidr: 10.244.1.0/24, pods: [a], podsStand: false } }\n',
    'bare.yaml',
  );
  expect(drawTopology(topology, planAddresses(topology)).split('\n')).toEqual([
    '┌─ node1 ──────────────────────────┐',
    '│ ┌─ (pod a) ────┐                 │',
    '│ │ (10.244.1.2) │                 │',
    '│ └──────────────┘                 │',
    '│ pods: 10.244.1.0/24, ( ) planned │',
    '└──────────────────────────────────┘',
  ]);
});

test('a router joins networks; a cable that passes a network it is not plugged into cuts its line', () => {
  expect(drawTopology(ROUTED, planAddresses(ROUTED), { columns: 100 }).split('\n')).toEqual([
    '                            ┌─ router ─────────────┐',
    '                            │ eth0 192.168.56.2/24 │',
    '┌─ client ───────────────┐  │ eth1 192.168.57.2/24 │  ┌─ server ─────────────┐',
    '│ eth0 192.168.56.100/24 │  │ eth2 203.0.113.2/24  │  │ eth0 192.168.57.3/24 │  ┌─ alone ─┐',
    '└────┬───────────────────┘  └────┬─────┬─────┬─────┘  └────┬─────────────────┘  └─────────┘',
    '     │                           │     │     │             │',
    '     │                           │     └─────│─────────────┘ right 192.168.57.0/24',
    '     │                           │           │',
    '     │                           │           └── outside 203.0.113.0/24',
    '     │                           │',
    '     └── left 192.168.56.0/24 ───┘',
  ]);
});

test.each(readdirSync(TOPOLOGIES).filter((name) => name.endsWith('.yaml')))(
  'topologies/%s opens with the drawing of itself (node scripts/draw-topologies.ts draws it anew)',
  (name) => {
    const file = path.join(TOPOLOGIES, name);
    const text = readFileSync(file, 'utf8');
    expect(text).toBe(withDrawing(text, file));
  },
);
