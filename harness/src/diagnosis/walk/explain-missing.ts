/** Why a packet of a walk went missing: who is asked about it, in which order, and how it is told. */
import type { Outcome } from '../../probes/reach.ts';
import type { NamedCause } from '../../probes/symptom.ts';
import type { Host } from '../../testbed/host.ts';
import { commandWords } from '../../testbed/identity.ts';
import { CAUSES, type CauseId } from '../causes.ts';
import { cause, type Evidence } from '../evidence.ts';
import { explainError, explainRefusal, explainStranger } from './explain-answer.ts';
import { explainName, explainServer } from './explain-name.ts';
import type { Knowledge } from './explain-steps.ts';
import { unansweredArp } from './find-arp-silence.ts';
import { findAtDnsServer, findAtTarget } from './find-at-target.ts';
import { findDroppingRule } from './find-dropping-rule.ts';
import { findLoss, isStray } from './find-loss.ts';
import { ownerIn } from './find-target.ts';
import type { Asked, Followed, Sent } from './make-walk.ts';
import { hostInHand, type Missing } from './missing.ts';
import { type Reading, readSymptom, type Unanswered } from './symptom-of-walk.ts';
import { summarize } from './view-packet.ts';
import type { Loss, PacketWalk } from './walk.ts';

/** What became of the exchange, and which of its packets is to blame. */
export interface Ending {
  readonly outcome: Outcome;
  readonly followed: readonly Followed[];
  readonly packets: readonly PacketWalk[];
  readonly index: number;
  /** Null where nothing was sent but the question for a name. */
  readonly probe: Sent | null;
}

export async function explainMissing(
  known: Knowledge,
  evidence: Evidence,
  asked: Asked,
  ending: Ending,
): Promise<Loss> {
  const { followed, packets, index } = ending;
  const lost = followed[index] ?? { role: 'request' as const, way: [], arrived: false };
  const missing = missingOf(asked, lost, ending);
  const error = followed.find(({ role }) => role === 'error');
  const host = lost.arrived || lost.way.length > 0 ? hostInHand(missing) : asked.from;
  const found = await findCauses(known, evidence, asked, ending, lost, missing);
  const causes = found.length > 0 ? found : [cause('unknown', host, lastSeen(known, lost))];
  const [first] = causes;
  return {
    packet: index,
    lastStop: packets[index]?.stops.at(-1) ?? null,
    where: known.scene.nameOf(host),
    causes,
    evidence: [lastSeen(known, lost), ...evidenceOf(known, host, error)],
    next: first ? nextCommand(first, known) : '',
  };
}

function missingOf(asked: Asked, lost: Followed, { probe }: Ending): Missing {
  const isAnswer = ['reply', 'response', 'data'].includes(lost.role);
  const { named, from, target, resend } = asked;
  const question = named !== null && asked.address === null;
  return {
    way: lost.way,
    sender: isAnswer ? (lost.way[0]?.sighting.host ?? from) : from,
    asker: from,
    sourcePort: question ? named.sourcePort : (probe?.sourcePort ?? 0),
    address: question ? named.server : (asked.address ?? ''),
    port: question ? DNS_PORT : target.port,
    protocol: question ? 'udp' : target.protocol,
    resend,
  };
}

const DNS_PORT = 53;

async function findCauses(
  known: Knowledge,
  evidence: Evidence,
  asked: Asked,
  { outcome, followed }: Ending,
  lost: Followed,
  missing: Missing,
): Promise<NamedCause[]> {
  const { named, from, target } = asked;
  for (const gone of [from, target.host]) {
    if (!gone || !asked.withoutNamespace(gone)) continue;
    const text = `there is no network namespace /run/netns/${gone.pod} in ${gone.node}`;
    return [cause('no-namespace', gone, text)];
  }
  const answer = lost.role === 'question' || lost.role === 'response' ? 'response' : 'reply';
  const answered = followed.find(({ role, arrived }) => role === answer && arrived);
  if (named && target.name !== null && (named.status !== '' || named.server === '')) {
    const name = await explainName(evidence, from, target.name, named);
    if (name) return [name];
  }
  const unanswered = unansweredOf(known, evidence, asked, missing, outcome);
  const stranger = named ? explainServer(evidence, from, named, unanswered.owner) : null;
  if (stranger) return [stranger];
  if (outcome.kind === 'too-big' && lost.way.length === 0) {
    const small = await findOwnMtu(known, evidence, missing, asked.request.size ?? 0);
    if (small) return [small];
  }
  const reading = readSymptom(evidence.testbed.plan, unanswered);
  if (reading?.kind === 'meant' && isSeenToBeMeant(reading, lost, outcome))
    return [cause(reading.id, reading.where, reading.text)];
  const dropped = findDroppingRule(known, missing);
  // A rule that dropped the packet is proof, unless the finders may know why it came to that rule.
  const proven =
    dropped !== null && !isStray(known, missing, dropped) && !(reading && knowsWhyItDrops(reading));
  const reached = lost.arrived && outcome.kind === 'refused' && reading === null;
  const atTarget = proven || reached || asked.findersAsked ? null : await findAtTarget(evidence, unanswered);
  if (atTarget) return [atTarget];
  const there = followed.findLast(
    ({ role, arrived }) => (role === 'request' || role === 'question') && arrived,
  );
  const server = there?.way.at(-1)?.sighting.host ?? null;
  const askServer = async () =>
    server && !dropped && !asked.findersAsked ? await findAtDnsServer(evidence, unanswered, server) : null;
  if (outcome.kind === 'refused' && answered) {
    const dns = await askServer();
    if (dns) return [dns];
    return dropped ? [dropped.cause] : explainRefusal(known, evidence, missing, lost);
  }
  if (answered && lost.role !== 'data') {
    const turnedAway = findDroppingRule(known, { ...missing, way: answered.way });
    if (turnedAway) return [turnedAway.cause];
    const request = followed.find(({ role }) => role === 'request');
    const strange = await explainStranger(known, evidence, asked, request, answered);
    const dns = strange.length === 0 ? await askServer() : null;
    return dns ? [dns] : strange;
  }
  const error = dropped ? undefined : followed.find(({ role }) => role === 'error');
  if (error) {
    const dns = outcome.kind === 'refused' ? await askServer() : null;
    const told = dns ? [dns] : await explainError(known, evidence, missing, error, lost);
    if (told.length > 0) return told;
  }
  const found = await findLoss(known, evidence, missing);
  if (found.length > 0) return found;
  const dns = await askServer();
  return dns ? [dns] : [];
}

