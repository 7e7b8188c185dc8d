/** Why a Service does not do what it should: from what a client saw to the rule, setting or flow behind it. */
import { forgetUnresolvedNeighbours } from '../probes/kernel-state.ts';
import type { OutcomeKind } from '../probes/reach.ts';
import { portsOf } from '../probes/sample.ts';
import type { ServiceAsked, ServiceSymptom } from '../probes/service-symptom.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import { dropperIn, rewriterIn, type SentAgain, sendAgain } from './find-in-filters.ts';
import { explainNoRoute } from './find-no-route.ts';
import { findServiceSilence } from './find-service-silence.ts';
import { callsToMeetAll, sampleAgain } from './sample-again.ts';
import { addressesOf, serviceOf } from './service-flows.ts';
import { describeListed, dice, readRules, ruleTranslatingTo, targetsIn } from './service-rules.ts';
import { describeRule, rewriting } from './trace-rules.ts';

type Found = NamedCause | null;

export async function explainService(evidence: Evidence, symptom: ServiceSymptom): Promise<Found> {
  const { wrong, from, address } = symptom;
  const node = nodeOf(from);
  switch (wrong.what) {
    case 'owned':
      return cause('cluster-ip-owned', from, `${wrong.owner}; ${address} is a ClusterIP, which nobody has`);
    case 'stale-flow':
      return cause(
        'stale-conntrack',
        node,
        `the table of connections of ${node.node} sends what comes from ${wrong.client} to ${wrong.endpoint}, which is no endpoint of ${symptom.service}`,
      );
    case 'stranger':
      return explainStranger(evidence, symptom, wrong.at);
    case 'other-target':
      return explainOtherTarget(evidence, symptom, wrong.at);
    case 'other-port':
      return explainTooWide(evidence, symptom, wrong.at);
    case 'uneven':
      return explainUneven(evidence, symptom, wrong.shares);
    case 'client-changed':
      return rewriterIn(await askAgain(evidence, symptom, [wrong.server]), 'snat');
    case 'not-refused':
      return explainNotRefused(evidence, symptom, wrong.outcome);
    case 'unanswered':
      return findServiceSilence(evidence, symptom, wrong.outcome);
    case 'moved':
      return null;
  }
}

export async function explainStranger(evidence: Evidence, asked: ServiceAsked, at: string): Promise<Found> {
  const node = nodeOf(asked.from);
  const wide = await findTakenByPort(evidence, asked, at);
  if (wide) return wide;
  const rule = ruleTranslatingTo(await readRules(evidence, node), at);
  const what = rule ? describeListed(rule) : 'a rule';
  const { endpoints } = serviceOf(evidence, asked);
  const behind = endpoints.length > 0 ? endpoints.join(', ') : 'nobody';
  const text = `${what} on ${node.node} sends ${describePort(asked)} to ${at}; behind ${asked.service} is ${behind}`;
  return cause('stale-endpoint', node, text);
}

/**
 * A rule of another Service that names no address takes whatever has its port. The rules that took the packet say so:
 * on the way to the translation none of them looked at the destination.
 */
async function findTakenByPort(evidence: Evidence, asked: ServiceAsked, at: string): Promise<Found> {
  const { plan } = evidence.testbed;
  const others = Object.entries(plan.services).filter(([name]) => name !== asked.service);
  const [other] =
    others.find(([, { endpoints, ports }]) =>
      endpoints.some((pod) =>
        ports.some(({ targetPort }) => `${plan.pods[pod]?.address}:${targetPort}` === at),
      ),
    ) ?? [];
  if (!other) return null;
  const node = nodeOf(asked.from);
  const { rules } = await askAgain(evidence, asked, []);
  const met = rules.find(([host]) => hostName(host) === hostName(node))?.[1] ?? [];
  const end = met.findIndex((rule) => rewriting([rule], 'dnat').length > 0);
  const way = met.slice(0, end + 1);
  if (way.length === 0 || way.some(({ rule }) => LOOKS_AT_DESTINATION.test(rule))) return null;
  const taker = way.find(({ rule, verdict }) => /\bdport\b/.test(rule) && verdict !== 'continue') ?? way[0];
  const what = taker ? describeRule(taker) : 'a rule';
  const text = `${node.node} sends ${describePort(asked)} to ${at}, an endpoint of ${other}: ${what} names no address, so it takes what is for others too`;
  return cause('rule-too-wide', node, text);
}

