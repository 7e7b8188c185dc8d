/** Makes an address of a name as the sender would: by its resolv.conf (man 5 resolv.conf), one question at a time. */
import type { Outcome } from '../../probes/reach.ts';
import {
  candidatesOf,
  type ResolverFile,
  readResolverFile,
  resolverPath,
} from '../../probes/resolver-file.ts';
import type { Host } from '../../testbed/host.ts';
import type { Testbed } from '../../testbed/testbed.ts';
import type { Target } from './find-target.ts';
import { askDns } from './send-probe.ts';

export interface ResolvedName {
  readonly server: string;
  /** The name that was asked for last, after the search list. */
  readonly name: string;
  readonly sourcePort: number;
  /** `NOERROR`, `NXDOMAIN` ...; empty when no answer came. */
  readonly status: string;
  /** What the asker was told; an answer without an address is silence to whoever wants one. */
  readonly outcome: Outcome;
  readonly address: string | null;
  /** What the asker's file says. */
  readonly resolver: ResolverFile;
}

const DNS_PORT = 53;
const SILENCE: Outcome = { kind: 'timeout', client: null, ttl: null };
const MOST_QUESTIONS = 12;

/** Null when there is nothing to resolve. @param firstPort of those that the questions may be asked from. */
export async function resolveName(
  testbed: Testbed,
  from: Host,
  target: Target,
  firstPort: number,
  timeoutMs: number,
): Promise<ResolvedName | null> {
  if (target.name === null) return null;
  const path = resolverPath(from);
  const resolver = (await readResolverFile(testbed, from)) ?? {
    path,
    nameservers: [],
    search: [],
    ndots: 1,
    rotate: false,
  };
  const [server] = resolver.nameservers;
  if (server === undefined) {
    return {
      server: '',
      name: target.name,
      sourcePort: firstPort,
      status: '',
      outcome: SILENCE,
      address: null,
      resolver,
    };
  }
  let last: ResolvedName | null = null;
  for (const [index, name] of candidatesOf(target.name, resolver).slice(0, MOST_QUESTIONS).entries()) {
    const sourcePort = firstPort + index;
    const probe = {
      protocol: 'udp' as const,
      address: server,
      port: DNS_PORT,
      size: 0,
      sourcePort,
      timeoutMs,
    };
    const { status, outcome, addresses } = await askDns(testbed, from, probe, name, 'A');
    const told = status === '' ? outcome : SILENCE;
    last = { server, name, sourcePort, status, outcome: told, address: addresses[0] ?? null, resolver };
    // Silence is an answer too: the walk is then that of the question.
    if (last.address !== null || status === '') return last;
  }
  return last;
}