/** That a node is silent on purpose is only true of what came to it. */
function isSeenToBeMeant(
  { where }: Reading & { kind: 'meant' },
  { way }: Followed,
  { kind }: Outcome,
): boolean {
  return kind !== 'timeout' || way.some(({ sighting }) => sighting.host.node === where.node);
}

function knowsWhyItDrops(reading: Reading): boolean {
  if (reading.kind !== 'symptom') return false;
  const { symptom } = reading;
  return symptom.kind === 'node-port' || (symptom.kind === 'service' && symptom.wrong.what === 'not-refused');
}

/** The probe, as a check would tell of it. */
function unansweredOf(
  known: Knowledge,
  evidence: Evidence,
  { from, request, sent, target }: Asked,
  { address, port, protocol }: Missing,
  outcome: Outcome,
): Unanswered {
  const owner = target.host ?? known.scene.ownersOf(address)[0] ?? ownerIn(evidence, address);
  const lost = sent.filter((each) => each.outcome.kind !== 'answer').length;
  return {
    from,
    address,
    port,
    protocol,
    size: request.size ?? 0,
    outcome,
    count: Math.max(lost, 1),
    asked: Math.max(sent.length, 1),
    owner,
  };
}

/** What is larger than the sender's own interface takes never leaves it. */
async function findOwnMtu(
  known: Knowledge,
  evidence: Evidence,
  { asker, address }: Missing,
  size: number,
): Promise<NamedCause | null> {
  const route = await evidence.route(asker, address);
  if (route.kind !== 'unicast') return null;
  const device = known.scene.interfaceOf(asker, route.device);
  const name = known.scene.nameOf(asker);
  if (device && device.mtu < size) {
    const text = `${device.name} in ${name} takes packets of ${device.mtu} bytes, this one has ${size}`;
    return cause('mtu-mismatch', asker, text);
  }
  const { stdout } = await evidence.testbed.probe(asker, ['ip', 'route', 'get', address]);
  const learned = Number(/\bmtu (\d+)/.exec(stdout)?.[1] ?? 0);
  if (learned === 0 || learned >= size) return null;
  const text = `${name} knows that the way to ${address} takes packets of ${learned} bytes, this one has ${size}`;
  return cause('mtu-mismatch', asker, text);
}

function lastSeen(known: Knowledge, { way, role }: Followed): string {
  const end = way.at(-1);
  if (!end) return `no ${role} was seen leaving its sender`;
  const { host, device, direction } = end.sighting;
  return `last seen: ${summarize(end.packet)}, ${direction === 'in' ? 'entering' : 'leaving'} by ${device} of ${known.scene.nameOf(host)}`;
}

function evidenceOf(known: Knowledge, host: Host, error: Followed | undefined): string[] {
  const asked = unansweredArp(known, host);
  const [first] = error?.way ?? [];
  return [
    ...(asked ? [`ARP on ${asked.device}: who has ${asked.address}? No answer.`] : []),
    ...(first ? [`${known.scene.nameOf(first.sighting.host)} says: ${summarize(first.packet)}`] : []),
  ];
}

function nextCommand({ id, where }: NamedCause, known: Knowledge): string {
  const look = CAUSES[id as CauseId]?.look ?? CAUSES.unknown.look;
  return `npx podwire sh ${commandWords(known.testbed.identity)} ${where} -- ${look}`;
}
