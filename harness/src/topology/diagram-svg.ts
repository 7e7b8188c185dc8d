/** Draws a topology as SVG. Colours are CSS variables, so that a page's light and dark theme reach it. */
import {
  type DrawnPlan,
  FONT_SIZE,
  layoutTopology,
  type Room,
  type TopologyPicture,
} from './diagram-layout.ts';
import type { Topology } from './topology.ts';

export interface DrawSvgOptions {
  readonly room?: Room;
  /** With a style of its own, for a file that no page surrounds. */
  readonly standalone?: boolean;
}

const STYLE = `
.topology{--t-ink:#1c2430;--t-muted:#57606a;--t-node:#f6f8fa;--t-pod:#fff;--t-edge:#8c959f;--t-wire:#0b6bcb;background:#fff}
@media (prefers-color-scheme:dark){.topology{--t-ink:#e6edf3;--t-muted:#9aa7b4;--t-node:#161b22;--t-pod:#0d1117;--t-edge:#545d68;--t-wire:#58a6ff;background:#0d1117}}
.t-node rect{fill:var(--t-node);stroke:var(--t-edge)}.t-pod rect{fill:var(--t-pod);stroke:var(--t-edge)}
.t-planned rect{stroke-dasharray:4 3}.t-name{font-weight:600;fill:var(--t-ink)}.t-text{fill:var(--t-muted)}
.t-wire{stroke:var(--t-wire);stroke-width:2;fill:none}.t-port{fill:var(--t-wire)}`;

export function drawTopologySvg(topology: Topology, plan: DrawnPlan, options: DrawSvgOptions = {}): string {
  const picture = layoutTopology(topology, plan, options.room ?? 'wide');
  return pictureToSvg(picture, describeTopology(topology, plan), options);
}

export function pictureToSvg(picture: TopologyPicture, description: string, options: DrawSvgOptions): string {
  const { width, height } = picture;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" class="topology topology-${options.room ?? 'wide'}" role="img"` +
      ` viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"` +
      ` font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="${FONT_SIZE}">`,
    `<title>${quote(description)}</title>`,
    ...(options.standalone ? [`<style>${STYLE}</style>`] : []),
    '<g class="t-networks">',
    ...picture.networks.flatMap(({ id, x, top, bottom, label, labelAt }) => [
      `<g data-network="${quote(id)}">`,
      `<path class="t-wire" d="M${x} ${round(top)}V${round(bottom)}"/>`,
      text(labelAt.x, labelAt.y, label, 't-text'),
      '</g>',
    ]),
    ...picture.nodes.flatMap(({ ports }) =>
      ports.map(
        ({ id, at, joins }) =>
          `<g data-cable="${quote(id)}"><path class="t-wire" d="M${round(at.x)} ${round(at.y)}H${round(joins.x)}"/>` +
          `<circle class="t-port" cx="${round(joins.x)}" cy="${round(joins.y)}" r="3.5"/></g>`,
      ),
    ),
    '</g>',
    ...picture.nodes.flatMap(({ id, box, pods, ports, note }) => [
      `<g class="t-node" data-host="${quote(id)}">`,
      rect(box, 8),
      text(box.x + 12, box.y + 20, id, 't-name'),
      ...pods.flatMap((pod) => [
        `<g class="t-pod${pod.planned ? ' t-planned' : ''}" data-host="${quote(pod.id)}">`,
        rect(pod.box, 5),
        text(pod.box.x + 10, pod.box.y + 19, pod.title, 't-name'),
        text(pod.box.x + 10, pod.box.y + 36, pod.address, 't-text'),
        '</g>',
      ]),
      ...(note ? [text(note.at.x, note.at.y, note.text, 't-text', 'end')] : []),
      ...ports.flatMap(({ id: port, label, at, text: place, anchor }) => [
        `<g data-port="${quote(port)}"><circle class="t-port" cx="${round(at.x)}" cy="${round(at.y)}" r="4"/>`,
        text(place.x, place.y, label, 't-text', anchor),
        '</g>',
      ]),
      '</g>',
    ]),
    '</svg>',
  ];
  return parts.join('\n');
}

/** The picture in words, for whoever cannot see it. */
export function describeTopology(topology: Topology, plan: DrawnPlan): string {
  const nodes = Object.entries(topology.nodes).map(([name, { pods }]) => {
    const ports = Object.entries(plan.nodes[name]?.interfaces ?? {}).map(
      ([port, { network, address }]) => `${port} ${address} on ${network}`,
    );
    const inside = pods.map((pod) => `pod ${pod} (${plan.pods[pod]?.address})`);
    return [name, ports.join(', '), inside.join(', ')].filter((part) => part !== '').join(': ');
  });
  const networks = Object.entries(plan.networks).map(([name, cidr]) => `network ${name} ${cidr}`);
  return [...nodes, ...networks].join('; ');
}

function rect(
  { x, y, width, height }: { x: number; y: number; width: number; height: number },
  radius: number,
) {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="${radius}"/>`;
}

function text(x: number, y: number, content: string, name: string, anchor = 'start'): string {
  const where = anchor === 'start' ? '' : ` text-anchor="${anchor}"`;
  return `<text class="${name}" x="${round(x)}" y="${round(y)}"${where}>${quote(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function quote(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
