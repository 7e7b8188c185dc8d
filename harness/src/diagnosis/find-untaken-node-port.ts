/** Why no rule of a node takes what is for its node port: another number, another protocol, other senders, or none at all. */
import { isRedirected } from '../probes/conntrack.ts';
import { portsOf, sharesOf } from '../probes/sample.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import { sendAgain } from './find-in-filters.ts';
import { explainUntracked } from './find-service-untranslated.ts';
import { callAgain, type NodePortCall, outsiders, serviceOf } from './node-port-evidence.ts';
import type { TracedRule } from './parse-met-rules.ts';
import { sampleAgain } from './sample-again.ts';
import { describeListed, type ListedRule, leadingTo, readRules, translating } from './service-rules.ts';
import { describeRule } from './trace-rules.ts';

const PATIENCE_MS = 200;

/**
 * @param met the rules that the call met on the node that it called
 * @param tracked whether that node's table of connections has the call: it came to where it would have been translated
 */
export async function explainUntaken(
  evidence: Evidence,
  call: NodePortCall,
  met: readonly TracedRule[],
  tracked: boolean,
): Promise<NamedCause | null> {
  const { to, port, protocol, service } = call;
  const number = `${protocol.toUpperCase()} port ${port}`;
  const untracked = met.find(({ rule }) => /\bnotrack\b/.test(rule));
  if (untracked) return explainUntracked(to, untracked);
  const listed = await readRules(evidence, to);
  const found =
    (tracked ? findHookMissing(listed, call, met) : null) ??
    (await findOtherSenders(evidence, call)) ??
    (await findOtherProtocol(evidence, call)) ??
    (await findOtherNumber(evidence, call));
  // What was not seen to pass the rules may not have come to them.
  const passed = tracked && met.length > 0;
  if (found || (!passed && listed.some(({ rule }) => namesPort(rule, port)))) return found;
  const text = `no rule of ${to.node} takes what is for its ${number}, the node port of ${service}`;
  return cause('no-node-port', to, text);
}

/** The rules for the port are there, and lead on from one hook alone: the call passes another. */
function findHookMissing(
  listed: readonly ListedRule[],
  { from, to, address, port }: NodePortCall,
  met: readonly TracedRule[],
): NamedCause | null {
  const translates = translating(listed);
  const rule = listed.find((each) => namesPort(each.rule, port) && translates(each.rule, each.table));
  if (!rule || met.length === 0) return null;
  const leads = leadingTo(listed, (each) => namesPort(each, port));
  const passed = new Set(met.map(({ family, table, chain }) => `${family} ${table} ${chain}`));
  const hooked = new Set(listed.flatMap((each) => (each.rule.startsWith('type ') ? [chainOf(each)] : [])));
  const leading = listed.filter((each) => leads(each.rule, each.table)).map(chainOf);
  if (leading.some((chain) => passed.has(chain)) || !leading.some((chain) => hooked.has(chain))) return null;
  const isOwn = from.node === to.node && !from.pod;
  const hook = isOwn ? 'OUTPUT' : 'PREROUTING';
  const text = `${describeListed(rule)} on ${to.node} is for port ${port}, and what ${hostName(from)} sends to ${address} does not come to it: nothing in ${hook} leads there`;
  return cause('service-hook-missing', to, text);
}

function chainOf({ table, chain }: ListedRule): string {
  return `${table} ${chain}`;
}

function namesPort(rule: string, port: number): boolean {
  return new RegExp(`\\b${port}\\b`).test(rule);
}

