/**
 * What can change in a network although nobody is seen to change it: addresses with a lifetime, rules that look at
 * the clock or count, and what the monitor takes for the fabric's own.
 */
import { type Host, hostName } from '../testbed/host.ts';
import { RefusedError } from '../testbed/session.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { listNamespaces } from './list-namespaces.ts';
import { isOwnMac } from './own-interface.ts';

export interface Passing {
  readonly host: Host;
  /** "10.244.1.1/24 on cni0 has a lifetime of 4 s" */
  readonly text: string;
  /** Until it changes, where that is told. */
  readonly leftMs: number | null;
  /** Its changes are not heard. */
  readonly hidden: boolean;
}

const READ = `ip address show
nft list ruleset
[ ! -s /proc/net/ip_tables_names ] || iptables-legacy-save`;

/** In every namespace of the testbed. No probe may be under way: what it makes would be taken for the learner's. */
export async function findPassing(testbed: Testbed): Promise<Passing[]> {
  const hosts = await listNamespaces(testbed);
  const found = await Promise.all(
    hosts.map(async (host) => {
      try {
        const { stdout } = await testbed.probe(host, ['sh', '-c', READ]);
        return readPassing(stdout).map((each) => ({ host, ...each }));
      } catch (error) {
        // It went away between two looks.
        if (error instanceof RefusedError) return [];
        throw error;
      }
    }),
  );
  return found.flat();
}

/** `node1: 10.244.1.1/24 on cni0 has a lifetime of 4 s` */
export function passingText({ host, text }: Passing): string {
  return `${hostName(host)}: ${text}`;
}

/** What matches by the time of the machine, or only so often: of nftables, and of iptables as nft and iptables-save print it. */
const CLOCKS = /\bmeta (time|hour|day)\b|xt match "?time\b|-m time\b/;
const QUOTAS = /\bquota\b|-m quota2?\b/;
/** So slow that what it lets through at first is all there is. */
const SLOW_LIMITS = /\blimit rate (over )?\d+\/(hour|day|week)\b|--limit \d+\/(h|d)/;

/** A table of nftables that the monitor takes for the fabric's (namespace-memory.ts). */
const OWN_TABLE = /^table \S+ (podwire_\S*)/;

export function readPassing(printed: string): Omit<Passing, 'host'>[] {
  const found: Omit<Passing, 'host'>[] = [];
  let learns = false;
  let device = '';
  let address: RegExpExecArray | null = null;
  const add = (text: string, leftMs: number | null = null, hidden = false) =>
    found.push({ text, leftMs, hidden });
  for (const line of printed.split('\n')) {
    address = /^\s+inet (\S+) .*?(\S+)$/.exec(line) ?? address;
    const [, seconds] = /^\s+valid_lft (\d+)sec/.exec(line) ?? [];
    if (seconds !== undefined)
      add(`${address?.[1]} on ${address?.[2]} has a lifetime of ${seconds} s`, 1000 * Number(seconds));
    device = /^\d+: ([^:@\s]+)/.exec(line)?.[1] ?? device;
    const mac = /^\s+link\/ether (\S+)/.exec(line)?.[1] ?? '';
    const own = OWN_TABLE.exec(line)?.[1] ?? (isOwnMac(mac) ? device : undefined);
    if (own !== undefined) add(`${own} looks like something of the grader's own`, null, true);
    // What a set learns by itself (client affinity) is forgotten by itself; that is how it works.
    if (/^\s*(set|map) /.test(line)) learns = false;
    if (/^\s*flags .*\bdynamic\b/.test(line)) learns = true;
    const expires = [...line.matchAll(/ expires ([0-9dhms]+)/g)].map(([, time = '']) => durationMs(time));
    if (expires.length > 0 && !learns) {
      const leftMs = Math.min(...expires);
      add(`an element of a set expires after ${Math.ceil(leftMs / 1000)} s`, leftMs);
    }
    if (CLOCKS.test(line)) add(`a rule looks at the clock: ${shown(line)}`);
    else if (QUOTAS.test(line)) add(`a rule has a quota: ${shown(line)}`);
    else if (SLOW_LIMITS.test(line)) add(`a rule has a limit that fills up slowly: ${shown(line)}`);
  }
  return found;
}

const LONGEST_SHOWN = 100;

function shown(line: string): string {
  const text = line.trim();
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
}

const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** `1h2m3s4ms`, as nft prints it. */
function durationMs(text: string): number {
  return [...text.matchAll(/(\d+)(ms|[dhms])/g)].reduce(
    (sum, [, count, unit = '']) => sum + Number(count) * (UNIT_MS[unit] ?? 0),
    0,
  );
}
