/** The one sentence that says how a walk ended. */
import { describeOutcome } from '../../probes/reach.ts';
import type { Loss, PacketWalk, Walk } from './walk.ts';

export function tellWalk(walk: Omit<Walk, 'sentence'>): string {
  const lost = walk.tally.filter(({ answered }) => !answered).reduce((sum, { count }) => sum + count, 0);
  const share = lost > 0 ? `${lost} of ${walk.request.count} probes get no answer. ` : '';
  return `${share}${tellOne(walk)}`;
}

function tellOne(walk: Omit<Walk, 'sentence'>): string {
  const { request, packets, loss, outcome, hosts } = walk;
  const to = targetText(walk);
  const probe = { tcp: 'a TCP connection', udp: 'a datagram', icmp: 'a ping' }[request.protocol];
  if (!loss) {
    // A pod that asks a node port of another node may be the backend itself: then the way ends where it began.
    const end = packets.find(({ role }) => role === 'request')?.stops.at(-1)?.host;
    const through = hosts.filter((host) => host !== request.from && host !== end);
    const by = through.length > 0 ? `, through ${listOf(through)}` : '';
    const otherwise = walk.deviations.map(({ text }) => ` But ${text}.`).join('');
    return `Arrived: ${probe} from ${request.from} reaches ${to}${by}, and the answer comes back.${otherwise}`;
  }
  const [first, second] = loss.causes;
  const why = first && first.id !== 'unknown' ? first.text : 'no reason is proven';
  const also = second ? ` (or: ${second.text})` : '';
  const asksForName = !packets.some(({ role }) => role === 'request');
  if (
    first?.id === 'no-resolver' ||
    (asksForName && packets.some(({ role, arrived }) => role === 'response' && arrived))
  )
    // biome-ignore format: one condition
    return `Not found: ${request.to} has no address for ${request.from}: ${why}.`;
  if (
    outcome === 'refused' &&
    packets.some(({ role, arrived }) => (role === 'reply' || role === 'error') && arrived)
  ) {
    return `Refused: ${probe} from ${request.from} to ${to} is turned away in ${loss.where}: ${why}${also}.`;
  }
  const lost = packets[loss.packet];
  if (!lost || lost.stops.length === 0) {
    return `Not sent: ${probe} from ${request.from} to ${to} never leaves ${request.from}: ${why}${also}.`;
  }
  const what = `the ${roleText(lost)} ${lost.role === 'request' ? `from ${request.from} to ${to}` : `of ${to} to ${request.from}`}`;
  if (lost.arrived && lost.role === 'reply')
    return `Not taken: ${what} comes back, and ${loss.where} does not take it: ${why}${also}.`;
  if (lost.arrived)
    return `Unanswered: ${what} is there, and ${loss.where} does not answer it: ${why}${also}.`;
  return `Lost in ${loss.where}: ${what} ${placeOf(loss)} and goes no further: ${why}${also} (${describeOutcome(request.protocol, { kind: outcome, client: null, ttl: null })}).`;
}

function placeOf({ lastStop }: Loss): string {
  if (!lastStop) return 'is seen nowhere';
  return lastStop.direction === 'in'
    ? `comes in by ${lastStop.interface} of ${lastStop.host}`
    : `leaves by ${lastStop.interface} of ${lastStop.host}`;
}

function roleText({ role }: PacketWalk): string {
  return role === 'error' ? 'ICMP error' : role === 'data' ? 'data' : role;
}

function targetText({ request, packets }: Omit<Walk, 'sentence'>): string {
  const port = request.port === 0 ? '' : `:${request.port}`;
  const address = `${request.address}${port}`;
  const end = packets.find(({ role, arrived }) => role === 'request' && arrived)?.stops.at(-1)?.host;
  const named = request.to.replace(/:\d+$/, '');
  const where = end && end !== request.target && end !== named ? `, which is ${end} this time` : '';
  return named === request.address ? `${address}${where}` : `${named} at ${address}${where}`;
}

export function listOf(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
