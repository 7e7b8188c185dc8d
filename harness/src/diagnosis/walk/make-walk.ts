/** Puts a walk together from what was seen: the request, its answer, or where one of them went missing. */

import type { Outcome } from '../../probes/reach.ts';
import { type Host, hostName } from '../../testbed/host.ts';
import type { Evidence } from '../evidence.ts';
import { explainMissing } from './explain-missing.ts';
import { explainArp, explainBeginning, explainBetween, isSameHost, type Knowledge } from './explain-steps.ts';
import { findDeviations } from './find-deviations.ts';
import { isArrival } from './find-loss.ts';
import type { Target } from './find-target.ts';
import { findAnswer, followPacket, identityOf, isIgnored, type Step, stepsOf } from './follow-packet.ts';
import type { Missing } from './missing.ts';
import type { ResolvedName } from './resolve-name.ts';
import { tellWalk } from './tell-walk.ts';
import { summarize, viewPacket } from './view-packet.ts';
import type { Happening, PacketRole, PacketWalk, Stop, Tally, Walk, WalkRequest } from './walk.ts';

/** A probe, and what its sender was told. */
export interface Sent {
  readonly sourcePort: number;
  readonly outcome: Outcome;
}

export interface Asked {
  readonly request: WalkRequest;
  readonly from: Host;
  readonly target: Target & { readonly port: number };
  readonly address: string | null;
  readonly sent: readonly Sent[];
  readonly named: ResolvedName | null;
  readonly startedMs: number;
  /** The finders of the checks have been asked already, and proved nothing. */
  readonly findersAsked: boolean;
  /** Whether a host of the plan is a pod that has no network namespace. */
  withoutNamespace(host: Host): boolean;
  resend: Missing['resend'];
}

const SILENCE: Outcome = { kind: 'timeout', client: null, ttl: null };
const NO_NAMESPACE: Outcome = { kind: 'no-namespace', client: null, ttl: null };

/** One packet's way, with its part in the exchange. */
export interface Followed {
  readonly role: PacketRole;
  readonly way: readonly Step[];
  readonly arrived: boolean;
}

export async function makeWalk(known: Knowledge, evidence: Evidence, asked: Asked): Promise<Walk> {
  const { request, from, target } = asked;
  const steps = stepsOf(known.sightings);
  const { named } = asked;
  const probe = asked.sent.find(({ outcome }) => outcome.kind !== 'answer') ?? asked.sent[0];
  const followed: Followed[] = [];
  const unresolved = named !== null && asked.address === null;
  if (named && named.server !== '') {
    followed.push(...follow(known, steps, from, 'udp', named.sourcePort, ['question', 'response']));
  }
  if (probe)
    followed.push(...follow(known, steps, from, target.protocol, probe.sourcePort, ['request', 'reply']));
  const nobody = asked.withoutNamespace(from) ? NO_NAMESPACE : SILENCE;
  const outcome = unresolved && named ? named.outcome : (probe?.outcome ?? nobody);
  if (outcome.kind !== 'answer' && target.protocol === 'tcp' && probe)
    followed.push(...followLostData(known, steps, from, probe, followed));

  // Nobody to ask, or no namespace to ask from: then nothing was sent at all.
  if (followed.length === 0) followed.push({ role: 'request', way: [], arrived: false });

  const startNs =
    followed.find(({ way }) => way.length > 0)?.way[0]?.sighting.atNs ?? known.sightings[0]?.atNs ?? 0n;
  const address = asked.address ?? named?.server ?? '';
  const packets = await Promise.all(
    followed.map((each) =>
      describe(known, each, startNs, each.role === 'request' ? { address, port: target.port } : null),
    ),
  );
  const missing = outcome.kind === 'answer' && !unresolved ? null : findMissing(followed, outcome);
  const loss =
    missing === null
      ? null
      : await explainMissing(known, evidence, asked, {
          outcome,
          followed,
          packets,
          index: missing,
          probe: probe ?? null,
        });
  const hosts = followed.flatMap(({ way }) => way.map(({ sighting }) => known.scene.nameOf(sighting.host)));
  const { identity } = known.testbed;
  const walked = {
    from: request.from,
    to: request.to,
    target: target.host ? hostName(target.host) : null,
    protocol: target.protocol,
    address,
    port: target.port,
    size: request.size ?? 0,
    count: request.count ?? 1,
  };
  const walk = {
    version: 1 as const,
    lab: identity.lab,
    seed: identity.seed,
    request: walked,
    arrived: loss === null,
    outcome: outcome.kind,
    packets,
    loss,
    deviations: loss === null ? findDeviations(known.testbed.plan, walked, packets) : [],
    tally: asked.sent.length > 1 ? tally(known, steps, asked) : [],
    hosts: [...new Set(hosts)],
    durationMs: Math.round(performance.now() - asked.startedMs),
  };
  return { ...walk, sentence: tellWalk(walk) };
}

