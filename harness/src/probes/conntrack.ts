/** The connections that a kernel keeps track of, each as it came in and as its answer has to look (man 8 conntrack). */
import { setTimeout as delay } from 'node:timers/promises';
import type { Host } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';

/** Addresses and ports of one direction. */
export interface Tuple {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface Flow {
  readonly original: Tuple;
  readonly reply: Tuple;
  /** Whether an answer was seen. */
  readonly replied: boolean;
}

export interface WatchedFlows {
  /** Ends the watch, and returns what was seen once nothing new has come for a moment. */
  stop(): Promise<Flow[]>;
}

const READY_MS = 2_000;
const QUIET_MS = 40;

/**
 * Watches which connections one namespace makes of what is sent to an address and port. The table alone would not do:
 * the kernel forgets at once a connection that was refused (nf_conntrack_proto_tcp.c).
 */
export async function watchFlows(
  testbed: Testbed,
  host: Host,
  { protocol, address, port }: { readonly protocol: string; readonly address: string; readonly port: number },
): Promise<WatchedFlows> {
  let printed = '';
  const ready = Promise.withResolvers<void>();
  // It says nothing when it begins; its socket in the kernel's list does.
  const script = `conntrack -E -p "$1" --orig-dst "$2" --orig-port-dst "$3" 2>/dev/null &
until grep -q " 12 *$! " /proc/net/netlink; do kill -0 $! || break; done; echo ready; wait`;
  const argv = ['sh', '-c', script, '-', protocol, address, String(port)];
  const job = testbed.startProbe(host, argv, {
    deadlineMs: Number.POSITIVE_INFINITY,
    onOutput: (text) => {
      printed += text;
      if (printed.includes('ready')) ready.resolve();
    },
  });
  job.done.then(() => ready.resolve(), ready.reject);
  const timer = setTimeout(ready.resolve, READY_MS);
  await ready.promise.finally(() => clearTimeout(timer));
  return {
    stop: async () => {
      for (let before = -1; before !== printed.length; ) {
        before = printed.length;
        await delay(QUIET_MS);
      }
      job.kill();
      await Promise.allSettled([job.done]);
      return parseFlows(printed);
    },
  };
}

/** Reads what conntrack prints: a table, or events, of which several may be about one connection. */
export function parseFlows(printed: string): Flow[] {
  const flows = new Map<string, Flow>();
  for (const line of printed.split('\n')) {
    const tuples = [...line.matchAll(/src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/g)].map(
      ([, source = '', destination = '', sourcePort, destinationPort]): Tuple => ({
        source,
        destination,
        sourcePort: Number(sourcePort),
        destinationPort: Number(destinationPort),
      }),
    );
    const [original, reply] = tuples;
    if (!original || !reply) continue;
    const name = [original.source, original.sourcePort, original.destination, original.destinationPort].join(
      ' ',
    );
    const replied = !line.includes('[UNREPLIED]') || flows.get(name)?.replied === true;
    flows.set(name, { original, reply, replied });
  }
  return [...flows.values()];
}

/** Whether somebody rewrote the destination, so that another one answers. */
export function isRedirected({ original, reply }: Flow): boolean {
  return reply.source !== original.destination || reply.sourcePort !== original.destinationPort;
}

/** Whether somebody rewrote the sender's address, so that the answer goes there. */
export function isMasqueraded({ original, reply }: Flow): boolean {
  return reply.destination !== original.source;
}
