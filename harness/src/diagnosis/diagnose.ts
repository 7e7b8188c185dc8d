/** From a symptom to its cause: which finders are asked, in which order. */
import { setTimeout as delay } from 'node:timers/promises';
import { UsageError } from '../errors.ts';
import type { NamedCause, Symptom } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { cause, Evidence } from './evidence.ts';
import {
  explainAddedPod,
  explainFdb,
  explainNeighbour,
  explainNoBridge,
  explainRouted,
  findSmallMtu,
} from './explain-on-bridge.ts';
import { findAtNodePort } from './find-at-node-port.ts';
import { explainBetweenNodes, findSilenceBetween, findSmallMtuBetween } from './find-between-nodes.ts';
import { explainSeenAs, findSilenceOutside, isOutside } from './find-egress.ts';
import { findInContainers } from './find-in-containers.ts';
import { findInDns } from './find-in-dns.ts';
import { findDropper, findRewriter, type Resent } from './find-in-filters.ts';
import { findInNodeService } from './find-in-node-service.ts';
import { findInPod } from './find-in-pod.ts';
import { findOnPath } from './find-on-path.ts';
import { explainService } from './find-service.ts';
import { orWithoutNamespace } from './find-without-namespace.ts';
import { probeOfSymptom } from './walk/probe-of-symptom.ts';
import type { WalkRequest } from './walk/walk.ts';
import { walkPacket } from './walk/walk-packet.ts';

/** Is given work that goes on for a moment and that nobody has to wait for but at the end. */
export type Unfinished = (work: Promise<unknown>) => void;

/** The cause of a symptom; `unknown`, with the last hop, where none is proven. */
export async function diagnose(
  testbed: Testbed,
  symptom: Symptom,
  unfinished: Unfinished,
): Promise<NamedCause> {
  // Whose check has failed has waited for it already; other checks still ask meanwhile.
  const hurried = testbed.ahead();
  const evidence = new Evidence(hurried);
  const probe = probeOfSymptom(testbed.plan, symptom);
  const finding = orWithoutNamespace(evidence, symptom, () => findCause(evidence, symptom));
  const late = new AbortController();
  const walking = probe ? walkWhenLate(hurried, probe, { finding, unfinished, signal: late.signal }) : null;
  // What goes wrong in it counts only where it is asked for its answer.
  walking?.catch(() => {});
  try {
    const found = await finding;
    if (found) return found;
    const walked = await walking;
    if (walked === 'arrived') return unexplained(symptom, 'the same packet, sent once more, arrives');
    return walked ?? unexplained(symptom, 'nothing that was looked at explains it');
  } finally {
    late.abort();
    if (walking) unfinished(walking);
  }
}

/**
 * What the finders cannot explain is followed by a walk. Where they take long, they most often come to nothing: then it
 * begins beside them, so that both together end in time; one at a time, or they would all wait for one another.
 */
async function walkWhenLate(
  testbed: Testbed,
  probe: WalkRequest,
  { finding, unfinished, signal }: LateOptions,
): Promise<NamedCause | 'arrived' | null> {
  const isLate = delay(LATE_MS, 'late' as const, { signal }).catch(() => null);
  const failed = () => 'failed' as const;
  const found = await Promise.race([finding.catch(failed), isLate]);
  if (found === 'late' && !walkedBeside.has(testbed)) {
    walkedBeside.add(testbed);
    try {
      return await walkToLoss(testbed, probe, unfinished, signal);
    } finally {
      walkedBeside.delete(testbed);
    }
  }
  return (await finding.catch(failed)) === null ? walkToLoss(testbed, probe, unfinished, signal) : null;
}

/** Testbeds in which a walk has begun beside finders, and not ended. */
const walkedBeside = new WeakSet<Testbed>();

interface LateOptions {
  readonly finding: Promise<NamedCause | null>;
  readonly unfinished: Unfinished;
  /** Calls off the walk when its answer is not wanted any more. */
  readonly signal: AbortSignal;
}

/** The finders that find something are most often done by then; a walk takes as long again. */
const LATE_MS = 800;

/** What is said where no cause is proven. */
export function unexplained(symptom: Symptom, why: string): NamedCause {
  return cause('unknown', subjectOf(symptom), why);
}

/** Nothing that was read explains it: the packet is sent once more and followed to where it is lost. */
async function walkToLoss(
  testbed: Testbed,
  probe: WalkRequest,
  unfinished: Unfinished,
  signal: AbortSignal,
): Promise<NamedCause | 'arrived' | null> {
  try {
    const options = { patienceMs: WALK_PATIENCE_MS, forDiagnosis: true, unfinished, signal };
    const { arrived, loss } = await walkPacket(testbed, probe, options);
    return arrived ? 'arrived' : (loss?.causes[0] ?? null);
  } catch (error) {
    // A target without an address can be followed nowhere.
    if (error instanceof UsageError) return null;
    throw error;
  }
}

/** A diagnosis has a second and a half. */
const WALK_PATIENCE_MS = 300;

/** The same, but null where no cause is proven: cheap enough to ask while a probe still waits. */
export function findProvenCause(testbed: Testbed, symptom: Symptom): Promise<NamedCause | null> {
  const evidence = new Evidence(testbed);
  return orWithoutNamespace(evidence, symptom, () => findCause(evidence, symptom));
}

