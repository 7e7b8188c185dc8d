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
import { traceInTurn } from './traces-in-turn.ts';

/**
 * Traces what `send` sends, in all namespaces at once. What others have marked meanwhile is told of too. Each host comes
 * with the rules that packets met there, in order.
 */
export function traceRules(
  testbed: Testbed,
  hosts: readonly Host[],
  traced: Traced,
  send: () => Promise<unknown>,
): Promise<(readonly [Host, readonly MetRule[]])[]> {
  return traceInTurn(testbed, () => traceAll(testbed, hosts, traced, send));
}

async function traceAll(
  testbed: Testbed,
  hosts: readonly Host[],
  traced: Traced,
  send: () => Promise<unknown>,
): Promise<(readonly [Host, readonly MetRule[]])[]> {
  const dropped = Promise.withResolvers<void>();
  const begun = await Promise.allSettled(
    hosts.map((host) => traceIn(testbed, host, traced, () => dropped.resolve())),
  );
  const traces = begun.flatMap((trace) => (trace.status === 'fulfilled' ? trace.value : []));
  try {
    for (const trace of begun) if (trace.status === 'rejected') throw trace.reason;
    const sending = send();
    // A rule that dropped the packet is the answer: nothing that comes after can change it.
    sending.catch(() => {});
    await Promise.race([dropped.promise, sending]);
    await Promise.all(traces.map(({ monitor }) => monitor.settle()));
  } finally {
    await Promise.all(traces.map(({ monitor }) => monitor.stop()));
  }
  return traces.map(({ host, met }) => [host, met] as const);
}

/** Begins in one namespace; nothing where there are no rules. */
async function traceIn(
  testbed: Testbed,
  host: Host,
  traced: Traced,
  onDropped: () => void,
): Promise<{ host: Host; monitor: RuleMonitor; met: readonly MetRule[] }[]> {
  const { stdout: ruleset } = await testbed.probe(host, ['nft', 'list', 'ruleset']);
  const families = familiesIn(ruleset);
  if (families.length === 0) return [];
  const devices = families.includes('netdev')
    ? (await readInterfaces(testbed, host)).map(({ name }) => name)
    : [];

  // Each line is read once, and then forgotten: a busy port makes megabytes of them.
  const met: MetRule[] = [];
  const reader = new TraceReader();
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
      if (dropping(own).length > 0) onDropped();
    },
  );
  return [{ host, monitor, met }];
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
