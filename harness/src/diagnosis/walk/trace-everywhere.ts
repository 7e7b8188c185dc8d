/**
 * Asks the kernel of every namespace that has packet filters which rules a probe meets (`nft monitor trace`, man
 * 8 nft). The tables that mark the probe are owned by the process that makes them: the kernel removes them with it.
 */
import { readInterfaces } from '../../probes/kernel-state.ts';
import type { ProbePorts } from '../../probes/probe-ports.ts';
import type { Protocol } from '../../probes/reach.ts';
import type { Host } from '../../testbed/host.ts';
import { RefusedError } from '../../testbed/session.ts';
import type { Testbed } from '../../testbed/testbed.ts';
import { type MetRule, parseMetRules } from '../parse-met-rules.ts';
import { RuleMonitor } from '../rule-monitor.ts';
import { familiesIn, hooksOf, PASS_OVER_CHECKS } from '../trace-table.ts';
import { isSameHost } from './explain-steps.ts';

export interface RuleTrace {
  /** What packets met so far, in one namespace, in order. */
  metIn(host: Host): readonly MetRule[];
  /** Resolves when what the kernel had to tell is told. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

/** Of a large answer the first packets, and what is sent again. */
const SOME = 'limit rate 100/second burst 50 packets';

/** @param hosts those whose rules are watched; where there are none nothing is started. */
export async function traceEverywhere(
  testbed: Testbed,
  hosts: readonly Host[],
  protocol: Protocol,
  ports: ProbePorts,
): Promise<RuleTrace> {
  const traces = await Promise.allSettled(hosts.map((host) => traceIn(testbed, host, protocol, ports)));
  const all = traces.flatMap((trace) => (trace.status === 'fulfilled' && trace.value ? [trace.value] : []));
  const failed = traces.find((trace) => trace.status === 'rejected');
  if (failed) {
    await Promise.all(all.map((trace) => trace.stop()));
    throw failed.reason;
  }
  const read = new Map<Host, { readonly length: number; readonly rules: readonly MetRule[] }>();
  return {
    metIn: (host) => {
      const found = all.find((trace) => isSameHost(trace.host, host));
      if (!found) return [];
      const printed = found.printed();
      const known = read.get(found.host);
      if (known?.length === printed.length) return known.rules;
      const rules = parseMetRules(printed);
      read.set(found.host, { length: printed.length, rules });
      return rules;
    },
    async settle() {
      await Promise.all(all.map((trace) => trace.settle()));
    },
    async stop() {
      await Promise.all(all.map((trace) => trace.stop()));
    },
  };
}

async function traceIn(testbed: Testbed, host: Host, protocol: Protocol, ports: ProbePorts) {
  const list = await testbed.probe(host, ['nft', 'list', 'ruleset']).catch((error: unknown) => {
    if (error instanceof RefusedError) return { stdout: '' };
    throw error;
  });
  const families = familiesIn(list.stdout);
  if (families.length === 0) return null;
  const devices = families.includes('netdev')
    ? (await readInterfaces(testbed, host)).map(({ name }) => name)
    : [];
  let printed = '';
  const monitor = await RuleMonitor.begin(
    testbed,
    host,
    (name) => families.map((family) => markingTable(family, name, { protocol, ports }, devices)),
    (text) => {
      printed += text;
    },
  );
  return {
    host,
    printed: () => printed,
    settle: () => monitor.settle(),
    stop: () => monitor.stop(),
  };
}

/**
 * Addresses and ports change on the way: what is marked is all that could be the probe, its answer, or a tunnel. Of TCP
 * that is what opens and resets connections, and all that bears the probe's port, for a rule may let those through and
 * drop the data.
 */
function markingTable(
  family: string,
  name: string,
  { protocol, ports }: { readonly protocol: Protocol; readonly ports: ProbePorts },
  devices: readonly string[],
): string {
  const mark = 'meta nftrace set 1';
  const wanted = [
    `ip protocol icmp ${mark}`,
    `ip protocol udp ${mark}`,
    ...(protocol === 'tcp'
      ? [
          `ip protocol tcp tcp flags & syn == syn ${mark}`,
          `ip protocol tcp tcp flags & rst == rst ${mark}`,
          ...['sport', 'dport'].map((side) => `tcp ${side} ${ports.first}-${ports.last} ${SOME} ${mark}`),
        ]
      : []),
  ];
  const marking = family === 'bridge' || family === 'netdev' ? [...wanted, `ether type arp ${mark}`] : wanted;
  const rules = family === 'arp' ? [mark] : [...PASS_OVER_CHECKS, ...marking];
  const chains = hooksOf(family, devices).map(
    ([chain, hook]) => `chain ${chain} { type filter hook ${hook} priority -1000; ${rules.join('; ')}; };`,
  );
  return `add table ${family} ${name} { flags owner; ${chains.join(' ')} }\n`;
}