async function findCause(evidence: Evidence, symptom: Symptom): Promise<NamedCause | null> {
  switch (symptom.kind) {
    case 'no-namespace':
      return cause(
        'no-namespace',
        symptom.host,
        `there is no network namespace /run/netns/${symptom.host.pod} in ${symptom.host.node}`,
      );
    case 'node-namespace':
    case 'loopback-silent':
    case 'no-cable':
    case 'cable-down':
    case 'not-as-planned':
    case 'no-way-out':
      return findInPod(evidence, symptom);
    case 'no-pause':
    case 'no-container':
    case 'port-taken':
    case 'localhost-refused':
    case 'port-shared':
    case 'shared-files':
    case 'wrong-hostname':
    case 'not-restarted':
      return findInContainers(evidence, symptom);
    case 'no-address':
      return explainNoAddress(evidence, symptom.host);
    case 'address-outside':
      return cause(
        'address-outside-cidr',
        symptom.host,
        `${hostName(symptom.host)} has ${symptom.address}, which is not in ${symptom.cidr}`,
      );
    case 'address-reserved':
      return cause(
        'address-reserved',
        symptom.host,
        `${hostName(symptom.host)} has ${symptom.address}: that is ${symptom.role}`,
      );
    case 'address-twice': {
      const text = `${symptom.hosts.map(hostName).join(' and ')} both have ${symptom.address}`;
      return cause('duplicate-address', symptom.hosts.at(-1) ?? { node: '', pod: '' }, text);
    }
    case 'no-answer':
      return explainSilence(evidence, symptom.from, symptom.to, symptom.address, symptom);
    case 'source-changed':
      return findRewriter(evidence, symptom.from, symptom.to, symptom.address, resentOf(symptom));
    case 'seen-as':
      return explainSeenAs(evidence, symptom);
    case 'routed':
      return explainRouted(evidence, symptom);
    case 'neighbour-wrong':
      return explainNeighbour(evidence, symptom);
    case 'fdb-missing':
      return explainFdb(evidence, symptom);
    case 'no-bridge':
      return explainNoBridge(evidence, symptom.host);
    case 'packet-too-big':
      if (symptom.from.node !== symptom.to.node) return explainTooBigBetween(evidence, symptom);
      return (
        (await findSmallMtu(evidence, symptom)) ??
        explainSilence(evidence, symptom.from, symptom.to, symptom.address, {
          protocol: 'udp',
          port: symptom.port,
          size: symptom.size,
        })
      );
    case 'between-nodes':
      return explainBetweenNodes(evidence, symptom);
    case 'service':
      return explainService(evidence, symptom);
    case 'dns-silent':
    case 'dns-record':
    case 'dns-upstream':
    case 'dns-alias':
    case 'resolver-file':
      return findInDns(evidence, symptom, (other) => findCause(evidence, other));
    case 'added-pod':
      return explainAddedPod(evidence, symptom);
    case 'node-port':
      return findAtNodePort(evidence, symptom);
    case 'server-gone':
    case 'loopback-open':
    case 'health-check':
      return findInNodeService(evidence, symptom);
  }
}

async function explainSilence(
  evidence: Evidence,
  from: Host,
  to: Host,
  address: string,
  resent: Resent,
): Promise<NamedCause | null> {
  if (isOutside(evidence, to)) return findSilenceOutside(evidence, from, to, address, resentOf(resent));
  if (from.node !== to.node) return findSilenceBetween(evidence, from, to, address);
  return (
    (await findOnPath(evidence, from, to, address)) ??
    (resent.protocol === 'icmp' ? await findEchoIgnored(evidence, to) : null) ??
    findDropper(evidence, from, to, address, resentOf(resent))
  );
}

/** Without the rest of a symptom: what is sent again. */
function resentOf({ protocol, port = 0, size = 0, requests }: Resent): Resent {
  return { protocol, port, size, ...(requests === undefined ? {} : { requests }) };
}

async function findEchoIgnored(evidence: Evidence, host: Host): Promise<NamedCause | null> {
  if ((await evidence.setting(host, 'net/ipv4/icmp_echo_ignore_all')) !== '1') return null;
  const text = `net.ipv4.icmp_echo_ignore_all is 1 in ${hostName(host)}: it answers no ping`;
  return cause('echo-ignored', host, text);
}

async function explainTooBigBetween(
  evidence: Evidence,
  symptom: Symptom & { kind: 'packet-too-big' },
): Promise<NamedCause | null> {
  const { from, to, address, size } = symptom;
  const small = await findSmallMtuBetween(evidence, from, to, address, size);
  return small ?? findSilenceBetween(evidence, from, to, address);
}

async function explainNoAddress(evidence: Evidence, host: Host): Promise<NamedCause> {
  const interfaces = await evidence.interfaces(host);
  if (interfaces.length > 0) {
    return cause(
      'no-address',
      host,
      `${interfaces.map(({ name }) => name).join(', ')} in ${hostName(host)} has no IPv4 address`,
    );
  }
  return cause('no-interface', host, `${hostName(host)} has no interface but lo`);
}

function subjectOf(symptom: Symptom): Host {
  if ('host' in symptom) return symptom.host;
  if ('from' in symptom) return symptom.from;
  if ('to' in symptom) return symptom.to;
  if ('neighbour' in symptom) return symptom.neighbour;
  return symptom.hosts[0] ?? { node: '', pod: '' };
}
