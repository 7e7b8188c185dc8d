/** Draws a topology as text: nodes with their pods and interfaces, and the networks between them. */
import type { AddressPlan, PlannedNode } from './plan.ts';
import type { Topology, TopologyNode } from './topology.ts';

export interface DrawOptions {
  /** Nodes that do not fit side by side, and pods in a node, go on below. */
  readonly columns?: number;
}

/** Fits a terminal of 80 columns, and a comment in a file. */
const DEFAULT_COLUMNS = 76;
const NODE_GAP = 2;
const POD_GAP = 1;
/** What a node's box adds to the width of what is in it. */
const NODE_EDGES = 4;
/** The cable of a node's first interface leaves its box here; further ones follow to the right. */
const FIRST_CABLE = 5;
const NEXT_CABLE = 6;

export function drawTopology(topology: Topology, plan: AddressPlan, options: DrawOptions = {}): string {
  const columns = options.columns ?? DEFAULT_COLUMNS;
  const boxes = Object.entries(topology.nodes).map(([name, node]) => {
    const planned = plan.nodes[name] ?? {
      interfaces: {},
      podCidr: null,
      podGateway: null,
      defaultRoute: null,
    };
    return drawNode(name, planned, node, plan, columns);
  });
  const services = describeServices(plan);
  const bands = inRows(boxes, ({ lines }) => widthOf(lines), NODE_GAP, columns);
  const drawn = bands.map((band) => drawBand(band, plan));
  return [...drawn, ...(services.length > 0 ? [services.join('\n')] : [])].join('\n\n');
}

/** A line for each port of each Service: where it is asked, and which pods it leads to. */
export function describeServices({ services }: AddressPlan): string[] {
  return Object.entries(services).flatMap(([name, { clusterIp, externalName, ports, endpoints }]) => {
    if (externalName !== null) return [`Service ${name}: another name for ${externalName}`];
    return ports.map(({ protocol, port, targetPort, nodePort }) => {
      const outside = nodePort === null ? '' : `, on nodes :${nodePort}`;
      const pods = endpoints.length > 0 ? `:${targetPort} of ${endpoints.join(', ')}` : 'no pod';
      return `Service ${name}: ${clusterIp ?? 'headless'}:${port}/${protocol}${outside} -> ${pods}`;
    });
  });
}

interface NodeBox {
  readonly lines: readonly string[];
  /** The network of each interface, in order. */
  readonly cables: readonly string[];
}

function drawNode(
  name: string,
  node: PlannedNode,
  { pods, podsStand }: TopologyNode,
  plan: AddressPlan,
  columns: number,
): NodeBox {
  const interfaces = Object.entries(node.interfaces);
  const podBoxes = pods.map((pod) => {
    const address = `(${plan.pods[pod]?.address ?? ''})`;
    return podsStand ? frame(`pod ${pod}`, ['lo', address]) : frame(`(pod ${pod})`, [address]);
  });
  const content = [
    ...inRows(podBoxes, widthOf, POD_GAP, columns - NODE_EDGES).flatMap((row) => sideBySide(row, POD_GAP)),
    ...(node.podCidr ? [`pods: ${node.podCidr}${pods.length > 0 ? ', ( ) planned' : ''}`] : []),
    ...(plan.servers[name] ? [`serves port ${plan.servers[name].join(', ')}`] : []),
    ...interfaces.map(([port, { address, prefixLength }]) => `${port} ${address}/${prefixLength}`),
  ];
  const roomForCables = interfaces.length > 0 ? FIRST_CABLE + NEXT_CABLE * (interfaces.length - 1) : 0;
  const lines = frame(name, content, roomForCables);
  const bottom = [...(lines.pop() ?? '')];
  for (const index of interfaces.keys()) bottom[cableAt(index)] = '┬';
  return { lines: [...lines, bottom.join('')], cables: interfaces.map(([, { network }]) => network) };
}

function cableAt(index: number): number {
  return FIRST_CABLE + NEXT_CABLE * index;
}

