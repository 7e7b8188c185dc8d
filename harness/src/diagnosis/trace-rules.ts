/**
 * Asks the kernel which rule decides on a packet: a table of ours marks our probe for tracing, the probe
 * is sent, and `nft monitor trace` reports every rule that looks at it (man 8 nft, "Monitor"). It covers
 * iptables-nft and ebtables-nft too, whose rules are nftables rules.
 */
import { readInterfaces } from '../probes/kernel-state.ts';
import type { Host } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { type MetRule, type TracedRule, TraceReader } from './parse-met-rules.ts';
import { bearsPort } from './probe-packets.ts';
import { RuleMonitor } from './rule-monitor.ts';
import { familiesIn, type Traced, traceTable } from './trace-table.ts';

/** Traces what `send` sends, in one namespace; what others have marked meanwhile is told of too. */
export async function traceRules(
  testbed: Testbed,
  host: Host,
  traced: Traced,
  send: () => Promise<unknown>,
): Promise<MetRule[]> {
  const { stdout: ruleset } = await testbed.probe(host, ['nft', 'list', 'ruleset']);
  const families = familiesIn(ruleset);
  if (families.length === 0) return [];
  const devices = families.includes('netdev')
    ? (await readInterfaces(testbed, host)).map(({ name }) => name)
    : [];

  // Each line is read once, and then forgotten: a busy port makes megabytes of them.
  const met: MetRule[] = [];
  const reader = new TraceReader();
  const dropped = Promise.withResolvers<true>();
  let unfinished = '';
  const monitor = await RuleMonitor.begin(
    testbed,
    host,
    (name) => families.map((family) => traceTable(family, name, traced, devices)),
    (text) => {
      const lines = `${unfinished}${text}`;
      const end = lines.lastIndexOf('\n') + 1;
      unfinished = lines.slice(end);
      const fresh = reader.read(lines.slice(0, end));
      met.push(...fresh);
      const { ports } = traced;
      const own = ports ? fresh.filter(({ packet }) => packet !== null && bearsPort(packet, ports)) : [];
      if (dropping(own).length > 0) dropped.resolve(true);
    },
  );
  try {
    const sending = send();
    // A rule that dropped the packet is the answer: nothing that comes after can change it.
    sending.catch(() => {});
    if ((await Promise.race([dropped.promise, sending])) !== true) await monitor.settle();
  } finally {
    await monitor.stop();
  }
  return met;
}

/**
 * The rules that end a packet, in the order in which packets met them. REJECT is a drop with an answer; a
 * queue that nobody reads ends a packet too.
 */
export function dropping(rules: readonly TracedRule[]): TracedRule[] {
  return rules.filter(({ verdict }) => verdict === 'drop' || verdict === 'queue');
}

/** The rules that change an address: `snat` the sender's, `dnat` the receiver's. */
export function rewriting(rules: readonly TracedRule[], side: 'snat' | 'dnat'): TracedRule[] {
  const words = side === 'snat' ? /\b(masquerade|snat|netmap)\b/i : /\b(redirect|dnat|tproxy)\b/i;
  return rules.filter(({ rule }) => words.test(rule.replace(/(prefix|comment) "[^"]*"/g, '')));
}

/** `rule ip saddr 10.244.1.2 drop in table bridge filter, chain FORWARD`. */
export function describeRule({ family, table, chain, rule }: TracedRule): string {
  const readable = rule.replace(/counter packets \d+ bytes \d+ ?/, '').trim();
  const what = readable.startsWith('policy') ? `the ${readable}` : `the rule "${readable}"`;
  return `${what} in chain ${chain} of table ${family} ${table}`;
}
