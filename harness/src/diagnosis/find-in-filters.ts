/** Finds the rule that drops or rewrites a probe, in any namespace it passes. */
import { forgetUnresolvedNeighbours } from '../probes/kernel-state.ts';
import { NO_PORTS, type ProbePorts, takePorts } from '../probes/probe-ports.ts';
import { ask, type Protocol } from '../probes/reach.ts';
import { portsOf } from '../probes/sample.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import { watchTrafficControl } from './find-in-traffic-control.ts';
import { readLegacyCounters, rulesThatCounted } from './legacy-rules.ts';
import type { TracedRule } from './parse-met-rules.ts';
import { ProbePackets } from './probe-packets.ts';
import { sampleAgain } from './sample-again.ts';
import { describeRule, dropping, rewriting, traceRules } from './trace-rules.ts';
import type { Traced } from './trace-table.ts';

/** Long enough for ARP and one echo on one machine, short enough for a diagnosis. */
const PROBE_MS = 250;
const PORT_NOBODY_HAS = 9;

/** What to send again: as exactly as it is known what got no answer. */
export interface Resent {
  readonly protocol: Protocol;
  readonly port?: number;
  readonly size?: number;
  /** Over one connection. */
  readonly requests?: number;
}

/** What was seen while a probe was sent again. */
export interface SentAgain {
  readonly rules: readonly (readonly [Host, readonly TracedRule[]])[];
  /** What traffic control dropped meanwhile. */
  readonly dropped: NamedCause | null;
  /** Which packets were its own. */
  readonly probe: ProbePackets;
}

/** What stops a probe that gets no answer: a rule that drops it, or one that sends the answer elsewhere. */
export async function findDropper(
  evidence: Evidence,
  from: Host,
  to: Host,
  address: string,
  resent?: Resent,
): Promise<NamedCause | null> {
  const seen = await probeAgain(evidence, from, to, address, resent);
  return dropperIn(seen) ?? rewriterIn(seen, 'dnat') ?? rewriterIn(seen, 'snat');
}

/** The rule that changes the source address of a probe. */
export async function findRewriter(
  evidence: Evidence,
  from: Host,
  to: Host,
  address: string,
  resent?: Resent,
): Promise<NamedCause | null> {
  const seen = await probeAgain(evidence, from, to, address, resent);
  return rewriterIn(seen, 'snat');
}

/** The rule that sets the TTL of a probe. */
export async function findTtlRewriter(
  evidence: Evidence,
  from: Host,
  to: Host,
  address: string,
): Promise<NamedCause | null> {
  const { rules } = await probeAgain(evidence, from, to, address, { protocol: 'udp' });
  for (const [host, met] of rules) {
    const first = met.find(({ rule }) => /\bttl set\b|-j TTL\b|\bTTL\b/.test(rule));
    if (first) return cause('ttl-rewritten', host, `${describeRule(first)} sets the TTL`);
  }
  return null;
}

export function dropperIn({ rules, dropped }: Pick<SentAgain, 'rules' | 'dropped'>): NamedCause | null {
  for (const [host, met] of rules) {
    const [first] = dropping(met);
    if (first) return cause('filter-drop', host, `${describeRule(first)} drops it`);
  }
  return dropped;
}

export function rewriterIn({ rules }: Pick<SentAgain, 'rules'>, side: 'snat' | 'dnat'): NamedCause | null {
  for (const [host, met] of rules) {
    const [first] = rewriting(met, side);
    if (!first) continue;
    return side === 'snat'
      ? cause('snat-on-pod-traffic', host, `${describeRule(first)} rewrites the source address`)
      : cause('dnat-on-pod-traffic', host, `${describeRule(first)} sends it elsewhere`);
  }
  return null;
}

/**
 * Sends once more, and returns the rules that the probe itself met, namespace by namespace.
 *
 * @param send returns the ports that it sent from
 */
export async function sendAgain(
  evidence: Evidence,
  hosts: readonly Host[],
  traced: Traced,
  send: () => Promise<ProbePorts>,
): Promise<SentAgain> {
  let dropped: NamedCause | null = null;
  // A rule that drops the probe ends the wait before `send` has returned.
  let ports = traced.ports ?? NO_PORTS;
  const legacyRules = new Map<Host, readonly TracedRule[]>();
  const watched = async () => {
    const readLegacy = () => Promise.all(hosts.map((host) => readLegacyCounters(evidence.testbed, host)));
    const [stop, before] = await Promise.all([watchTrafficControl(evidence, hosts), readLegacy()]);
    ports = await send();
    const [found, after] = await Promise.all([stop(), readLegacy()]);
    dropped = found;
    for (const [index, host] of hosts.entries()) {
      legacyRules.set(host, rulesThatCounted(before[index] ?? new Map(), after[index] ?? new Map()));
    }
  };
  const seen = await traceRules(evidence.testbed, hosts, traced, watched);
  const packets = seen.flatMap(([, met]) => met.flatMap(({ packet }) => packet ?? []));
  const probe = new ProbePackets(ports, packets);
  const rules = hosts.map((host) => {
    const [, met = []] = seen.find(([each]) => each === host) ?? [];
    // ARP is nobody's: what keeps it from passing keeps the probe.
    const own = met.filter(({ packet }) => packet === null || probe.has(packet));
    return [host, [...own, ...(legacyRules.get(host) ?? [])]] as const;
  });
  return { rules, dropped, probe };
}

/** The namespaces that a packet between two hosts of a node passes, in order. */
function namespacesBetween(from: Host, to: Host): Host[] {
  const hosts: Host[] = [from, { node: from.node, pod: '' }, { node: to.node, pod: '' }, to];
  return hosts.filter(
    (host, index) => hosts.findIndex((other) => hostName(other) === hostName(host)) === index,
  );
}

/** Sends what got no answer once more, from a port of its own; where it is not known what that was, one of each kind. */
function probeAgain(
  evidence: Evidence,
  from: Host,
  to: Host,
  address: string,
  resent: Resent | undefined,
): Promise<SentAgain> {
  const { testbed } = evidence;
  const ports = takePorts();
  const traced = { addresses: [address], protocol: resent?.protocol, ports };
  return sendAgain(evidence, namespacesBetween(from, to), traced, async () => {
    await forgetUnresolvedNeighbours(testbed, from);
    if (resent) return resend(evidence, from, address, resent, ports);
    const kinds = ['icmp', 'tcp', 'udp'] as const;
    await Promise.all(kinds.map((each) => resend(evidence, from, address, { protocol: each }, ports)));
    return ports;
  });
}

/** @returns the ports that it was sent from: the given ones, where one packet is enough. */
export async function resend(
  { testbed }: Evidence,
  from: Host,
  address: string,
  resent: Resent,
  ports: ProbePorts,
): Promise<ProbePorts> {
  const { protocol, port = PORT_NOBODY_HAS, size = 0, requests } = resent;
  const question = { address, port, timeoutMs: PROBE_MS };
  if (requests !== undefined && protocol !== 'icmp')
    return portsOf(await sampleAgain(testbed, from, { ...question, protocol, count: 1, requests }));
  // Of a connection without a size only the opening would be sent.
  const atLeast = protocol === 'tcp' ? Math.max(size, 1) : size;
  await ask(testbed, from, { ...question, protocol, size: atLeast, sourcePort: ports.first });
  return ports;
}
