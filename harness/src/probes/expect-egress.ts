/** What must be true of packets that leave the cluster: as whom the server outside sees a pod. */
import { randomInt } from 'node:crypto';
import { hostName } from '../testbed/host.ts';
import { rangeOf, toAddress, toNumber } from '../topology/cidr.ts';
import { captureWhile, type Frame, MARK_WITHIN_MS } from './capture.ts';
import type { Network } from './network.ts';
import { takePorts } from './probe-ports.ts';
import { ask, describeOutcome } from './reach.ts';
import { type Sample, sample } from './sample.ts';
import { CheckFailure } from './symptom.ts';

/** The server outside answers a host, and sees it by the one address given, over TCP and UDP. */
export async function expectSeenAs(
  network: Network,
  from: string,
  to: string,
  wanted: string,
): Promise<void> {
  const hosts = { from: network.testbed.host(from), to: network.testbed.host(to) };
  const address = await network.addressOf(to);
  const { tcpPort, udpPort } = await network.server(to);
  const expected = `${to} to see ${from} as ${wanted}`;
  for (const protocol of ['tcp', 'udp'] as const) {
    const port = protocol === 'tcp' ? tcpPort : udpPort;
    const outcome = await network.outcome(protocol, from, to, address);
    if (outcome.kind !== 'answer' || outcome.client === null) {
      const silence = { kind: 'no-answer', ...hosts, address, protocol, port, outcome } as const;
      throw new CheckFailure(expected, describeOutcome(protocol, outcome), silence);
    }
    if (outcome.client === wanted) continue;
    const seen = outcome.client;
    const symptom = { kind: 'seen-as', ...hosts, address, protocol, port, seen, wanted } as const;
    throw new CheckFailure(expected, `${protocol}: ${to} saw ${seen}`, symptom);
  }
}

/** The server outside sees a pod as the node that it is on: by the address of the node on the underlay. */
export function expectSeenAsNode(network: Network, from: string, to: string): Promise<void> {
  const { node } = network.testbed.host(from);
  return expectSeenAs(network, from, to, uplinkAddress(network, node));
}

/**
 * What a pod sends to any address outside leaves its node with the address of the node. The address is drawn anew, so no
 * rule was made for it; nobody has it, and the packet ends at the router.
 *
 * @param to a host outside, by the way to which the packet goes.
 */
export async function expectLeavesAsNode(network: Network, from: string, to: string): Promise<void> {
  const wanted = uplinkAddress(network, network.testbed.host(from).node);
  await network.expectEach(HALVES, (half) => expectLeavesAs(network, from, to, inventAddress(half), wanted));
}

/** What a pod sends to any address of a network outside leaves its node with the pod's own address. */
export async function expectLeavesAsItself(
  network: Network,
  from: string,
  to: string,
  cidr: string,
): Promise<void> {
  const { network: first, broadcast: last } = rangeOf(cidr);
  const taken = toNumber(await network.addressOf(to));
  // Neither the network's own address, nor its broadcast, nor the one that is asked everywhere else.
  const free = Array.from({ length: Math.min(last - first - 1, 200) }, (_, index) => first + 1 + index);
  const others = free.filter((each) => each !== taken);
  const address = toAddress(others[randomInt(others.length)] ?? first);
  await expectLeavesAs(network, from, to, address, await network.addressOf(from));
}