/** A request and what answers it. */
function follow(
  known: Knowledge,
  steps: readonly Step[],
  from: Host,
  protocol: 'tcp' | 'udp' | 'icmp',
  sourcePort: number,
  [there, back]: readonly [PacketRole, PacketRole],
): Followed[] {
  const first = findFirst(known, steps, from, protocol, sourcePort);
  if (!first) return [{ role: there, way: [], arrived: false }];
  const way = followPacket(steps, first, known.scene.wiring);
  const answer = findAnswer(steps, way);
  const end = way.at(-1);
  const answered = answer?.role === 'reply';
  const arrived = answered || (end !== undefined && isArrival(known, end));
  const followed: Followed[] = [{ role: there, way, arrived }];
  if (answer) {
    const returned = followPacket(steps, answer.step, known.scene.wiring);
    const last = returned.at(-1);
    const home =
      last !== undefined && isSameHost(last.sighting.host, from) && last.sighting.direction === 'in';
    followed.push({
      role: answered ? back : 'error',
      way: returned,
      arrived: home && last !== undefined && !isIgnored(last, known.scene.wiring),
    });
  }
  return followed;
}

const PROTOCOL_NUMBERS = { icmp: 1, tcp: 6, udp: 17 } as const;

/** What the sender sent first from the port; where NAT changed the port at once, its rules' trace tells which it was. */
function findFirst(
  known: Knowledge,
  steps: readonly Step[],
  from: Host,
  protocol: 'tcp' | 'udp' | 'icmp',
  sourcePort: number,
): Step | null {
  const leaving = steps.filter(
    ({ sighting, packet }) =>
      sighting.direction === 'out' &&
      isSameHost(sighting.host, from) &&
      packet.protocol === PROTOCOL_NUMBERS[protocol],
  );
  const own = leaving.find(({ packet }) =>
    protocol === 'icmp'
      ? packet.icmp?.type === 8 && packet.icmp.id === sourcePort
      : packet.sourcePort === sourcePort,
  );
  if (own) return own;
  const traced = known.metIn(from).find(({ packet }) => packet?.sourcePort === sourcePort)?.packet;
  const byTrace =
    traced && traced.id !== 0 ? leaving.find(({ packet }) => packet.id === traced.id) : undefined;
  if (byTrace) return byTrace;
  // An answer that has been put back names the port; what it acknowledges is what was sent.
  const answered = steps.find(({ sighting, packet }) => isSameHost(sighting.host, from) && packet.destinationPort === sourcePort && packet.tcp?.flags === 'S.')?.packet.tcp?.acknowledgement; // biome-ignore format: one condition
  const byAnswer = leaving.find(({ packet }) => answered !== undefined && packet.tcp?.sequence === (answered + 2 ** 32 - 1) % 2 ** 32); // biome-ignore format: one condition
  if (byAnswer) return byAnswer;
  // Or else what this host, and nobody before it, began to send.
  const begun = leaving.filter(
    (step) =>
      (protocol !== 'tcp' || step.packet.tcp?.flags === 'S') &&
      steps.find(({ packet }) => identityOf(packet) === identityOf(step.packet)) === step &&
      known.scene.isOwn(from, step.packet.source),
  );
  return from.pod === '' && begun.length === 1 ? (begun[0] ?? null) : null;
}

