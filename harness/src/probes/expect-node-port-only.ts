/** What a node port leaves alone: the other ports of its nodes, what passes them, and the ClusterIP. */
import {
  call,
  describeOthers,
  firstOutcome,
  requestsTo,
  SILENCE_MS,
  serviceOf,
  standing,
  symptom,
} from './call-node-port.ts';
import type { Network } from './network.ts';
import { sharesOf } from './sample.ts';
import { CheckFailure } from './symptom.ts';

/** Where nothing is left to chance. */
const A_FEW = 4;

/**
 * What a node serves itself stays its own, and a port that nobody serves leads nowhere: the numbers of the Service
 * and of its pods, a neighbour of the node port, an end of the range, and the same number over UDP.
 */
export async function expectOwnPorts(
  network: Network,
  service: string,
  from: string,
  node: string,
): Promise<void> {
  const { services, servers } = network.plan;
  const [port] = serviceOf(network, service).ports;
  const taken = Object.values(services).flatMap(({ ports, healthCheckNodePort }) => [
    ...ports.map(({ nodePort }) => nodePort ?? 0),
    healthCheckNodePort ?? 0,
  ]);
  const serving = servers[node] ?? [];
  const nodePort = port?.nodePort ?? 0;
  // Beside every node port: a rule for one may be too wide for all.
  const near = [...taken.filter((each) => each > 0).map((each) => each + 1), 30_000].filter(
    (each) => !taken.includes(each),
  );
  const tcp = [port?.port ?? 80, port?.targetPort ?? 8080, ...near].map((number) => ['tcp', number] as const);
  const own = await network.addressOf(from);
  await standing(network);
  await network.expectEach([...tcp, ['udp', nodePort] as const], async ([protocol, number]) => {
    const asked = await call(network, {
      from,
      node,
      protocol,
      port: number,
      // Of UDP one: the node may not refuse more at once (icmp_ratelimit).
      count: protocol === 'udp' ? 1 : A_FEW,
      timeoutMs: SILENCE_MS,
      // A refused connection leaves nothing in the table of connections.
      keepFlows: protocol === 'tcp' && !serving.includes(number),
    });
    const serves = protocol === 'tcp' && serving.includes(number);
    const wrong = serves
      ? (asked.answers.find(({ server, client }) => server !== node || client !== own) ?? null)
      : (asked.answers[0] ?? null);
    const silent = serves && asked.answers.length === 0;
    if (!wrong && !silent) return;
    const what = `${node}'s ${protocol.toUpperCase()} port ${number}`;
    const expected = serves
      ? `${what} to be answered by ${node} itself, which sees ${own}`
      : `nobody to answer at ${what}`;
    const seen = wrong ? `an answer of ${wrong.server}, which saw ${wrong.client}` : describeOthers(asked);
    throw new CheckFailure(expected, seen, {
      ...symptom(network, { service, from, node }, 'own-port', seen, firstOutcome(asked)),
      protocol,
      port: number,
    });
  });
}

/** What is for somebody else passes the nodes, though it has the number of a node port. */
export async function expectTransit(
  network: Network,
  service: string,
  from: string,
  to: string,
): Promise<void> {
  const address = await network.addressOf(to);
  const [port] = serviceOf(network, service).ports;
  const number = port?.nodePort ?? 0;
  await standing(network);
  const asked = await call(network, {
    from,
    node: to,
    address,
    protocol: 'tcp',
    port: number,
    // A rule takes all of them or none.
    count: A_FEW,
    timeoutMs: network.patienceMs,
  });
  const name = network.testbed.host(to).pod || to;
  const other = asked.answers.find(({ server }) => server !== name);
  if (!other && asked.others.size === 0) return;
  const expected = `what ${from} sends to ${to} at ${address}:${number} to be answered by ${to}`;
  const seen = other ? `an answer of ${other.server}` : describeOthers(asked);
  throw new CheckFailure(expected, seen, {
    kind: 'node-port',
    wrong: 'transit',
    service,
    from: network.testbed.host(from),
    to: network.testbed.host(to),
    address,
    protocol: 'tcp',
    port: number,
    outcome: firstOutcome(asked),
    seen,
  });
}

/** By the ClusterIP a backend still sees the pod's own address. */
export async function expectClusterIpSource(network: Network, service: string, from: string): Promise<void> {
  const { clusterIp, ports } = serviceOf(network, service);
  const [port] = ports;
  const own = await network.addressOf(from);
  await standing(network);
  const protocol = port?.protocol === 'UDP' ? 'udp' : 'tcp';
  const address = clusterIp ?? '';
  const asked = await call(network, {
    from,
    node: from,
    address,
    protocol,
    port: port?.port ?? 0,
    count: requestsTo(network, service),
    timeoutMs: network.patienceMs,
  });
  const expected = `the backends of ${service} to see ${from} as ${own}, by the ClusterIP ${address}`;
  const host = network.testbed.host(from);
  const changed = asked.answers.find(({ client }) => client !== own);
  if (changed) {
    const to = network.testbed.host(`pod/${changed.server}`);
    const seen = `${changed.server} saw ${changed.client}`;
    throw new CheckFailure(expected, seen, {
      kind: 'source-changed',
      from: host,
      to,
      address,
      protocol,
      port: port?.port ?? 0,
      seen: changed.client,
    });
  }
  const outcome = firstOutcome(asked);
  if (outcome === 'answer' || !port) return;
  const count = [...asked.others.values()].reduce((sum, each) => sum + each, 0);
  const answered = [...sharesOf(asked)];
  throw new CheckFailure(expected, describeOthers(asked), {
    kind: 'service',
    service,
    from: host,
    address,
    port,
    wrong: {
      what: 'unanswered',
      outcome,
      count,
      asked: answered.reduce((sum, [, share]) => sum + share, count),
      answered: answered.map(([server]) => server),
    },
  });
}
