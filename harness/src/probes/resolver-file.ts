/** `resolv.conf` as the resolver of the C library reads it (man 5 resolv.conf), and the names that it tries. */
import type { Host } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';

export interface ResolverFile {
  readonly path: string;
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly ndots: number;
  /** The servers are asked in turns, instead of the next one when one is silent. */
  readonly rotate: boolean;
}

/** glibc: MAXNS in resolv.h. */
const MOST_NAMESERVERS = 3;
/** What Kubernetes allows; glibc has no limit since 2.26. */
const MOST_DOMAINS = 32;
/** glibc: RES_MAXNDOTS. */
const MOST_NDOTS = 15;
const DEFAULT_NDOTS = 1;

/**
 * Reads the file that programs on a host see as `/etc/resolv.conf`: in a pod, what `ip netns exec` puts there.
 * null: there is none.
 */
export async function readResolverFile(testbed: Testbed, host: Host): Promise<ResolverFile | null> {
  const path = resolverPath(host);
  const argv = ['/usr/lib/podwire/agent', 'read', String(testbed.initOf(host.node)), path];
  const { exitCode, stdout } = await testbed.runInFabric(argv, { keepBytes: 1 << 17 });
  return exitCode === 0 ? parseResolverFile(path, stdout) : null;
}

export function resolverPath({ pod }: Host): string {
  return pod ? `/etc/netns/${pod}/resolv.conf` : '/etc/resolv.conf';
}

/** A line begins with its keyword; of `search` and `domain` the last one counts; unknown words are passed over. */
export function parseResolverFile(path: string, text: string): ResolverFile {
  const nameservers: string[] = [];
  let search: string[] = [];
  let ndots = DEFAULT_NDOTS;
  let rotate = false;
  for (const line of text.split('\n')) {
    if (/^[#;]/.test(line)) continue;
    const [keyword, ...words] = line.split(/[ \t]+/).filter((word, index) => word !== '' || index === 0);
    const [first] = words;
    if (keyword === 'nameserver' && first && nameservers.length < MOST_NAMESERVERS) nameservers.push(first);
    if (keyword === 'search') search = words.slice(0, MOST_DOMAINS).map(withoutDot);
    if (keyword === 'domain' && first) search = [withoutDot(first)];
    if (keyword !== 'options') continue;
    if (words.includes('rotate')) rotate = true;
    for (const option of words) {
      const value = /^ndots:(\d+)/.exec(option)?.[1];
      if (value !== undefined) ndots = Math.min(Number(value), MOST_NDOTS);
    }
  }
  return { path, nameservers, search, ndots, rotate };
}

/**
 * The absolute names that a resolver asks for, in order: a name with at least `ndots` dots is tried as it is
 * first, any other with each domain of the search list first.
 */
export function candidatesOf(name: string, { search, ndots }: ResolverFile): string[] {
  if (name.endsWith('.')) return [name];
  const dots = name.split('.').length - 1;
  const searched = search.map((domain) => (domain ? `${name}.${domain}.` : `${name}.`));
  return dots >= ndots ? [`${name}.`, ...searched] : [...searched, `${name}.`];
}

function withoutDot(domain: string): string {
  return domain.replace(/\.$/, '').toLowerCase();
}