/** The connection stood, and then something of it was lost: the first packet with data that did not come through. */
function followLostData(
  known: Knowledge,
  steps: readonly Step[],
  from: Host,
  { sourcePort }: Sent,
  followed: readonly Followed[],
): Followed[] {
  if (!followed.some(({ role, arrived }) => role === 'reply' && arrived)) return [];
  const server = followed.find(({ role }) => role === 'reply')?.way[0]?.sighting.host;
  const seen = new Set<string>();
  for (const step of steps) {
    const { packet, sighting } = step;
    if (!packet.tcp || packet.payloadLength === 0 || sighting.direction !== 'out') continue;
    const atClient = isSameHost(sighting.host, from) && packet.sourcePort === sourcePort;
    const atServer = server !== undefined && isSameHost(sighting.host, server);
    if ((!atClient && !atServer) || seen.has(identityOf(packet))) continue;
    seen.add(identityOf(packet));
    const way = followPacket(steps, step, known.scene.wiring);
    const end = way.at(-1);
    if (end && isArrival(known, end)) continue;
    const answer = findAnswer(steps, way);
    const error = answer?.role === 'error' ? followPacket(steps, answer.step, known.scene.wiring) : null;
    const lost: Followed = { role: 'data', way, arrived: false };
    const last = error?.at(-1);
    return error && last ? [lost, { role: 'error', way: error, arrived: isArrival(known, last) }] : [lost];
  }
  return [];
}

async function describe(
  known: Knowledge,
  { role, way, arrived }: Followed,
  startNs: bigint,
  asked: { address: string; port: number } | null,
): Promise<PacketWalk> {
  const [first] = way;
  if (!first) return { role, summary: '', begins: [], stops: [], arrived };
  const between = await Promise.all(
    way.slice(0, -1).map((step, index) => explainBetween(known, step, way[index + 1] as Step)),
  );
  const begins = await explainBeginning(known, first, asked);
  const stops = way.map((step, index) =>
    stopOf(known, step, startNs, between[index] ?? ending(known, step, role, arrived)),
  );
  return { role, summary: summarize(first.packet), begins, stops, arrived };
}

function ending(known: Knowledge, step: Step, role: PacketRole, arrived: boolean): Happening[] {
  const host = known.scene.nameOf(step.sighting.host);
  if (arrived) {
    const text =
      role === 'request' || role === 'question'
        ? `delivered: ${step.packet.destination} is an address of ${host}`
        : `delivered to its asker`;
    return [{ kind: 'delivered', host, text }];
  }
  return explainArp(known, step.sighting.host, step.sighting.atNs, 1n << 62n);
}

function stopOf(known: Knowledge, step: Step, startNs: bigint, then: readonly Happening[]): Stop {
  const { host, device, direction, atNs } = step.sighting;
  return {
    host: known.scene.nameOf(host),
    interface: device,
    direction,
    atUs: Number((atNs - startNs) / 1000n),
    packet: viewPacket(step),
    then,
  };
}

/** The packet to blame: the last one of the exchange that was not answered, or an answer that its asker did not take. */
function findMissing(followed: readonly Followed[], outcome: Outcome): number {
  const data = followed.findIndex(({ role }) => role === 'data');
  if (data >= 0) return data;
  const lostReply = followed.findIndex(
    ({ role, arrived }) => (role === 'reply' || role === 'response') && !arrived,
  );
  if (lostReply >= 0) return lostReply;
  const untaken = followed.findIndex(({ role }) => role === 'reply');
  if (untaken >= 0 && outcome.kind === 'timeout') return untaken;
  const request = followed.findLastIndex(({ role }) => role === 'request' || role === 'question');
  return Math.max(0, request);
}

/** Where each of many probes ended. */
function tally(known: Knowledge, steps: readonly Step[], { from, target, sent }: Asked): Tally[] {
  const ends = sent.map(({ sourcePort, outcome }) => {
    const [request] = follow(known, steps, from, target.protocol, sourcePort, ['request', 'reply']);
    const end = request?.way.at(-1);
    return {
      where: end ? known.scene.nameOf(end.sighting.host) : known.scene.nameOf(from),
      answered: outcome.kind === 'answer',
    };
  });
  const groups = Map.groupBy(ends, ({ where, answered }) => `${where} ${answered}`);
  return [...groups.values()].flatMap((group) => (group[0] ? [{ ...group[0], count: group.length }] : []));
}
