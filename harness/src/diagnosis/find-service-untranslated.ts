/** Why a node leaves packets to a ClusterIP as they are: other packets are sent, and what is done to them is compared. */
import type { ProbePorts } from '../probes/probe-ports.ts';
import type { ServiceAsked } from '../probes/service-symptom.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import type { PlannedServicePort } from '../topology/plan.ts';
import { cause, type Evidence } from './evidence.ts';
import { sendAgain } from './find-in-filters.ts';
import { describePort, nodeOf } from './find-service.ts';
import type { TracedRule } from './parse-met-rules.ts';
import { flowsOf } from './service-flows.ts';
import {
  chainsNaming,
  describeListed,
  type Leads,
  portsNamedWith,
  readRules,
  translating,
} from './service-rules.ts';
import { describeRule, rewriting } from './trace-rules.ts';

type Found = NamedCause | null;

/** One would be enough for most rules; these are for those that throw dice. */
const TRIED = 8;
/** No answer is waited for: that a packet comes from its sender to the rules of its node takes less than a millisecond. */
const PASSING_MS = 100;

export async function findUntranslated(evidence: Evidence, asked: ServiceAsked): Promise<Found> {
  const { from, address, port } = asked;
  const node = nodeOf(from);
  const rules = await readRules(evidence, node);
  const chains = chainsNaming(rules, address);
  if (chains.length === 0) return cause('no-dnat', node, `no rule on ${node.node} names ${address}`);
  const leads = translating(rules);
  const original = await recognise(evidence, asked, leads);
  const untracked = original.met.find(({ rule }) => /\bnotrack\b/.test(rule));
  if (untracked) return explainUntracked(node, untracked);
  // Translated, and lost before the table knew of it.
  if (rewriting(original.met, 'dnat').length > 0) return null;
  const translates = async (other: Partial<ServiceAsked>): Promise<boolean> => {
    const { translated, rules } = await recognise(evidence, { ...asked, ...other }, leads);
    return translated || [...rules].some((rule) => !original.rules.has(rule));
  };

  // An accept ends one chain only: it keeps packets from what stands in the same table.
  const tables = new Set(rules.filter(({ rule }) => rule.includes(address)).map(({ table }) => table));
  const taken = original.met.find(
    ({ family, table, rule, verdict }) =>
      verdict === 'accept' && !rule.startsWith('policy') && tables.has(`${family} ${table}`),
  );
  const before = taken ? `${describeRule(taken)} takes them before` : '';

  const other = otherClient(evidence, from);
  const protocol: PlannedServicePort['protocol'] = port.protocol === 'TCP' ? 'UDP' : 'TCP';
  // The cluster DNS has one number for both.
  const { services } = evidence.testbed.plan;
  const planned = services[asked.service]?.ports.some(
    (own) => own.protocol === protocol && own.port === port.port,
  );
  const numbers = [...new Set([port.targetPort, ...portsNamedWith(rules, address)])].filter(
    (named) => named !== port.port,
  );
  // Few traces run at once: what is most often wrong is tried first.
  const [fromOther, overOther] = await Promise.all([
    other !== null && translates({ from: other }),
    !planned && translates({ port: { ...port, protocol } }),
  ]);
  if (fromOther) {
    const [passed, missed] = from.pod
      ? ['sends itself', 'what its pods send']
      : ['gets from its pods', 'what it sends itself'];
    const hook = from.pod ? 'PREROUTING' : 'OUTPUT';
    const why = before || `the rules are not passed from ${hook}`;
    const text = `${node.node} translates what it ${passed} to ${describePort(asked)}, and not ${missed}: ${why}`;
    return cause('service-hook-missing', node, text);
  }
  if (overOther) {
    const text = `${node.node} translates ${address}:${port.port}/${protocol}; the Service is ${describePort(asked)}`;
    return cause('wrong-protocol', node, text);
  }
  const atNumbers = await Promise.all(numbers.map((each) => translates({ port: { ...port, port: each } })));
  const named = numbers.find((_, index) => atNumbers[index]);
  if (named !== undefined) {
    const text = `${node.node} translates ${address}:${named}/${port.protocol}; the Service is ${describePort(asked)}`;
    return cause('wrong-service-port', node, text);
  }
  const [naming] = rules.filter(({ rule }) => rule.includes(address));
  const what = naming ? describeListed(naming) : `a rule that names ${address}`;
  if (!chains.some((chain) => original.entered.has(chain))) {
    const text = `${what} is there on ${node.node}, but packets of ${hostName(from)} do not come to it${before && `: ${before}`}`;
    return cause('service-hook-missing', node, text);
  }
  return cause(
    'no-dnat',
    node,
    `${what} on ${node.node} does not lead ${describePort(asked)} to an endpoint`,
  );
}

export function explainUntracked(node: Host, rule: TracedRule): NamedCause {
  const text = `${describeRule(rule)} keeps the packets out of the table of connections, and nothing is translated without it`;
  return cause('no-dnat', node, text);
}

interface Recognised {
  readonly translated: boolean;
  /** The rules that were met and name the ClusterIP: they took the packet for one of the Service's. */
  readonly rules: ReadonlySet<string>;
  readonly met: readonly TracedRule[];
  /** The chains that the packet came to. */
  readonly entered: ReadonlySet<string>;
}

async function recognise(evidence: Evidence, asked: ServiceAsked, leads: Leads): Promise<Recognised> {
  const { address } = asked;
  let met: readonly TracedRule[] = [];
  const node = nodeOf(asked.from);
  const protocol = asked.port.protocol === 'TCP' ? 'tcp' : 'udp';
  const during = async (send: () => Promise<ProbePorts>) => {
    const seen = await sendAgain(evidence, [node], { addresses: [address], protocol }, send);
    met = seen.rules.flatMap(([, each]) => each);
  };
  const flows = await flowsOf(evidence, asked, { count: TRIED, timeoutMs: PASSING_MS, during });
  const naming = met.filter(
    ({ family, table, rule }) => rule.includes(address) && leads(rule, `${family} ${table}`),
  );
  return {
    translated: flows.some(({ answers }) => answers !== address),
    rules: new Set(naming.map(({ table, chain, rule }) => `${table} ${chain} ${rule}`)),
    met,
    entered: new Set(
      met.flatMap(({ chain, rule }) => [chain, /\b(?:jump|goto) (\S+)/.exec(rule)?.[1] ?? chain]),
    ),
  };
}

/** The other kind of client on the same node: for a pod the node itself, for a node one of its pods. */
function otherClient(evidence: Evidence, from: Host): Host | null {
  return from.pod ? nodeOf(from) : (evidence.podsOf(from.node)[0] ?? null);
}