/** The same call from outside is taken: the rules make a difference between senders. */
async function findOtherSenders(evidence: Evidence, call: NodePortCall): Promise<NamedCause | null> {
  const { from, to, port } = call;
  const own = Object.values(evidence.testbed.plan.nodes[to.node]?.interfaces ?? {})[0]?.address ?? '';
  const others = [...outsiders(evidence), { node: to.node, pod: '' }].filter(
    (host) => hostName(host) !== hostName(from),
  );
  for (const other of others) {
    const { flows } = await callAgain(evidence, { ...call, from: other, address: own }, to, 4);
    if (!flows.some(isRedirected)) continue;
    const taken = `what ${hostName(other)} sends to port ${port} of ${to.node} is taken`;
    const rule = await findCondition(evidence, call);
    const named = rule ? `: "${rule}"` : '';
    const text = `${taken}, and what ${hostName(from)} sends to ${call.address} is not${named}`;
    return cause('node-port-not-for-all', to, text);
  }
  return null;
}

/** A rule on the way that names an interface or a sender. */
async function findCondition({ testbed }: Evidence, { to, port }: NodePortCall): Promise<string | null> {
  const printed = await Promise.all(
    [
      ['iptables-save', '-t', 'nat'],
      ['nft', 'list', 'ruleset'],
    ].map(async (argv) => (await testbed.probe(to, argv)).stdout),
  );
  const lines = printed
    .join('\n')
    .split('\n')
    .map((line) => line.trim());
  const conditional = lines.filter((line) => /(^| )-i |\biifname\b|\biif\b|-A .* -s |ip saddr/.test(line));
  return (
    conditional.find((line) => line.includes(String(port))) ??
    conditional.find((line) => /dst-type LOCAL|fib daddr|NODEPORT|PREROUTING|prerouting/i.test(line)) ??
    null
  );
}

/** The other protocol with the same number is taken by a rule that names that number. */
async function findOtherProtocol(evidence: Evidence, call: NodePortCall): Promise<NamedCause | null> {
  const { testbed } = evidence;
  const { from, to, address, port, protocol, service } = call;
  const other = protocol === 'tcp' ? 'udp' : 'tcp';
  const only = [{ destination: address, destinationPort: port }];
  const traced = { addresses: [address], protocol: other, only } as const;
  const { rules } = await sendAgain(evidence, [to], traced, async () =>
    portsOf(
      await sampleAgain(testbed, from, { protocol: other, address, port, count: 1, timeoutMs: PATIENCE_MS }),
    ),
  );
  const met = rules.flatMap(([, each]) => each);
  const rule = met.find((each) => new RegExp(`\\b${port}\\b`).test(each.rule));
  if (!rule) return null;
  const text = `${describeRule(rule)} is for ${other.toUpperCase()}; the port of ${service} is ${protocol.toUpperCase()}`;
  return cause('wrong-protocol', to, text);
}

/** A number of the node port range that the rules name, that no Service has, and that leads to this one's backends. */
async function findOtherNumber(evidence: Evidence, call: NodePortCall): Promise<NamedCause | null> {
  const { testbed } = evidence;
  const { from, to, address, protocol, port, service } = call;
  const { services } = testbed.plan;
  const planned = Object.values(services).flatMap(({ ports }) => ports.map(({ nodePort }) => nodePort));
  const dumps = await Promise.all(
    [
      ['iptables-save', '-t', 'nat'],
      ['nft', 'list', 'ruleset'],
      ['ipset', 'list'],
    ].map(async (argv) => (await testbed.probe(to, argv)).stdout),
  );
  const numbers = [...dumps.join('\n').matchAll(/\b(3[0-2]\d{3})\b/g)].map(([number]) => Number(number));
  const strange = [...new Set(numbers)].filter(
    (number) => number >= 30_000 && number <= 32_767 && !planned.includes(number),
  );
  const { endpoints } = serviceOf(services, service);
  for (const number of strange.slice(0, 20)) {
    const asked = await sampleAgain(testbed, from, {
      protocol,
      address,
      port: number,
      count: 4,
      timeoutMs: PATIENCE_MS,
    });
    if (![...sharesOf(asked).keys()].some((server) => endpoints.includes(server))) continue;
    const text = `${to.node} sends what is for port ${number} to the backends of ${service}; its node port is ${port}`;
    return cause('wrong-node-port', to, text);
  }
  return null;
}
