/**
 * Services as their clients see them: who answers at the ClusterIP, how often each endpoint, and what the servers see
 * of the client. All requests go to servers that stand in the testbed (`servers` of the topology).
 */
import { randomInt } from 'node:crypto';
import { type Host, hostName } from '../testbed/host.ts';
import type { PlannedService, PlannedServicePort } from '../topology/plan.ts';
import { describeShares, REQUESTS_TO_MEET_RARE, requestsToMeetAll, splitInGoes } from './even-split.ts';
import type { Network } from './network.ts';
import { OUTCOME_TEXT } from './reach.ts';
import { type Answers, missingFrom, type Sample, sample, sharesOf } from './sample.ts';
import type { WrongWithService } from './service-symptom.ts';
import { CheckFailure } from './symptom.ts';

/** Requests over each connection, so that one that moves to another endpoint is seen. */
const REQUESTS_EACH = 3;

/** One port of a Service, as one host asks for it. */
interface Asked {
  readonly network: Network;
  readonly from: Host;
  readonly name: string;
  readonly service: PlannedService;
  readonly address: string;
  readonly port: PlannedServicePort;
}

/** Every endpoint of the Service answers, nobody else does, and one connection stays with one endpoint. */
export async function expectService(
  network: Network,
  from: string,
  service: string,
  portName?: string,
): Promise<void> {
  const asked = plannedPort(network, from, service, portName);
  const seen = await sampleOnce(asked, requestsToMeetAll(asked.service.endpoints.length), REQUESTS_EACH);
  judgeAnswers(asked, seen);
  if (missingFrom(seen, asked.service.endpoints).length === 0) return;
  const more = await sampleOnce(asked, REQUESTS_TO_MEET_RARE, 1);
  const missing = missingFrom(more, asked.service.endpoints);
  throw failure(
    asked,
    `answers from ${listed(asked.service.endpoints)}`,
    `${missing.length > 0 ? `none from ${listed(missing)}: ` : ''}${describeShares(sharesIn(asked, more))}`,
    { what: 'uneven', shares: sharesIn(asked, more) },
  );
}

/**
 * At least one request is answered by an endpoint: a first answer, whatever becomes of the others. As many as meet all
 * endpoints meet each one, also where only one of them answers.
 */
export async function expectSomeEndpoint(network: Network, from: string, service: string): Promise<void> {
  const asked = plannedPort(network, from, service);
  const seen = await sampleOnce(asked, requestsToMeetAll(asked.service.endpoints.length), REQUESTS_EACH);
  if (seen.answers.some((answer) => isRight(asked, answer))) return;
  judgeAnswers(asked, seen);
}

/** Each endpoint gets its share of the connections (see even-split.ts for the numbers). */
export async function expectEvenSplit(
  network: Network,
  from: string,
  service: string,
  portName?: string,
): Promise<void> {
  const asked = plannedPort(network, from, service, portName);
  await expectService(network, from, service, portName);
  const { even, shares } = await splitInGoes(async (requests) => {
    const seen = await sampleOnce(asked, requests, 1);
    judgeAnswers(asked, seen);
    return sharesIn(asked, seen);
  });
  if (even) return;
  throw failure(
    asked,
    `${hostName(asked.from)}'s connections to be split evenly among ${listed(asked.service.endpoints)}`,
    describeShares(shares),
    { what: 'uneven', shares },
  );
}

/** The servers see the client's own address. What a pod sends to itself by its Service is another matter. */
export async function expectClientKept(
  network: Network,
  from: string,
  service: string,
  portName?: string,
): Promise<void> {
  const asked = plannedPort(network, from, service, portName);
  const seen = await sampleOnce(asked, requestsToMeetAll(asked.service.endpoints.length), REQUESTS_EACH);
  judgeAnswers(asked, seen);
  const own = await network.addressOf(from);
  const changed = seen.answers.find(({ client, server }) => client !== own && server !== asked.from.pod);
  if (!changed) return;
  throw failure(
    asked,
    `the endpoints of ${service} to see ${from} as ${own}`,
    `${changed.server} saw ${changed.client}`,
    { what: 'client-changed', server: changed.server, seen: changed.client },
  );
}

/** An endpoint that asks its own Service gets all answers, its own among them. */
export async function expectHairpin(network: Network, pod: string, service: string): Promise<void> {
  await expectService(network, pod, service);
}

/** Without endpoints a Service refuses at once: a client that waits cannot know whether there will be an answer. */
export async function expectRefused(
  network: Network,
  from: string,
  service: string,
  portName?: string,
): Promise<void> {
  const asked = plannedPort(network, from, service, portName);
  // One request: a kernel sends each neighbour one ICMP error a second, after a burst of six (man 7 icmp, icmp_ratelimit).
  const seen = await sampleOnce(asked, 1, 1);
  const expected = `${service} at ${describePort(asked)} to refuse ${from} at once: it has no endpoints`;
  const [answer] = seen.answers;
  if (answer) {
    throw failure(asked, expected, `an answer from ${answer.server} at ${answer.at}`, {
      what: 'stranger',
      server: answer.server,
      at: answer.at,
    });
  }
  const [other] = [...seen.others].filter(([outcome]) => outcome !== 'refused');
  if (!other) return;
  throw failure(asked, expected, OUTCOME_TEXT[other[0]], { what: 'not-refused', outcome: other[0] });
}