/** An address, a map or a set: the last two may hold addresses that the rule does not show. */
const LOOKS_AT_DESTINATION = /\bdaddr\b|\bv?map\b|match-set|\bset\b.*\bdst\b|@/;

export async function explainOtherTarget(
  evidence: Evidence,
  asked: ServiceAsked,
  at: string,
): Promise<Found> {
  const node = nodeOf(asked.from);
  const rule = ruleTranslatingTo(await readRules(evidence, node), at);
  const what = rule ? describeListed(rule) : 'a rule';
  const text = `${what} on ${node.node} sends ${describePort(asked)} to ${at}; the target port of ${asked.service} is ${asked.port.targetPort}`;
  return cause('wrong-target-port', node, text);
}

/** A rule that was met and translates to another port or address than it should. */
export async function findWrongTarget(
  evidence: Evidence,
  asked: ServiceAsked,
  seen: SentAgain,
): Promise<Found> {
  const endpoints = addressesOf(evidence, serviceOf(evidence, asked));
  for (const { rule } of seen.rules.flatMap(([, met]) => met)) {
    for (const [address, port] of targetsIn(rule)) {
      const at = `${address}:${port ?? asked.port.port}`;
      if (!endpoints.has(address)) return explainStranger(evidence, asked, at);
      if ((port ?? asked.port.port) !== asked.port.targetPort) return explainOtherTarget(evidence, asked, at);
    }
  }
  return null;
}

async function explainTooWide(evidence: Evidence, asked: ServiceAsked, at: string): Promise<Found> {
  const node = nodeOf(asked.from);
  const named = (await readRules(evidence, node)).find(({ rule }) => rule.includes(asked.address));
  const what = named ? describeListed(named) : 'a rule';
  const text = `${node.node} sends ${describePort(asked)} to ${at}, though ${asked.service} has no such port: ${what} is too wide`;
  return cause('rule-too-wide', node, text);
}

async function explainUneven(
  evidence: Evidence,
  asked: ServiceAsked,
  shares: readonly (readonly [string, number])[],
): Promise<Found> {
  const node = nodeOf(asked.from);
  const all = shares.reduce((sum, [, count]) => sum + count, 0);
  const missing = shares.filter(([, count]) => count === 0).map(([name]) => name);
  if (missing.length > 0) {
    const astray = await findWrongTarget(evidence, asked, await askAgain(evidence, asked, missing));
    if (astray) return astray;
    const text = `${node.node} sends none of ${all} connections to ${describePort(asked)} to ${missing.join(', ')}`;
    return cause('endpoint-missing', node, text);
  }
  const percent = shares.map(([name, count]) => `${name} ${Math.round((100 * count) / all)} %`).join(', ');
  const rules = await readRules(evidence, node);
  const known = addressesOf(evidence, serviceOf(evidence, asked));
  const isTarget = ([address, port]: readonly [string, number | null]) =>
    known.has(address) && port === asked.port.targetPort;
  const leading = new Set(
    rules.flatMap(({ chain, rule }) => (targetsIn(rule).some(isTarget) ? [chain] : [])),
  );
  const chains = new Set(rules.filter(({ rule }) => leadsTo(rule, leading)).map(({ chain }) => chain));
  const own = [...leading, ...chains].flatMap((chain) => dice(rules, chain) ?? []);
  const because = own.length > 0 ? ` (${[...new Set(own)].join('; ')})` : '';
  return cause('skewed-probability', node, `${node.node} gives ${percent} of ${all} connections${because}`);
}

function leadsTo(rule: string, chains: ReadonlySet<string>): boolean {
  const target = /\b(?:jump|goto) (\S+)/.exec(rule)?.[1];
  return target !== undefined && chains.has(target);
}