/** Lines in a box that bears a title in its upper edge. */
function frame(title: string, content: readonly string[], least = 0): string[] {
  const inner = Math.max(widthOf(content) + 2, [...title].length + 4, least);
  return [
    `┌─ ${title} ${'─'.repeat(inner - [...title].length - 3)}┐`,
    ...content.map((line) => `│ ${line.padEnd(inner - 2)} │`),
    `└${'─'.repeat(inner)}┘`,
  ];
}

/** Boxes side by side, and below them each of their networks with its cables. */
function drawBand(band: readonly NodeBox[], plan: AddressPlan): string {
  const starts: number[] = [];
  let start = 0;
  for (const { lines } of band) {
    starts.push(start);
    start += widthOf(lines) + NODE_GAP;
  }
  const cables = band.flatMap((box, at) =>
    box.cables.map((network, index) => ({ network, column: (starts[at] ?? 0) + cableAt(index) })),
  );
  const endsOf = (network: string) =>
    cables.filter((cable) => cable.network === network).map(({ column }) => column);
  // The one that reaches furthest to the right comes first: so no cable runs through a name.
  const networks = [...new Set(cables.map(({ network }) => network))].sort(
    (a, b) => Math.max(...endsOf(b)) - Math.max(...endsOf(a)),
  );
  const canvas = sideBySide(
    band.map(({ lines }) => lines),
    NODE_GAP,
  ).map((line) => [...line]);
  for (const [index, network] of networks.entries()) {
    const passing = networks.slice(index + 1).flatMap(endsOf);
    canvas.push(verticals([...endsOf(network), ...passing]));
    canvas.push(drawNetwork(`${network} ${plan.networks[network]}`, endsOf(network), passing));
  }
  return canvas.map((line) => line.join('').trimEnd()).join('\n');
}

function verticals(columns: readonly number[]): string[] {
  const line: string[] = [];
  for (const column of columns) put(line, column, '│');
  return line;
}

/** A line that joins the cables that end here; those of networks further down pass it. */
function drawNetwork(label: string, ends: readonly number[], passing: readonly number[]): string[] {
  const first = Math.min(...ends);
  const last = Math.max(...ends);
  const line: string[] = [];
  put(line, first, `└${'─'.repeat(last - first)}`);
  for (const end of ends) if (end > first) put(line, end, end === last ? '┘' : '┴');
  for (const column of passing) put(line, column, '│');
  const marks = [...ends, ...passing]
    .filter((column) => column >= first && column <= last)
    .sort((a, b) => a - b);
  const stretch = marks.find((from, index) => (marks[index + 1] ?? from) - from >= label.length + 6);
  if (stretch === undefined) put(line, last + 1, first === last ? `── ${label}` : ` ${label}`);
  else put(line, stretch + 3, ` ${label} `);
  return line;
}

function put(line: string[], at: number, text: string): void {
  while (line.length < at) line.push(' ');
  for (const [offset, character] of [...text].entries()) line[at + offset] = character;
}

/** As many in each row as fit, at least one. */
function inRows<T>(items: readonly T[], width: (item: T) => number, gap: number, columns: number): T[][] {
  const rows: T[][] = [];
  let used = 0;
  for (const item of items) {
    const row = rows.at(-1);
    if (row && used + gap + width(item) <= columns) {
      row.push(item);
      used += gap + width(item);
    } else {
      rows.push([item]);
      used = width(item);
    }
  }
  return rows;
}

/** Puts blocks of lines beside each other, aligned at their lower edges, where the cables leave. */
function sideBySide(blocks: readonly (readonly string[])[], gap: number): string[] {
  const height = Math.max(0, ...blocks.map((lines) => lines.length));
  return Array.from({ length: height }, (_, row) =>
    blocks
      .map((lines) => (lines[row - (height - lines.length)] ?? '').padEnd(widthOf(lines)))
      .join(' '.repeat(gap)),
  );
}

function widthOf(lines: readonly string[]): number {
  return Math.max(0, ...lines.map((line) => [...line].length));
}
