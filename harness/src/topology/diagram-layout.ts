/**
 * Where everything of a topology's picture stands: networks are vertical lines, nodes hang on them from both
 * sides (or from one, where there is little room), pods lie in their nodes.
 *
 *   ┌ node1 ─────────┐   │   ┌ node2 ─────────┐
 *   │ pod a   pod b  │   │   │ pod c   pod d  │
 *   │           eth0 ●───●───● eth0           │
 *   └────────────────┘   │   └────────────────┘
 *                    underlay
 *
 * Needs nothing of Node: the site's bench draws with it in the browser, and lays a packet's walk over it.
 */
import type { AddressPlan } from './plan.ts';
import type { Topology } from './topology.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

export interface PodPicture {
  readonly id: string;
  readonly title: string;
  readonly address: string;
  /** Whether the learner has to make it. */
  readonly planned: boolean;
  readonly box: Box;
}

export interface PortPicture {
  /** `node1/eth0` */
  readonly id: string;
  readonly network: string;
  readonly label: string;
  readonly at: Point;
  /** Where its cable meets the network. */
  readonly joins: Point;
  readonly text: Point;
  readonly anchor: 'start' | 'end';
  /** Where a packet turns between the pods and this port, beside the label. */
  readonly lane: number;
}

export interface NodePicture {
  readonly id: string;
  readonly box: Box;
  readonly pods: readonly PodPicture[];
  readonly ports: readonly PortPicture[];
  /** The node's share of the pod addresses, in its upper right corner. */
  readonly note: { readonly text: string; readonly at: Point } | null;
  /** Where packets pass that only go through the node. */
  readonly heart: Point;
}

export interface NetworkPicture {
  readonly id: string;
  readonly label: string;
  readonly x: number;
  readonly top: number;
  readonly bottom: number;
  readonly labelAt: Point;
}

export interface TopologyPicture {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly NodePicture[];
  readonly networks: readonly NetworkPicture[];
}

/** What of a plan is drawn. */
export type DrawnPlan = Pick<AddressPlan, 'networks' | 'nodes' | 'pods'>;

/** `wide`: nodes on both sides. `narrow`: below each other, for a phone and for the panel beside a guide. */
export type Room = 'wide' | 'narrow';

export const FONT_SIZE = 12.5;
const CHARACTER = FONT_SIZE * 0.6;
const EDGE = 1.5;
const PAD = 12;
const TITLE = 30;
const LINE = 24;
const POD_HEIGHT = 46;
const POD_GAP = 10;
const NODE_GAP = 22;
const SPINE_GAP = 26;
const LABEL_LINE = 18;

export function layoutTopology(topology: Topology, plan: DrawnPlan, room: Room): TopologyPicture {
  const names = Object.keys(topology.nodes);
  const networks = Object.keys(plan.networks);
  const podWidth = Math.max(
    116,
    ...Object.entries(plan.pods).map(([pod, { address }]) => textWidth(longer(`(pod ${pod})`, address)) + 22),
  );
  const oneSided = room === 'narrow' || names.length === 1;
  const most = Math.max(1, ...Object.values(topology.nodes).map(({ pods }) => pods.length));
  const podsInRow = Math.min(most, room === 'wide' && names.length === 1 ? 4 : 2);
  const nodeWidth = Math.max(
    PAD * 2 + podsInRow * podWidth + (podsInRow - 1) * POD_GAP,
    PAD * 2 + Math.max(...names.map((name) => widestLine(plan, name))),
  );
  const gutter = SPINE_GAP * (networks.length + 1);
  const spineStart = oneSided ? EDGE : EDGE + nodeWidth;
  const spines = new Map(
    networks.map((name, index) => [name, spineStart + SPINE_GAP * (index + (oneSided ? 0.4 : 1))]),
  );
  const rightColumn = spineStart + (oneSided ? gutter - SPINE_GAP * 0.6 : gutter);

  const bottoms = { left: EDGE, right: EDGE };
  const nodes = names.map((name): NodePicture => {
    const height = nodeHeight(topology, plan, name, podsInRow);
    const side = oneSided || bottoms.right < bottoms.left ? 'right' : 'left';
    const box: Box = {
      x: side === 'left' ? EDGE : rightColumn,
      y: bottoms[side],
      width: nodeWidth,
      height,
    };
    bottoms[side] += height + NODE_GAP;
    return placeInNode(topology, plan, name, box, side, podsInRow, podWidth, spines);
  });

  const lowest = Math.max(bottoms.left, bottoms.right) - NODE_GAP;
  const labels = networks.map((name) => `${name} ${plan.networks[name]}`);
  const width = Math.max(
    rightColumn + nodeWidth + EDGE,
    ...labels.map((label, index) => (spines.get(networks[index] ?? '') ?? 0) + textWidth(label) + 12),
  );
  const pictures = networks.map((name, index): NetworkPicture => {
    const x = spines.get(name) ?? 0;
    const ys = nodes.flatMap(({ ports }) =>
      ports.filter(({ network }) => network === name).map(({ joins }) => joins.y),
    );
    const y = lowest + 14 + LABEL_LINE * (networks.length - index);
    return {
      id: name,
      label: labels[index] ?? '',
      x,
      top: Math.min(...ys, lowest),
      // A line ends at its name, so none runs through the name of another.
      bottom: y,
      labelAt: { x: x + 9, y },
    };
  });
  return {
    width: Math.ceil(width),
    height: Math.ceil(lowest + (networks.length > 0 ? 14 + LABEL_LINE * networks.length + 8 : EDGE)),
    nodes,
    networks: pictures,
  };
}

