/** Calls to a node port: many requests from one host, each question asked once in a run. */
import type { PlannedService } from '../topology/plan.ts';
import { requestsToMeetAll } from './even-split.ts';
import { Lanes } from './lanes.ts';
import type { Network } from './network.ts';
import type { NodePortSymptom, WrongAtNodePort } from './node-port-symptom.ts';
import type { OutcomeKind } from './reach.ts';
import { type Sample, sample } from './sample.ts';
import { CheckFailure } from './symptom.ts';

/** TCP sends what was lost again after a second (RFC 6298): one packet lost on a busy machine is no silence. */
const SECOND_TRY_MS = 500;
/** An answer takes well under a millisecond; a node that stays silent this long does not answer. */
export const SILENCE_MS = 400;

/** Beside the lanes of samples (in-lanes.ts). */
const CALLS_AT_ONCE = 6;

export interface Call {
  readonly service: string;
  readonly from: string;
  /** The node that is called. */
  readonly node: string;
  /** Instead of the node's own address. */
  readonly address?: string;
}

/**
 * Requests of one question: as many as meet every backend. Where the answers of one are lost, one of them is among them
 * just as surely.
 */
export function requestsTo(network: Network, service: string): number {
  return requestsToMeetAll(serviceOf(network, service).endpoints.length);
}

/** One question, asked once in a run whoever wants to know. */
export async function ask(
  network: Network,
  asked: Call,
  count = requestsTo(network, asked.service),
  timeoutMs = network.patienceMs + SECOND_TRY_MS,
): Promise<Sample> {
  const { service, from, node } = asked;
  const [port] = serviceOf(network, service).ports;
  await standing(network);
  const protocol = port?.protocol === 'UDP' ? 'udp' : 'tcp';
  const address = asked.address ?? nodeAddress(network, node);
  const number = port?.nodePort ?? 0;
  return network.once(`node port ${from} ${address} ${protocol} ${number} ${count}`, () =>
    call(network, { from, node, address, protocol, port: number, count, timeoutMs }),
  );
}

interface Sampled {
  readonly from: string;
  readonly node: string;
  readonly address?: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly count: number;
  readonly timeoutMs: number;
  readonly keepFlows?: boolean;
}

export async function call(network: Network, { from, node, address, ...question }: Sampled): Promise<Sample> {
  const { testbed } = network;
  const lanes = await network.once('lanes of calls', async () => new Lanes(CALLS_AT_ONCE));
  const asked = { ...question, address: address ?? nodeAddress(network, node) };
  return lanes.run(() => sample(testbed, testbed.host(from), asked));
}

/** The servers behind the Services stand: once in a run. */
export async function standing(network: Network): Promise<void> {
  const states = await network.once('servers that stand', () => network.testbed.standApps());
  for (const [name, state] of states) {
    if (state.kind === 'serves') continue;
    const port = state.kind === 'taken' ? state.port : null;
    const observed = port === null ? 'there is no such namespace' : `somebody else has port ${port}`;
    throw new CheckFailure(`the server of ${name} to stand`, observed, {
      kind: 'server-gone',
      host: network.testbed.host(name),
      port,
    });
  }
}

export function nodeAddress(network: Network, node: string): string {
  return Object.values(network.plan.nodes[node]?.interfaces ?? {})[0]?.address ?? '';
}

export function serviceOf(network: Network, name: string): PlannedService {
  const service = network.plan.services[name];
  if (!service) throw new Error(`The plan of ${network.plan.topology} has no Service "${name}".`);
  return service;
}

export function target(network: Network, { service, node, address }: Call): string {
  const [port] = serviceOf(network, service).ports;
  const protocol = port?.protocol === 'UDP' ? ' (UDP)' : '';
  return `${node} at ${address ?? nodeAddress(network, node)}:${port?.nodePort}${protocol}`;
}

const WORDS: Partial<Readonly<Record<OutcomeKind, string>>> = {
  refused: 'refused',
  reset: 'reset',
  timeout: 'without an answer',
  'unreachable-local': 'not sent: no way out',
  'unreachable-remote': 'answered with "unreachable"',
  'wrong-server': 'answered by somebody else',
  prohibited: 'forbidden by a local filter',
};

export function describeOthers({ others, answers }: Sample): string {
  const lost = [...others].map(([kind, count]) => `${count} ${WORDS[kind] ?? kind}`);
  const answered = answers.reduce((sum, { count }) => sum + count, 0);
  return [...lost, ...(answered > 0 ? [`${answered} answered`] : [])].join(', ');
}

export function firstOutcome({ others }: Sample): OutcomeKind {
  return [...others.keys()][0] ?? 'answer';
}

export function symptom(
  network: Network,
  asked: Call,
  wrong: WrongAtNodePort,
  seen: string,
  outcome: OutcomeKind | null,
): NodePortSymptom & { kind: 'node-port' } {
  const [port] = serviceOf(network, asked.service).ports;
  return {
    kind: 'node-port',
    wrong,
    service: asked.service,
    from: network.testbed.host(asked.from),
    to: network.testbed.host(asked.node),
    address: asked.address ?? nodeAddress(network, asked.node),
    protocol: port?.protocol === 'UDP' ? 'udp' : 'tcp',
    port: port?.nodePort ?? 0,
    outcome,
    seen,
  };
}

export function failure(
  network: Network,
  asked: Call,
  wrong: WrongAtNodePort,
  expected: string,
  observed: string,
  outcome: OutcomeKind | null,
): CheckFailure {
  return new CheckFailure(expected, observed, symptom(network, asked, wrong, observed, outcome));
}

export function localBackends(network: Network, { service, node }: Call): string[] {
  return serviceOf(network, service).endpoints.filter((pod) => network.plan.pods[pod]?.node === node);
}
