/** Reachability: a server of ours in one namespace, a client of ours in another, and what came of it. */
import { randomBytes } from 'node:crypto';
import { TestbedError } from '../errors.ts';
import type { Host } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { paced } from './paced.ts';

export type Protocol = 'tcp' | 'udp' | 'icmp';

/**
 * What a client saw. Refused, reset, unreachable and silence are four different answers.
 * `unreachable-local`: the client's own kernel had no way; `unreachable-remote`: ICMP said so.
 */
export type OutcomeKind =
  | 'answer'
  | 'refused'
  | 'reset'
  | 'unreachable-local'
  | 'unreachable-remote'
  | 'too-big'
  | 'prohibited'
  | 'timeout'
  | 'wrong-server'
  | 'no-namespace';

export interface Outcome {
  readonly kind: OutcomeKind;
  /** The client's address and port as the server saw them (TCP and UDP answers). */
  readonly client: string | null;
  /** The TTL that arrived: at the server for TCP (its first packet) and UDP, back at the client for ICMP. Sent as 64. */
  readonly ttl: number | null;
}

const AGENT = '/usr/lib/podwire/agent';

/** Something that answers probes; what it says proves that it was reached, and by whom. */
export interface Server {
  /** Its secret, which seals every answer and is never sent (harness/image/agent/serve.c). */
  readonly nonce: string;
  readonly tcpPort: number;
  readonly udpPort: number;
  stop(): void;
}

/**
 * Starts a server of the fabric's in the namespace of a host, on free ports of all its addresses.
 *
 * @throws {RefusedError} when the host has no namespace.
 */
export async function startServer(testbed: Testbed, host: Host): Promise<Server> {
  const nonce = randomBytes(8).toString('hex');
  const printed = Promise.withResolvers<string>();
  const job = testbed.startProbe(host, [AGENT, 'serve', nonce], {
    deadlineMs: Number.POSITIVE_INFINITY,
    onOutput: (text) => printed.resolve(text),
  });
  job.done.then(
    ({ stderr }) => printed.reject(new TestbedError(`The probe's server ended: ${stderr}`)),
    (error) => printed.reject(error),
  );
  const [tcpPort = 0, udpPort = 0] = (await printed.promise).trim().split(' ').map(Number);
  return { nonce, tcpPort, udpPort, stop: () => job.endInput() };
}

export interface Question {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port?: number;
  readonly timeoutMs: number;
  /** Length of the IP packet (UDP, ICMP; sent with DF), or of the answer (TCP). */
  readonly size?: number;
  /** The port to ask from (ICMP: the id); such a probe is sent once, and a connection that stands is its answer. */
  readonly sourcePort?: number;
  /** Who has to answer; another server's answer is `wrong-server`. */
  readonly nonce?: string;
}

/** Asks once from the namespace of a host. */
export async function ask(testbed: Testbed, from: Host, question: Question): Promise<Outcome> {
  const deadlineMs = question.timeoutMs + 5_000;
  const finished = await paced(testbed, () => testbed.probe(from, askCommand(question), { deadlineMs }));
  return readOutcome(question, finished);
}

export function askCommand(question: Question): string[] {
  const { protocol, address, port = 0, timeoutMs, size = 0, sourcePort = 0, nonce } = question;
  const numbers = [port, timeoutMs, size, sourcePort].map(String);
  return [AGENT, 'ask', protocol, address, ...numbers, ...(nonce === undefined ? [] : [nonce])];
}

/** @throws {TestbedError} when the probe itself failed. */
export function readOutcome(
  { protocol, nonce }: Pick<Question, 'protocol' | 'nonce'>,
  finished: { readonly exitCode: number; readonly stdout: string; readonly stderr: string },
): Outcome {
  const [kind = '', ...words] = finished.stdout.trim().split(' ');
  if (kind === 'answer') {
    if (protocol === 'icmp') return { kind, client: null, ttl: Number(words[0]) };
    const [answered, client = '', _port, ttl] = words;
    if (nonce !== undefined && answered !== nonce) return { kind: 'wrong-server', client: null, ttl: null };
    return { kind, client, ttl: Number(ttl) || null };
  }
  const plain = kind === 'unreachable' ? `unreachable-${words[0]}` : kind;
  if (!KINDS.has(plain)) {
    throw new TestbedError(
      `The probe failed: wanted an outcome, found "${finished.stdout.trim()}" and "${finished.stderr.trim()}" (status ${finished.exitCode}).`,
    );
  }
  return { kind: plain as OutcomeKind, client: null, ttl: null };
}

const KINDS: ReadonlySet<string> = new Set<OutcomeKind>([
  'refused',
  'reset',
  'unreachable-local',
  'unreachable-remote',
  'too-big',
  'prohibited',
  'timeout',
]);

export const OUTCOME_TEXT: Readonly<Record<OutcomeKind, string>> = {
  answer: 'an answer',
  refused: 'connection refused',
  reset: 'the connection was reset',
  'unreachable-local': 'no way to send it: network unreachable',
  'unreachable-remote': 'destination unreachable (ICMP)',
  'too-big': 'the packet is too big for the path',
  prohibited: 'sending is forbidden by a local filter',
  timeout: 'no answer',
  'wrong-server': 'an answer from somebody else',
  'no-namespace': 'there is no such pod',
};

/** `tcp: no answer`. */
export function describeOutcome(protocol: Protocol, outcome: Outcome): string {
  return `${protocol}: ${OUTCOME_TEXT[outcome.kind]}`;
}
