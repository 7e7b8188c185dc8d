/** A packet's walk, drawn for a terminal: host by host, what it was at each interface and what happened between. */
import { CAUSES, type CauseId } from '../diagnosis/causes.ts';
import type { Happening, PacketView, PacketWalk, Stop, Walk } from '../diagnosis/walk/walk.ts';
import { clip, type Paint, wrap } from './board/text.ts';

const TITLES: Readonly<Record<PacketWalk['role'], string>> = {
  question: 'DNS question',
  response: 'DNS answer',
  request: 'Request',
  reply: 'Reply',
  error: 'ICMP error',
  data: 'Data that was lost',
};

export interface DrawOptions {
  readonly columns: number;
  readonly paint: Paint;
}

export function drawWalk(walk: Walk, { columns, paint }: DrawOptions): string[] {
  const width = Math.max(40, columns);
  const sentence = wrap(walk.sentence, width).map((line) =>
    paint(walk.arrived ? ['green', 'bold'] : ['red', 'bold'], line),
  );
  return [
    ...sentence,
    ...walk.packets.flatMap((packet, index) => [
      '',
      ...drawPacket(packet, walk.loss?.packet === index, width, paint),
    ]),
    ...drawLoss(walk, width, paint),
    ...drawTally(walk, paint),
  ];
}

function drawPacket(packet: PacketWalk, lost: boolean, width: number, paint: Paint): string[] {
  const title = paint('bold', TITLES[packet.role]);
  if (packet.stops.length === 0) return [`${title}  it never left`];
  const lines = [`${title}  ${clip(packet.summary, width - TITLES[packet.role].length - 2)}`];
  const note = (happenings: readonly Happening[]) =>
    happenings.flatMap(({ kind, text }) => {
      const format = kind === 'dnat' || kind === 'snat' ? 'yellow' : 'dim';
      return wrap(text, width - 9).map(
        (line, index) => `  │    ${index === 0 ? '· ' : '  '}${paint(format, line)}`,
      );
    });
  const [first] = packet.stops;
  lines.push(`  ╭─ ${paint('bold', first?.host ?? '')}`, ...note(packet.begins));
  const deviceWidth = Math.max(...packet.stops.map((stop) => stop.interface.length));
  for (const [index, stop] of packet.stops.entries()) {
    const before = packet.stops[index - 1];
    if (before && before.host !== stop.host) {
      const by = before.then.map(({ text }) => text).join('; ');
      lines.push(`  ╰─ ${paint('dim', clip(by, width - 5))}`, `  ╭─ ${paint('bold', stop.host)}`);
    }
    lines.push(drawStop(stop, before, { deviceWidth, width }, paint));
    const next = packet.stops[index + 1];
    if (!next || next.host === stop.host) lines.push(...note(stop.then));
  }
  const end = packet.arrived
    ? lost
      ? paint('red', '✘ not answered')
      : paint('green', '✔')
    : paint('red', '✘ lost');
  lines.push(`  ╰─ ${end}`);
  return lines;
}

function drawStop(
  stop: Stop,
  before: Stop | undefined,
  { deviceWidth, width }: { readonly deviceWidth: number; readonly width: number },
  paint: Paint,
): string {
  const where = `${stop.direction === 'out' ? 'out' : 'in '} ${stop.interface.padEnd(deviceWidth)}`;
  const at = `${stop.atUs} µs`.padStart(9);
  const changes = clip(changesOf(stop.packet, before?.packet), width - deviceWidth - 21);
  return `  │ ${paint('cyan', '↓')} ${where} ${paint('dim', at)}  ${changes}`.trimEnd();
}

/** Everything at the first stop; after it what is not as it was. */
function changesOf(packet: PacketView, before: PacketView | undefined): string {
  const ends = `${endOf(packet.source, packet.sourcePort)} > ${endOf(packet.destination, packet.destinationPort)}`;
  const endsBefore = before
    ? `${endOf(before.source, before.sourcePort)} > ${endOf(before.destination, before.destinationPort)}`
    : '';
  const { outer } = packet;
  const parts = [
    ...(before ? [] : [packet.what]),
    ...(outer
      ? [`[ VXLAN ${outer.source} > ${outer.destination}:${outer.port}  VNI ${outer.vni}  ttl ${outer.ttl} ]`]
      : []),
    ...(ends === endsBefore ? [] : [ends]),
    ...(packet.ttl === before?.ttl && !outer ? [] : [`ttl ${packet.ttl}`]),
    ...(packet.length === before?.length ? [] : [`${packet.length} bytes`]),
  ];
  return parts.join('  ');
}

function endOf(address: string, port: number | null): string {
  return port === null ? address : `${address}:${port}`;
}

function drawLoss({ loss }: Walk, width: number, paint: Paint): string[] {
  if (!loss) return [];
  const lines = [''];
  for (const [index, { id, where, text }] of loss.causes.entries()) {
    const label = index === 0 ? 'Why     ' : 'Or      ';
    lines.push(...indented(`${paint('bold', label)}  `, `${id} in ${where}: ${text}`, width));
  }
  for (const [index, line] of loss.evidence.entries())
    lines.push(...indented(`${paint('bold', index === 0 ? 'Evidence' : '        ')}  `, line, width));
  const [first] = loss.causes;
  const mend = first ? CAUSES[first.id as CauseId]?.mend : undefined;
  if (mend && first?.id !== 'unknown') lines.push(...indented(`${paint('bold', 'Mend    ')}  `, mend, width));
  lines.push(...indented(`${paint('bold', 'Look    ')}  `, loss.next, width));
  return lines;
}

function indented(head: string, text: string, width: number): string[] {
  return wrap(text, width - 10).map((line, index) => `${index === 0 ? head : ' '.repeat(10)}${line}`);
}

function drawTally({ tally }: Walk, paint: Paint): string[] {
  if (tally.length === 0) return [];
  const total = tally.reduce((sum, { count }) => sum + count, 0);
  return [
    '',
    paint('bold', `Of ${total} probes`),
    ...tally.map(
      ({ where, answered, count }) =>
        `  ${String(count).padStart(4)}  ${answered ? 'answered by' : 'lost in'} ${where}`,
    ),
  ];
}
