/** Many requests to the servers that stand in a testbed, from one host: who answered, and what became of the rest. */
import { TestbedError } from '../errors.ts';
import type { Host } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { NO_PORTS, PORTS_OF_CHECKS, type ProbePorts } from './probe-ports.ts';
import type { OutcomeKind } from './reach.ts';

export interface SampleQuestion {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  /** How many connections; each datagram socket has a port of its own too. */
  readonly count: number;
  /** How long each request may stay without an answer. After the first silence no further connection is begun. */
  readonly timeoutMs: number;
  /** Requests over each connection, one after the other; 1 unless told. */
  readonly requests?: number;
  /** The address that the client takes; else its kernel chooses. */
  readonly source?: string;
  /** Where the ports are taken from that it asks from; those of checks unless told. */
  readonly ports?: ProbePorts;
  /** Leaves the flows in the table of connections, for whoever wants to look at them. */
  readonly keepFlows?: boolean;
}

/** Hundreds of requests, on a machine that is very busy. */
const TAKES_MS = 30_000;

/** The ports that were asked from: `first`, and at most as many after it. */
interface OwnPorts {
  readonly first: number;
  readonly count: number;
  readonly address: string;
}

export interface Answers {
  /** The server's name in the plan: a pod's or a node's, without `pod/`. */
  readonly server: string;
  /** `10.244.1.3:8080`: where the server was reached, after all translation. */
  readonly at: string;
  /** The client's address as the server saw it. */
  readonly client: string;
  /** The TTL that arrived (UDP; sent as 64); `null` over TCP. */
  readonly ttl: number | null;
  readonly count: number;
}

export interface Sample {
  readonly answers: readonly Answers[];
  /** Answers on a connection that came from another server than the answer before. */
  readonly moved: number;
  readonly ports: OwnPorts | null;
  /** What became of requests without an answer; `wrong-server`: somebody who is no server of ours answered. */
  readonly others: ReadonlyMap<OutcomeKind, number>;
}

/**
 * Asks from the namespace of a host. The servers prove with a secret of each request's own that they are ours.
 *
 * The flows are taken out of the tables of connections. They would stay there for minutes: the next probe by the same
 * port would follow the rules as they were, and they would look like a client's.
 */
export async function sample(testbed: Testbed, from: Host, question: SampleQuestion): Promise<Sample> {
  const { protocol, address, port, count, timeoutMs, requests = 1, source = '0.0.0.0' } = question;
  const { first, last } = question.ports ?? PORTS_OF_CHECKS;
  const argv = ['/usr/lib/podwire/agent', 'sample', protocol, address];
  argv.push(...[port, count, timeoutMs, requests].map(String), source, String(first), String(last));
  if (!question.keepFlows) argv.push(...translatingInits(testbed, from));
  const finished = await testbed.probe(from, argv, { deadlineMs: (timeoutMs + 1_000) * requests + TAKES_MS });
  if (finished.exitCode !== 0) {
    throw new TestbedError(`The probe failed (status ${finished.exitCode}): ${finished.stderr.trim()}`);
  }
  return readSample(finished.stdout);
}

/** Takes the flows of a sample that kept them out of the tables of connections. */
export async function forgetFlows(
  testbed: Testbed,
  from: Host,
  { protocol, address, port }: Pick<SampleQuestion, 'protocol' | 'address' | 'port'>,
  ports: OwnPorts,
): Promise<void> {
  const argv = ['/usr/lib/podwire/agent', 'forget', protocol, ports.address, address];
  argv.push(...[port, ports.first, ports.count].map(String), ...translatingInits(testbed, from));
  const finished = await testbed.runInFabric(argv);
  if (finished.exitCode === 0) return;
  throw new TestbedError(`Could not take back what a probe sent: ${finished.stderr.trim()}`);
}

/** The nodes whose rules may have translated: the client's own, and for clients outside those of the cluster. */
function translatingInits(testbed: Testbed, from: Host): string[] {
  const nodes = testbed.nodes.filter((node) => node === from.node || testbed.plan.nodes[node]?.podCidr);
  return nodes.map((node) => String(testbed.initOf(node)));
}

/** @throws {TestbedError} when the probe itself failed. */
export function readSample(printed: string): Sample {
  const answers: Answers[] = [];
  const others = new Map<OutcomeKind, number>();
  let moved = 0;
  let ports: OwnPorts | null = null;
  for (const line of printed.trim().split('\n').filter(Boolean)) {
    const [count = '', kind = '', ...words] = line.split(' ');
    if (kind === 'answer') {
      const [server = '', at = '', client = '', ttl] = words;
      answers.push({ server, at, client, ttl: Number(ttl) || null, count: Number(count) });
    } else if (kind === 'moved') {
      moved += Number(count);
    } else if (kind === 'ports') {
      const [first, address = ''] = words;
      ports = { first: Number(first), count: Number(count), address };
    } else if (kind === 'failed') {
      throw new TestbedError(`The probe failed: ${words.join(' ')}`);
    } else {
      const outcome = (kind === 'unreachable' ? `unreachable-${words[0]}` : kind) as OutcomeKind;
      others.set(outcome, (others.get(outcome) ?? 0) + Number(count));
    }
  }
  return { answers, moved, ports, others };
}

/** The ports that a sample was sent from; none where nothing was sent. */
export function portsOf({ ports }: Sample): ProbePorts {
  return ports ? { first: ports.first, last: ports.first + ports.count - 1 } : NO_PORTS;
}

/** How many of the answers each server gave, by its name. */
export function sharesOf({ answers }: Sample): Map<string, number> {
  const shares = new Map<string, number>();
  for (const { server, count } of answers) shares.set(server, (shares.get(server) ?? 0) + count);
  return shares;
}

/** Which of these servers gave no answer. */
export function missingFrom(asked: Sample, servers: readonly string[]): string[] {
  const shares = sharesOf(asked);
  return servers.filter((server) => !shares.has(server));
}