async function explainNotRefused(
  evidence: Evidence,
  asked: ServiceAsked,
  outcome: OutcomeKind,
): Promise<Found> {
  const { from, address } = asked;
  const node = nodeOf(from);
  const route = await evidence.route(from, address);
  if (route.kind === 'none') {
    return explainNoRoute(evidence, from, await evidence.interfaces(from), address, route.error);
  }
  const seen = await askAgain(evidence, asked, []);
  const rejected = seen.rules.flatMap(([, met]) => met).some(({ rule }) => /\breject\b/i.test(rule));
  // Refused, but the message that says so does not arrive.
  const lost = rejected && outcome === 'timeout' ? await findDroppedRefusal(evidence, asked) : null;
  const dropper = rejected ? lost : dropperIn(seen);
  if (dropper) return dropper;
  const hook = from.pod ? 'what its pods send (FORWARD)' : 'what it sends itself (OUTPUT)';
  const rules = await readRules(evidence, node);
  const stands = rules.find(({ rule }) => /\breject\b/i.test(rule) && rule.includes(address));
  const text = rejected
    ? `${node.node} rejects packets to ${describePort(asked)} with another message than "port unreachable" or a TCP reset`
    : stands
      ? `${describeListed(stands)} on ${node.node} refuses ${describePort(asked)}, and ${hook} never comes to it: an earlier rule lets it pass`
      : `no rule on ${node.node} refuses ${hook} to ${describePort(asked)}`;
  return cause('no-reject', node, text);
}

async function findDroppedRefusal(evidence: Evidence, asked: ServiceAsked): Promise<Found> {
  const { from, address, port } = asked;
  const own = (await evidence.interfaces(from)).flatMap(({ addresses }) => addresses);
  const question = { protocol: port.protocol === 'TCP' ? 'tcp' : 'udp', address, port: port.port } as const;
  const seen = await sendAgain(
    evidence,
    [nodeOf(from), from],
    { addresses: own.map(({ address: each }) => each) },
    async () =>
      portsOf(await sampleAgain(evidence.testbed, from, { ...question, count: 1, timeoutMs: PATIENCE_MS })),
  );
  const others = seen.rules.map(
    ([host, met]) => [host, met.filter(({ rule }) => !/\breject\b/i.test(rule))] as const,
  );
  return dropperIn({ rules: others, dropped: seen.dropped });
}

const PATIENCE_MS = 250;

/** Asks again while the rules are traced, in the client's place, on its node, and where the given endpoints are. */
export async function askAgain(
  evidence: Evidence,
  asked: ServiceAsked,
  endpoints: readonly string[],
): Promise<SentAgain> {
  const { testbed } = evidence;
  const { from, address, port } = asked;
  const protocol = port.protocol === 'TCP' ? 'tcp' : 'udp';
  const receivers = endpoints.map((name) => testbed.host(`pod/${name}`));
  const all = [from, nodeOf(from), ...receivers.map(nodeOf), ...receivers];
  const hosts = all.filter(
    (host, index) => all.findIndex((other) => hostName(other) === hostName(host)) === index,
  );
  const addresses = [address, ...endpoints.flatMap((name) => testbed.plan.pods[name]?.address ?? [])];
  const count = endpoints.length > 0 ? callsToMeetAll(serviceOf(evidence, asked).endpoints.length) : 1;
  return sendAgain(evidence, hosts, { addresses, protocol }, async () => {
    // Whoever waits for an answer by ARP sends nothing.
    await forgetUnresolvedNeighbours(testbed, from);
    return portsOf(
      await sampleAgain(testbed, from, { protocol, address, port: port.port, count, timeoutMs: PATIENCE_MS }),
    );
  });
}

/** `10.96.0.20:80/TCP`. */
export function describePort({ address, port }: ServiceAsked): string {
  return `${address}:${port.port}/${port.protocol}`;
}

export function nodeOf({ node }: Host): Host {
  return { node, pod: '' };
}
