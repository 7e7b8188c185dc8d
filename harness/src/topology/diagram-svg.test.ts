import path from 'node:path';
import { WORKBOOK } from '../lab/load-lab.ts';
import { layoutTopology, type Room } from './diagram-layout.ts';
import { drawTopologySvg } from './diagram-svg.ts';
import { planAddresses } from './plan.ts';
import { readTopology } from './read-topology.ts';

const topology = await readTopology(path.join(WORKBOOK, 'topologies/two-racks.yaml'));
const plan = planAddresses(topology);

test.each<Room>(['wide', 'narrow'])('%s: every node lies in the picture and covers no other', (room) => {
  const { width, height, nodes, networks } = layoutTopology(topology, plan, room);
  for (const [index, { box }] of nodes.entries()) {
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(width);
    expect(box.y + box.height).toBeLessThanOrEqual(height);
    for (const { box: other } of nodes.slice(index + 1)) {
      const apart =
        other.x >= box.x + box.width ||
        box.x >= other.x + other.width ||
        other.y >= box.y + box.height ||
        box.y >= other.y + other.height;
      expect(apart).toBe(true);
    }
    for (const { x } of networks) expect(x <= box.x || x >= box.x + box.width).toBe(true);
  }
});

test('the narrow one fits a phone without being shrunk', () => {
  expect(layoutTopology(topology, plan, 'narrow').width).toBeLessThanOrEqual(360);
});

test('a cable leads from the interface to its network', () => {
  const { nodes, networks } = layoutTopology(topology, plan, 'wide');
  const ports = nodes.flatMap((node) => node.ports);
  expect(ports.map(({ id }) => id)).toEqual([
    'node1/eth0',
    'node2/eth0',
    'node3/eth0',
    'router/eth0',
    'router/eth1',
  ]);
  for (const { network, at, joins } of ports) {
    const line = networks.find(({ id }) => id === network);
    expect(joins.x).toBe(line?.x);
    expect(joins.y).toBe(at.y);
    expect(line && joins.y >= line.top && joins.y <= line.bottom).toBe(true);
  }
});

test('the drawing names hosts, addresses and networks, and says so in words', () => {
  const svg = drawTopologySvg(topology, plan);
  for (const text of [
    'data-host="pod/a"',
    'data-port="router/eth1"',
    '>10.244.3.2<',
    '>rack2 192.168.57.0/24<',
  ])
    expect(svg).toContain(text);
  expect(svg).toContain(
    '<title>node1: eth0 192.168.56.11 on underlay: pod a (10.244.1.2), pod b (10.244.1.3); ',
  );
  expect(svg).not.toContain('<style>');
  expect(drawTopologySvg(topology, plan, { standalone: true })).toContain('<style>');
});