/**
 * What is not a port of the Service is not served: the same number over the other protocol, the port that its pods
 * listen on, a number next to it. Refused or untouched is both right.
 */
export async function expectOtherPortsUnserved(
  network: Network,
  from: string,
  service: string,
): Promise<void> {
  const asked = plannedPort(network, from, service);
  const { port } = asked;
  const other = port.protocol === 'TCP' ? 'UDP' : 'TCP';
  const candidates: PlannedServicePort[] = [
    { ...port, protocol: other },
    { ...port, port: port.targetPort },
    { ...port, port: port.port + 1 },
    // Whoever serves more than was asked for takes a port that is known for something, or all of them.
    ...[22, 443, randomInt(1_024, 30_000)].map((number) => ({ ...port, port: number })),
  ];
  const taken = ({ protocol, port: number }: PlannedServicePort) =>
    asked.service.ports.some((own) => own.protocol === protocol && own.port === number);
  const untaken = candidates.filter((candidate) => !taken(candidate));
  await network.expectEach(untaken, async (candidate) => {
    const other = { ...asked, port: candidate };
    const [answer] = (await sampleOnce(other, 1, 1, UNSERVED_MS)).answers;
    if (!answer) return;
    throw failure(
      other,
      `nobody to answer at ${describePort(other)}: ${service} has no such port`,
      `an answer from ${answer.server} at ${answer.at}`,
      { what: 'other-port', server: answer.server, at: answer.at },
    );
  });
}

/** Silence is right where nothing is served, so it is not waited for longer than answers take. */
const UNSERVED_MS = 150;

function plannedPort(network: Network, from: string, name: string, portName?: string): Asked {
  const service = network.plan.services[name];
  const port = service?.ports.find((each) => portName === undefined || each.name === portName);
  if (!service?.clusterIp || !port) {
    throw new Error(`The plan has no Service "${name}" with a ClusterIP and a port "${portName ?? ''}".`);
  }
  return { network, from: network.testbed.host(from), name, service, address: service.clusterIp, port };
}

/** Asks once in a run; all checks share what came of it. */
function sampleOnce(asked: Asked, count: number, requests: number, timeoutMs?: number): Promise<Sample> {
  const { network, from, address, port } = asked;
  const protocol = port.protocol === 'TCP' ? 'tcp' : 'udp';
  const key = `sample ${hostName(from)} ${protocol} ${address} ${port.port} ${count} ${requests}`;
  return network.once(key, async () => {
    await network.once('stand apps', () => network.testbed.standApps());
    const patience = timeoutMs ?? network.patienceMs;
    const question = { protocol, address, port: port.port, count, requests, timeoutMs: patience } as const;
    return sample(network.testbed, from, question);
  });
}

function isRight({ service, port }: Asked, { server, at }: Answers): boolean {
  return service.endpoints.includes(server) && Number(at.split(':')[1]) === port.targetPort;
}

/** All requests were answered, by endpoints, at the target port, each connection by one. */
function judgeAnswers(asked: Asked, seen: Sample): void {
  const { name, service, port, from } = asked;
  const expected = `${listed(service.endpoints)} to answer ${hostName(from)} at ${describePort(asked)}`;
  const stranger = seen.answers.find(({ server }) => !service.endpoints.includes(server));
  if (stranger) {
    const { server, at } = stranger;
    const text = `${server} at ${at} answered, which is no endpoint of ${name}`;
    throw failure(asked, expected, text, { what: 'stranger', server, at });
  }
  const elsewhere = seen.answers.find(({ at }) => Number(at.split(':')[1]) !== port.targetPort);
  if (elsewhere) {
    const { server, at } = elsewhere;
    throw failure(asked, `${expected}, by port ${port.targetPort}`, `${server} answered at ${at}`, {
      what: 'other-target',
      server,
      at,
    });
  }
  const [lost] = seen.others;
  if (lost) {
    const [outcome, count] = lost;
    const answers = seen.answers.reduce((sum, each) => sum + each.count, 0);
    const all = answers + [...seen.others.values()].reduce((sum, each) => sum + each, 0);
    const rest = answers > 0 ? `; ${describeShares(sharesIn(asked, seen))}` : '';
    throw failure(asked, expected, `${OUTCOME_TEXT[outcome]} (${count} of ${all} requests${rest})`, {
      what: 'unanswered',
      outcome,
      count,
      asked: all,
      answered: sharesIn(asked, seen).flatMap(([server, share]) => (share > 0 ? [server] : [])),
    });
  }
  if (seen.moved > 0) {
    throw failure(
      asked,
      'one connection to stay with one endpoint',
      `${seen.moved} answers came from another endpoint than the one before on the same connection`,
      { what: 'moved', count: seen.moved },
    );
  }
}

function sharesIn({ service }: Asked, seen: Sample): [string, number][] {
  const shares = sharesOf(seen);
  return service.endpoints.map((endpoint) => [endpoint, shares.get(endpoint) ?? 0]);
}

function describePort({ address, port }: Asked): string {
  return `${address}:${port.port}/${port.protocol}`;
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'nobody';
  return names.length === 1 ? `${names[0]}` : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function failure(asked: Asked, expected: string, observed: string, wrong: WrongWithService): CheckFailure {
  const { from, name: service, address, port } = asked;
  return new CheckFailure(expected, observed, { kind: 'service', from, service, address, port, wrong });
}
