/** What traffic control (man 8 tc) drops: below netfilter, where no trace sees it. Counters are the proof. */
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';

/** Packets dropped so far, by what dropped them: `the tc filter at the ingress of veth-a (matchall)`. */
export type Drops = ReadonlyMap<string, number>;

/** Starts to watch; the function that it returns says what dropped packets since. */
export async function watchTrafficControl(
  evidence: Evidence,
  hosts: readonly Host[],
): Promise<() => Promise<NamedCause | null>> {
  const before = await Promise.all(hosts.map((host) => readDrops(evidence, host)));
  return async () => {
    for (const [index, host] of hosts.entries()) {
      if (before[index] === null) continue;
      const after = await readDrops(evidence, host);
      for (const [what, count] of after ?? []) {
        if (count <= (before[index]?.get(what) ?? 0)) continue;
        return cause('filter-drop', host, `${what} in ${hostName(host)} drops packets`);
      }
    }
    return null;
  };
}

/** Null where nothing but the kernel's default queues stands. */
async function readDrops({ testbed }: Evidence, host: Host): Promise<Drops | null> {
  const { stdout } = await testbed.probe(host, ['tc', '-s', 'qdisc', 'show']);
  const drops = parseQueues(stdout);
  const devices = devicesWithFilters(stdout);
  if (drops.size === 0 && devices.length === 0) return null;
  const list =
    'for d; do for w in ingress egress; do echo "@ $d $w"; tc -s filter show dev "$d" $w; done; done';
  const filters =
    devices.length > 0 ? (await testbed.probe(host, ['sh', '-c', list, '-', ...devices])).stdout : '';
  return new Map([...drops, ...parseFilters(filters)]);
}

/** Devices with a place for filters, from `tc -s qdisc show`. */
export function devicesWithFilters(printed: string): string[] {
  return [...printed.matchAll(/^qdisc (?:clsact|ingress) \S+ dev (\S+)/gm)].map(([, device = '']) => device);
}

/** Queues that a learner made: `qdisc netem 8001: dev veth-a root ... (dropped 4, overlimits 0 requeues 0)`. */
export function parseQueues(printed: string): Drops {
  const drops = new Map<string, number>();
  for (const block of printed.split(/^(?=qdisc )/m)) {
    const [, kind = '', device = ''] = /^qdisc (\S+) \S+ dev (\S+)/.exec(block) ?? [];
    if (!kind || ['noqueue', 'clsact', 'ingress', 'mq'].includes(kind)) continue;
    drops.set(`the queue of ${device} (tc qdisc ${kind})`, Number(/dropped (\d+)/.exec(block)?.[1] ?? 0));
  }
  return drops;
}

/** Filters, each list of a device and direction behind a line `@ DEVICE DIRECTION`. */
export function parseFilters(printed: string): Drops {
  const drops = new Map<string, number>();
  for (const block of printed.split(/^(?=@ )/m)) {
    const [, device = '', direction = ''] = /^@ (\S+) (\S+)/.exec(block) ?? [];
    const counts = [...block.matchAll(/dropped (\d+)/g)].map(([, count]) => Number(count));
    if (counts.length === 0) continue;
    const total = counts.reduce((sum, count) => sum + count, 0);
    drops.set(`a tc filter at the ${direction} of ${device}`, total);
  }
  return drops;
}
