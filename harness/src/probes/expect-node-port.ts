/** What must be true of a node port: who gets in by it, and whom they reach. */
import {
  ask,
  type Call,
  call,
  describeOthers,
  failure,
  firstOutcome,
  nodeAddress,
  serviceOf,
  target,
} from './call-node-port.ts';
import { captureWhile, type Frame } from './capture.ts';
import { describeShares, REQUESTS_TO_MEET_RARE, splitInGoes } from './even-split.ts';
import type { Network } from './network.ts';
import { isWithin, NO_PORTS, type ProbePorts } from './probe-ports.ts';
import { missingFrom, portsOf, type Sample, sharesOf } from './sample.ts';

/** At least some of the requests reach a backend, whether or not the others get their answers. */
export async function expectArrivalAtBackend(network: Network, call: Call): Promise<void> {
  const asked = await ask(network, call);
  if (asked.answers.length > 0) return;
  const expected = `requests of ${call.from} to ${target(network, call)} to arrive at a backend of ${call.service}`;
  throw failure(network, call, 'no-answer', expected, describeOthers(asked), firstOutcome(asked));
}

/** Every request is answered, and by a backend: the answer comes from the address that was called, or it is none. */
export async function expectAnswered(network: Network, call: Call): Promise<Sample> {
  const asked = await ask(network, call);
  const { endpoints } = serviceOf(network, call.service);
  const expected = `an answer to each request of ${call.from} to ${target(network, call)}, from a backend of ${call.service}`;
  if (asked.others.size > 0) {
    const stray = asked.others.has('timeout') ? await strayAnswer(network, call) : '';
    throw failure(network, call, 'no-answer', expected, describeOthers(asked) + stray, firstOutcome(asked));
  }
  const stranger = asked.answers.find(({ server }) => !endpoints.includes(server));
  if (stranger)
    throw failure(network, call, 'own-port', expected, `answers from ${stranger.server}`, 'answer');
  return asked;
}

/** As {@link expectAnswered}, and each of these pods gets some of the requests. */
export async function expectBackends(network: Network, call: Call, pods: readonly string[]): Promise<void> {
  if (missingFrom(await expectAnswered(network, call), pods).length === 0) return;
  const more = await ask(network, call, REQUESTS_TO_MEET_RARE);
  const missed = missingFrom(more, pods);
  const expected = `requests of ${call.from} to ${target(network, call)} to be spread over ${pods.join(', ')}`;
  if (missed.length === 0) {
    const shares = sharesOf(more);
    const seen = describeShares(pods.map((pod) => [pod, shares.get(pod) ?? 0]));
    throw failure(network, call, 'uneven', expected, seen, 'answer');
  }
  const { externalTrafficPolicy } = serviceOf(network, call.service);
  const inside = network.plan.nodes[network.testbed.host(call.from).node]?.podCidr !== null;
  const wrong = externalTrafficPolicy === 'Local' && inside ? 'local-for-all' : 'backend-missing';
  const seen = `none of ${REQUESTS_TO_MEET_RARE} went to ${missed.join(' and ')}`;
  throw failure(network, call, wrong, expected, seen, 'answer');
}

/** Every backend gets its share at each node (see even-split.ts for the numbers). */
export async function expectEvenAtNodes(
  network: Network,
  service: string,
  from: string,
  nodes: readonly string[],
  backends: readonly string[] = serviceOf(network, service).endpoints,
): Promise<void> {
  await network.expectEach(nodes, async (node) => {
    const call = { service, from, node };
    const { even, shares } = await splitInGoes(async (requests) => {
      const asked = await ask(network, call, requests);
      if (asked.others.size > 0) {
        const expected = `an answer to each of ${requests} requests of ${from} to ${target(network, call)}`;
        throw failure(network, call, 'no-answer', expected, describeOthers(asked), firstOutcome(asked));
      }
      const counts = sharesOf(asked);
      return backends.map((pod) => [pod, counts.get(pod) ?? 0] as const);
    });
    if (even) return;
    const expected = `the backends of ${service} to get equal shares of what ${from} sends to ${target(network, call)}`;
    throw failure(network, call, 'uneven', expected, describeShares(shares), 'answer');
  });
}

/** What comes back to the client from an address that it did not call. */
async function strayAnswer(network: Network, asked: Call): Promise<string> {
  const { testbed } = network;
  const host = testbed.host(asked.from);
  const [own, right] = [
    await network.addressOf(asked.from),
    asked.address ?? nodeAddress(network, asked.node),
  ];
  const [port] = serviceOf(network, asked.service).ports;
  const protocol = port?.protocol === 'UDP' ? 'udp' : 'tcp';
  if (right.startsWith('127.')) return '';
  const device = host.pod
    ? 'eth0'
    : (Object.keys(network.plan.nodes[host.node]?.interfaces ?? {})[0] ?? 'eth0');
  let ports = NO_PORTS;
  const send = async () => {
    const sent = {
      from: asked.from,
      node: asked.node,
      address: right,
      protocol,
      count: 12,
      timeoutMs: 200,
    } as const;
    ports = portsOf(await call(network, { ...sent, port: port?.nodePort ?? 0 }));
  };
  const frames = await captureWhile(
    testbed,
    { host, device },
    `${protocol} and dst host ${own} and not src host ${right} and src port ${port?.targetPort}`,
    send,
    (seen) => strayIn(seen, ports) !== null,
    50,
  );
  const source = strayIn(frames, ports);
  return source ? `; answers came from ${source} instead of ${right}` : '';
}

/** Whom a frame for one of our ports comes from: others may get answers meanwhile. */
function strayIn(frames: readonly Frame[], ports: ProbePorts): string | null {
  return (
    frames.find(({ packet }) => packet && isWithin(ports, packet.destinationPort))?.packet?.source ?? null
  );
}
