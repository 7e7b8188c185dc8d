/** Where a packet's walk runs over the topology's picture. */
import type { PacketWalk } from '../../../harness/src/diagnosis/walk/walk';
import type {
  NodePicture,
  Point,
  PortPicture,
  TopologyPicture,
} from '../../../harness/src/topology/diagram-layout';

export interface PathOfPacket {
  readonly points: readonly Point[];
  /** The SVG path through the points. */
  readonly d: string;
}

/** Half of the space between two pods. */
const GAP = 5;

interface Place {
  readonly node: NodePicture;
  readonly pod: Point | null;
  /** From the pod to the lane below all pods, past those in its way. */
  readonly door: readonly Point[];
  /** Set where the interface is one of the plan: it has a port in the picture. */
  readonly port: PortPicture | null;
}

/** The path of one packet from stop to stop; cables to other nodes run along their network's line. */
export function pathOf(packet: PacketWalk, picture: TopologyPicture, start: string): PathOfPacket {
  const points: Point[] = [];
  const add = (...more: readonly Point[]) => {
    for (const point of more) {
      const last = points.at(-1);
      if (last?.x !== point.x || last.y !== point.y) points.push(point);
    }
  };
  /** Goes on level to where the next stretch begins. */
  const turn = (x: number) => add({ x, y: points.at(-1)?.y ?? 0 });

  const places = [
    placeOf(start, '', picture),
    ...packet.stops.map((stop) => placeOf(stop.host, stop.interface, picture)),
  ];
  let before: Place | null = null;
  for (const [index, place] of places.entries()) {
    if (!place) continue;
    const inNode: boolean = before?.node === place.node;
    if (before?.pod && !samePod(before, place)) add(...before.door);
    if (before && !inNode) {
      const out: PortPicture | null = before.port ?? portTowards(before.node, place);
      const into: PortPicture | null = place.port ?? (out ? portOn(place.node, out.network) : null);
      if (out) {
        turn(out.lane);
        add({ x: out.lane, y: out.at.y }, out.at, out.joins);
      }
      if (into) add({ x: into.joins.x, y: into.at.y }, into.at, { x: into.lane, y: into.at.y });
    }
    if (place.pod) {
      if (before && !samePod(before, place)) {
        add({ x: points.at(-1)?.x ?? 0, y: place.node.heart.y }, ...[...place.door].reverse());
      }
      add(place.pod);
    } else if (place.port && inNode) {
      turn(place.port.lane);
      add({ x: place.port.lane, y: place.port.at.y });
      if (packet.stops[index - 1]?.direction === 'out') add(place.port.at);
    } else if (!place.port && index === places.length - 1) {
      turn(place.node.heart.x);
      add(place.node.heart);
    }
    before = place;
  }
  const d = points
    .map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`)
    .join('');
  return { points, d };
}

function samePod(a: Place, b: Place): boolean {
  return a.pod?.x === b.pod?.x && a.pod?.y === b.pod?.y;
}

function placeOf(host: string, name: string, picture: TopologyPicture): Place | null {
  for (const node of picture.nodes) {
    if (node.id === host || host.startsWith(`${node.id}/`)) {
      return {
        node,
        pod: null,
        door: [],
        port: node.ports.find(({ id }) => id === `${node.id}/${name}`) ?? null,
      };
    }
    const pod = node.pods.find(({ id }) => id === host);
    if (!pod) continue;
    const { x, y, width, height } = pod.box;
    const below = { x: x + width / 2, y: y + height - 6 };
    const inTheWay = node.pods.some(({ box }) => box.y > y && box.x < below.x && box.x + box.width > below.x);
    const under = y + height + GAP;
    const aside = x + width + GAP;
    const door = inTheWay
      ? [
          { x: below.x, y: under },
          { x: aside, y: under },
          { x: aside, y: node.heart.y },
        ]
      : [{ x: below.x, y: node.heart.y }];
    return { node, pod: below, door, port: null };
  }
  return null;
}

function portOn(node: NodePicture, network: string): PortPicture | null {
  return node.ports.find((port) => port.network === network) ?? null;
}

/** The port by which one node leads to another, where the packet was not seen at it. */
function portTowards(node: NodePicture, { node: other }: Place): PortPicture | null {
  return node.ports.find(({ network }) => portOn(other, network)) ?? null;
}
