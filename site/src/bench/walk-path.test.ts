import path from 'node:path';
import type { PacketWalk, Stop } from '../../../harness/src/diagnosis/walk/walk.ts';
import { WORKBOOK } from '../../../harness/src/lab/load-lab.ts';
import { layoutTopology, type Room } from '../../../harness/src/topology/diagram-layout.ts';
import { planAddresses } from '../../../harness/src/topology/plan.ts';
import { readTopology } from '../../../harness/src/topology/read-topology.ts';
import { pathOf } from './walk-path.ts';

const topology = await readTopology(path.join(WORKBOOK, 'topologies/two-racks.yaml'));
const plan = planAddresses(topology);

/** `pod/a eth0 out` and so on, as a packet that was seen there. */
function packetSeenAt(...places: string[]): PacketWalk {
  const stops = places.map((place) => {
    const [host = '', name = '', direction = ''] = place.split(' ');
    return { host, interface: name, direction } as Stop;
  });
  return { role: 'request', summary: '', begins: [], stops, arrived: true };
}

const ACROSS = packetSeenAt(
  'pod/a eth0 out',
  'node1 cni0 in',
  'node1 eth0 out',
  'router eth0 in',
  'router eth1 out',
  'node2 eth0 in',
  'node2 cni0 out',
  'pod/d eth0 in',
);

test.each<Room>(['wide', 'narrow'])('%s: the walk runs level and upright, along the cables', (room) => {
  const picture = layoutTopology(topology, plan, room);
  const { points } = pathOf(ACROSS, picture, 'pod/a');
  for (const [index, { x, y }] of points.slice(1).entries())
    expect(points[index]?.x === x || points[index]?.y === y).toBe(true);
  const ports = picture.nodes.flatMap((node) => node.ports);
  for (const id of ['node1/eth0', 'router/eth0', 'router/eth1', 'node2/eth0']) {
    const port = ports.find((each) => each.id === id);
    expect(points).toContainEqual(port?.at);
    expect(points).toContainEqual(port?.joins);
  }
});

test('it begins in the pod that sends and ends in the one that gets it', () => {
  const picture = layoutTopology(topology, plan, 'wide');
  const pods = picture.nodes.flatMap((node) => node.pods);
  const { points } = pathOf(ACROSS, picture, 'pod/a');
  const isIn = (id: string, point = points[0]) => {
    const box = pods.find((pod) => pod.id === id)?.box;
    return (
      box &&
      point &&
      point.x > box.x &&
      point.x < box.x + box.width &&
      point.y > box.y &&
      point.y < box.y + box.height
    );
  };
  expect(isIn('pod/a')).toBe(true);
  expect(isIn('pod/d', points.at(-1))).toBe(true);
});

test('a packet that was seen nowhere stays with its sender', () => {
  const picture = layoutTopology(topology, plan, 'wide');
  expect(pathOf(packetSeenAt(), picture, 'pod/a').points).toHaveLength(1);
});

test('one that was lost on a node ends there', () => {
  const picture = layoutTopology(topology, plan, 'wide');
  const { points } = pathOf(packetSeenAt('pod/a eth0 out', 'node1 cni0 in'), picture, 'pod/a');
  expect(points.at(-1)).toEqual(picture.nodes.find(({ id }) => id === 'node1')?.heart);
});
