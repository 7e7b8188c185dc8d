/** The connections that a kernel keeps track of, each as it came in and as its answer has to look (man 8 conntrack). */
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
  /** Ends the watch when all that the kernel told of until now has been read, and returns it. */
  stop(): Promise<Flow[]>;
}

const READY_MS = 2_000;
/** Reading takes no time, unless the machine has none to give. */
const READ_WITHIN_MS = 10_000;

/**
 * Says when it listens, and ends with its input. `conntrack` says nothing when it begins; its socket in the kernel's list
 * of them does. There too is how much of what the kernel told waits to be read. When that is nothing and the process
 * sleeps, it has printed all of it.
 */
const WATCH = `conntrack -E -p "$1" --orig-dst "$2" --orig-port-dst "$3" 2>/dev/null &
until grep -q " 12 *$! " /proc/net/netlink; do kill -0 $! || break; done
echo ready
read -r _
until grep -Eq " 12 *$! +[0-9a-f]+ +0 " /proc/net/netlink && grep -q "^State:.S" /proc/$!/status; do kill -0 $! || break; done
kill $!`;

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
  const argv = ['sh', '-c', WATCH, '-', protocol, address, String(port)];
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
      job.endInput();
      const late = setTimeout(job.kill, READ_WITHIN_MS);
      await Promise.allSettled([job.done]);
      clearTimeout(late);
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