async function expectLeavesAs(
  network: Network,
  from: string,
  to: string,
  address: string,
  wanted: string,
): Promise<void> {
  const { testbed } = network;
  const hosts = { from: testbed.host(from), to: testbed.host(to) };
  const { node } = hosts.from;
  const [uplink] = Object.keys(network.plan.nodes[node]?.interfaces ?? {});
  const { first: mark } = takePorts();
  const isMark = ({ packet }: Frame) => packet?.destination === address && packet.icmpId === mark;
  const isSent = (frame: Frame) => frame.packet?.destination === address && !isMark(frame);
  const question = { protocol: 'icmp', address, timeoutMs: ONE_WAY_MS } as const;
  const frames = await captureWhile(
    testbed,
    { port: `${node}-${uplink}` },
    `icmp and dst host ${address}`,
    async () => {
      await ask(testbed, hosts.from, question);
      await ask(testbed, { node, pod: '' }, { ...question, sourcePort: mark });
    },
    // The node's own packet comes last: when it is there, the pod's is there too, or has not left.
    (seen) => seen.some(isSent) || seen.some(isMark),
    MARK_WITHIN_MS,
  );
  const seen = frames.find(isSent)?.packet?.source;
  if (seen === wanted) return;
  const expected = `a packet of ${from} for ${address} to leave ${node} as ${wanted}`;
  const probe = { ...hosts, address, protocol: 'icmp', port: 0 } as const;
  const silence = { kind: 'timeout', client: null, ttl: null } as const;
  throw seen === undefined
    ? new CheckFailure(expected, 'it did not leave', { kind: 'no-answer', ...probe, outcome: silence })
    : new CheckFailure(expected, `it left as ${seen}`, { kind: 'seen-as', ...probe, seen, wanted });
}

/** The first numbers of addresses in both halves of the world: of no network of the plan, and none with a meaning (RFC 6890). */
const HALVES = [
  { least: 11, most: 99 },
  { least: 130, most: 167 },
] as const;

function inventAddress({ least, most }: (typeof HALVES)[number]): string {
  return [randomInt(least, most + 1), randomInt(256), randomInt(256), randomInt(1, 255)].join('.');
}

/** How long the pod asks: on one machine a packet takes microseconds. */
const ONE_WAY_MS = 250;

/** The server outside sees the pod's own address. */
export async function expectSeenAsItself(network: Network, from: string, to: string): Promise<void> {
  return expectSeenAs(network, from, to, await network.addressOf(from));
}

/** Requests over one connection to the server that stands in a host: all are answered, to one and the same client. */
export async function expectLastingConnection(network: Network, from: string, to: string): Promise<void> {
  const { testbed } = network;
  await network.once('stand apps', () => testbed.standApps());
  const address = await network.addressOf(to);
  const port = network.plan.servers[to]?.[0] ?? 80;
  const { patienceMs: timeoutMs } = network;
  const question = { protocol: 'tcp', address, port, count: 1, requests: REQUESTS, timeoutMs } as const;
  const asked = await sample(testbed, testbed.host(from), question);
  const answered = asked.answers.reduce((sum, { count }) => sum + count, 0);
  if (answered === REQUESTS && asked.answers.length === 1) return;
  const hosts = { from: testbed.host(from), to: testbed.host(to) };
  const outcome = { kind: [...asked.others.keys()][0] ?? 'timeout', client: null, ttl: null } as const;
  // What cuts off a connection in the middle does nothing to a new one: the diagnosis has to see one that is cut off.
  const about = { address, protocol: 'tcp', port, outcome, requests: REQUESTS } as const;
  throw new CheckFailure(
    `${REQUESTS} requests of ${from} over one connection to ${to}, all answered`,
    describeSample(asked),
    { kind: 'no-answer', ...hosts, ...about },
  );
}

/** More than fit into the packets that open and close a connection. */
const REQUESTS = 40;

function describeSample({ answers, others }: Sample): string {
  const parts = answers.map(({ server, client, count }) => `${count} answered by ${server} to ${client}`);
  for (const [kind, count] of others) parts.push(`${count} ${kind}`);
  return parts.join(', ') || 'nothing';
}

function uplinkAddress(network: Network, node: string): string {
  const address = Object.values(network.plan.nodes[node]?.interfaces ?? {})[0]?.address;
  if (!address) throw new Error(`${hostName({ node, pod: '' })} has no address on the underlay`);
  return address;
}
