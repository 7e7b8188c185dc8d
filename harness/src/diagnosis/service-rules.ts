/** What the rules of a node say of a Service, read from `nft list ruleset`: iptables-nft's rules are in it too. */
import type { Host } from '../testbed/host.ts';
import type { Evidence } from './evidence.ts';

export interface ListedRule {
  /** `ip nat`. */
  readonly table: string;
  readonly chain: string;
  readonly rule: string;
}

export async function readRules({ testbed }: Evidence, node: Host): Promise<ListedRule[]> {
  const { stdout } = await testbed.probe(node, ['nft', 'list', 'ruleset']);
  return parseRules(stdout);
}

/** The lines of chains, sets and maps; of a set or map the chain is its name. */
export function parseRules(ruleset: string): ListedRule[] {
  const rules: ListedRule[] = [];
  let [table, chain] = ['', ''];
  for (const text of ruleset.split('\n')) {
    const line = text.trim();
    const opened = /^(table|chain|set|map) (.+) \{$/.exec(line);
    if (opened?.[1] === 'table') table = opened[2] ?? '';
    else if (opened) chain = opened[2] ?? '';
    else if (line && line !== '}') rules.push({ table, chain, rule: withoutCounter(line) });
  }
  return rules;
}

/** `the rule "tcp dport 80 dnat to 10.244.2.2:8080" in chain KUBE-SEP-C of table ip nat`. */
export function describeListed({ table, chain, rule }: ListedRule): string {
  return `the rule "${rule}" in chain ${chain} of table ${table}`;
}

/** The first rule that translates to an address and port, written `10.244.2.2:8080`, whether or not it names the port. */
export function ruleTranslatingTo(rules: readonly ListedRule[], at: string): ListedRule | null {
  const [address, port] = at.split(':');
  const leads = (exactly: boolean) => (each: ListedRule) =>
    targetsIn(each.rule).some(
      ([to, number]) => to === address && (number === null ? !exactly : String(number) === port),
    );
  return rules.find(leads(true)) ?? rules.find(leads(false)) ?? null;
}

/** The ports that rules and maps name together with an address: `ip daddr A tcp dport P`, `A . tcp . P`. */
export function portsNamedWith(rules: readonly ListedRule[], address: string): number[] {
  const ports = new Set<number>();
  for (const { rule } of rules.filter(({ rule }) => rule.includes(address))) {
    for (const [, port] of rule.matchAll(/\b[ds]?port (\d+)/g)) ports.add(Number(port));
    for (const [, named, port] of rule.matchAll(/([\d.]+) \. (?:tcp|udp|\d+) \. (\d+)/g)) {
      if (named === address) ports.add(Number(port));
    }
  }
  return [...ports];
}

/** The chains and maps whose rules name an address. */
export function chainsNaming(rules: readonly ListedRule[], address: string): string[] {
  const names = new RegExp(`(^|[^\\d.])${address.replaceAll('.', '\\.')}([^\\d.]|$)`);
  return [...new Set(rules.flatMap(({ chain, rule }) => (names.test(rule) ? [chain] : [])))];
}

/** Whether a rule translates what it takes, or leads to a chain that does: a jump to a chain that only marks is no such rule. */
export function translating(rules: readonly ListedRule[]): Leads {
  return leadingTo(rules, (rule) => /\bdnat\b/i.test(rule));
}

/** Whether a rule of a table, written `ip nat`, is such a one, or leads to a chain, a set or a map that holds one. */
export function leadingTo(rules: readonly ListedRule[], isGoal: (rule: string) => boolean): Leads {
  const chains = new Set<string>();
  const leads: Leads = (rule, table) =>
    isGoal(rule) ||
    [...rule.matchAll(/(?:\b(?:jump|goto) |@)([\w.-]+)/g)].some(([, chain]) =>
      chains.has(`${table} ${chain}`),
    );
  for (let before = -1; before !== chains.size; ) {
    before = chains.size;
    for (const { table, chain, rule } of rules) if (leads(rule, table)) chains.add(`${table} ${chain}`);
  }
  return leads;
}

export type Leads = (rule: string, table: string) => boolean;

/** What the rules of each chain that throw dice take: `KUBE-SVC-WEB: 0.50, 0.33, the rest`. */
export function dice(rules: readonly ListedRule[], chain: string): string | null {
  const taken = rules
    .filter((each) => each.chain === chain && /\b(jump|goto|dnat)\b/.test(each.rule))
    .filter(({ rule }) => !/\bsaddr\b/.test(rule))
    .map(({ rule }) => {
      const below = /meta random & 2147483647 < (\d+)/.exec(rule)?.[1];
      return below === undefined ? 'the rest' : (Number(below) / 2 ** 31).toFixed(2);
    });
  return taken.some((each) => each !== 'the rest') ? `${chain} takes ${taken.join(', ')}` : null;
}

/** Where a rule that translates leads to: `dnat to 10.244.2.2:8080`, or the elements of its map, `10.244.2.2 . 8080`. */
export function targetsIn(rule: string): [address: string, port: number | null][] {
  if (!/\bdnat\b/i.test(rule)) return [];
  // Of a range, its first address stands for all: `dnat to 10.244.2.2-10.244.2.3:9125`.
  const plain = [...rule.matchAll(/\bdnat (?:ip )?to ([\d.]+)(?:-[\d.]+)?(?::(\d+))?/g)];
  const mapped = [...rule.matchAll(/: ([\d.]+\.\d+)(?: \. (\d+))?/g)];
  return [...plain, ...mapped].map(([, address = '', port]) => [address, port ? Number(port) : null]);
}

function withoutCounter(rule: string): string {
  return rule.replace(/counter packets \d+ bytes \d+ ?/, '').trim();
}
