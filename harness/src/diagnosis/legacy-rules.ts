/**
 * Rules of the old iptables (`iptables-legacy`), which nftables neither lists nor traces: their counters,
 * read before and after a probe, say which of them met it.
 */
import type { Host } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';
import type { TracedRule } from './parse-met-rules.ts';

/** Packets counted so far, by `TABLE\nCHAIN\nRULE`, in the order of the rules. */
export type Counters = ReadonlyMap<string, number>;

const ENDS_PACKET = /-j (DROP|REJECT|NFQUEUE)\b/;

/** Empty where no table of the old iptables is loaded, as almost everywhere. */
export async function readLegacyCounters(testbed: Testbed, host: Host): Promise<Counters> {
  return parseLegacyRules((await testbed.probe(host, ['iptables-legacy-save', '-c'])).stdout);
}

/** Reads `iptables-legacy-save -c`. */
export function parseLegacyRules(printed: string): Counters {
  const counters = new Map<string, number>();
  let table = '';
  for (const line of printed.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    const policy = /^:(\S+) (ACCEPT|DROP) \[(\d+):/.exec(line);
    if (policy) counters.set(`${table}\n${policy[1]}\npolicy ${policy[2]?.toLowerCase()}`, Number(policy[3]));
    const rule = /^\[(\d+):\d+\] -A (\S+) (.*)$/.exec(line);
    if (rule) counters.set(`${table}\n${rule[2]}\n${rule[3]}`, Number(rule[1]));
  }
  return counters;
}

/** The rules that counted packets between two readings; policies come after all rules. */
export function rulesThatCounted(before: Counters, after: Counters): TracedRule[] {
  const met = [...after].flatMap(([key, count]) => {
    if (count <= (before.get(key) ?? 0)) return [];
    const [table = '', chain = '', rule = ''] = key.split('\n');
    const verdict = rule === 'policy drop' || ENDS_PACKET.test(rule) ? 'drop' : 'continue';
    return { family: 'ip (legacy)', table, chain, rule, verdict };
  });
  const isPolicy = ({ rule }: TracedRule) => rule.startsWith('policy');
  return [...met.filter((each) => !isPolicy(each)), ...met.filter(isPolicy)];
}