function placeInNode(
  topology: Topology,
  plan: DrawnPlan,
  name: string,
  box: Box,
  side: 'left' | 'right',
  podsInRow: number,
  podWidth: number,
  spines: ReadonlyMap<string, number>,
): NodePicture {
  const node = topology.nodes[name];
  const planned = plan.nodes[name];
  const podNames = node?.pods ?? [];
  const pods = podNames.map((pod, index): PodPicture => {
    const standing = node?.podsStand !== false;
    return {
      id: `pod/${pod}`,
      title: standing ? `pod ${pod}` : `(pod ${pod})`,
      address: plan.pods[pod]?.address ?? '',
      planned: !standing,
      box: {
        x: box.x + PAD + (index % podsInRow) * (podWidth + POD_GAP),
        y: box.y + TITLE + Math.floor(index / podsInRow) * (POD_HEIGHT + POD_GAP),
        width: podWidth,
        height: POD_HEIGHT,
      },
    };
  });
  const rows = Math.ceil(podNames.length / podsInRow);
  const y = box.y + TITLE + rows * (POD_HEIGHT + POD_GAP);
  const heart = { x: box.x + box.width / 2, y: y - 5 };
  const note = planned?.podCidr
    ? { text: planned.podCidr, at: { x: box.x + box.width - PAD, y: box.y + 20 } }
    : null;
  const edge = side === 'left' ? box.x + box.width : box.x;
  const ports = Object.entries(planned?.interfaces ?? {}).map(
    ([port, { network, address, prefixLength }], index): PortPicture => {
      const at = { x: edge, y: y + index * LINE + 16 };
      const label = `${port} ${address}/${prefixLength}`;
      const labelEnd = PAD + textWidth(label) + 8;
      return {
        id: `${name}/${port}`,
        network,
        label,
        at,
        joins: { x: spines.get(network) ?? edge, y: at.y },
        text: { x: side === 'left' ? edge - PAD : edge + PAD, y: at.y - 4 },
        anchor: side === 'left' ? 'end' : 'start',
        lane: side === 'left' ? edge - labelEnd : edge + labelEnd,
      };
    },
  );
  return { id: name, box, pods, ports, note, heart };
}

function nodeHeight(topology: Topology, plan: DrawnPlan, name: string, podsInRow: number): number {
  const rows = Math.ceil((topology.nodes[name]?.pods.length ?? 0) / podsInRow);
  const planned = plan.nodes[name];
  const lines = Object.keys(planned?.interfaces ?? {}).length;
  return TITLE + rows * (POD_HEIGHT + POD_GAP) + lines * LINE + 10;
}

function widestLine(plan: DrawnPlan, name: string): number {
  const planned = plan.nodes[name];
  const lines = Object.entries(planned?.interfaces ?? {}).map(
    ([port, { address, prefixLength }]) => `${port} ${address}/${prefixLength}..`,
  );
  if (planned?.podCidr) lines.push(`${name}  ${planned.podCidr}`);
  return Math.max(0, ...lines.map(textWidth));
}

function textWidth(text: string): number {
  return text.length * CHARACTER;
}

function longer(a: string, b: string): string {
  return a.length > b.length ? a : b;
}
