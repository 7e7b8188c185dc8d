/**
 * The network under test, as a check sees it. Every `expect...` sends real packets or reads real kernel
 * state from the fabric, and throws a {@link CheckFailure} with the symptom when it finds otherwise.
 * Observations are made once per run and shared: ten checks that need "a reaches b" cost one probe.
 */

import { type Host, hostName } from '../testbed/host.ts';
import { RefusedError } from '../testbed/session.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { contains } from '../topology/cidr.ts';
import type { AddressPlan } from '../topology/plan.ts';
import { addPod } from './added-pod.ts';
import { interfaceWith, traceCable } from './cable.ts';
import {
  forgetLearnedNeighbours,
  forgetUnresolvedNeighbours,
  type Interface,
  type Neighbour,
  readFdb,
  readNeighbours,
  readRoute,
  readSettledInterfaces,
} from './kernel-state.ts';
import { freeAddress, judgeAddresses } from './own-addresses.ts';
import { ask, describeOutcome, type Outcome, type Protocol, type Server, startServer } from './reach.ts';
import { CheckFailure, type NamedCause, type Symptom } from './symptom.ts';

/** Finds the cause of a symptom; null as long as none is proven. */
export type Explain = (symptom: Symptom) => Promise<NamedCause | null>;

export interface NetworkOptions {
  /** How long a probe may stay without an answer before that is the answer. */
  readonly patienceMs: number;
  readonly explain: Explain;
  /** Whether a proven cause ends the wait for an answer: for the live board, where a verdict may be revised. */
  readonly eager: boolean;
}

/** Whom a packet is handed to, and by which entry of the neighbour table. */
interface NextHop {
  readonly nextHop: string;
  readonly entry: Neighbour | undefined;
}

const PROTOCOLS: readonly Protocol[] = ['icmp', 'tcp', 'udp'];
/** On one host an answer takes well under a millisecond; after this much silence it is worth asking why. */
const SILENCE_MS = 120;
/** For what is sent again while a diagnosis looks on. */
const RESENT_MS = 250;

/** Looks that have not ended, also of checks that have. */
const underWay = new WeakMap<Testbed, Set<Promise<unknown>>>();

function underWayIn(testbed: Testbed): Set<Promise<unknown>> {
  const going = underWay.get(testbed) ?? new Set();
  underWay.set(testbed, going);
  return going;
}

export class Network {
  readonly testbed: Testbed;
  readonly plan: AddressPlan;
  readonly #options: NetworkOptions;
  readonly #memory = new Map<string, Promise<unknown>>();
  readonly #servers: Server[] = [];
  readonly #earlier: readonly Promise<unknown>[];

  constructor(testbed: Testbed, options: NetworkOptions) {
    this.testbed = testbed;
    this.plan = testbed.plan;
    this.#options = options;
    this.#earlier = [...underWayIn(testbed)];
  }

  /** Each host has an address of its own from the range: not the gateway's, not shared. */
  async expectOwnAddresses(names: readonly string[], cidr: string, gateway: string): Promise<void> {
    const ownersOf = (hosts: readonly Host[]) =>
      Promise.all(hosts.map(async (host) => ({ host, addresses: await this.#addresses(host) })));
    const hosts = names.map((name) => this.testbed.host(name));
    const nodes = [...new Set(hosts.map(({ node }) => node))].map((node) => ({ node, pod: '' }));
    const wrong = judgeAddresses(await ownersOf(hosts), await ownersOf(nodes), { cidr, gateway });
    if (wrong) throw wrong;
  }

  /** The other side answers over ICMP, TCP and UDP, at the address given or else at its own. */
  async expectReach(from: string, to: string, address?: string): Promise<void> {
    const target = address ?? (await this.addressOf(to));
    const outcomes = await Promise.all(PROTOCOLS.map((protocol) => this.#ask(protocol, from, to, target)));
    for (const [index, protocol] of PROTOCOLS.entries()) {
      const outcome = outcomes[index];
      if (!outcome || outcome.kind === 'answer') continue;
      throw new CheckFailure(
        `an answer from ${to} at ${target} over ICMP, TCP and UDP`,
        describeOutcome(protocol, outcome),
        await this.#noAnswer(protocol, from, to, target, outcome),
      );
    }
    const twin = await this.#twinOf(to);
    if (!twin) return;
    throw new CheckFailure(
      `an answer from ${to} at ${target}, whoever spoke last`,
      `an answer by chance: ${twin} has the same MAC address behind the same bridge`,
      await this.#noAnswer('icmp', from, to, target, { kind: 'timeout', client: null, ttl: null }),
    );
  }

  /** The server sees the client's own address: nobody rewrote it on the way. */
  async expectSourceKept(from: string, to: string): Promise<void> {
    const [own, target] = await Promise.all([this.#addresses(this.testbed.host(from)), this.addressOf(to)]);
    for (const protocol of ['tcp', 'udp'] as const) {
      const outcome = await this.#ask(protocol, from, to, target);
      const expected = `${to} to see ${from} as ${own.join(' or ')}`;
      if (outcome.kind !== 'answer' || outcome.client === null) {
        const symptom = await this.#noAnswer(protocol, from, to, target, outcome);
        throw new CheckFailure(expected, describeOutcome(protocol, outcome), symptom);
      }
      if (own.includes(outcome.client)) continue;
      const hosts = { from: this.testbed.host(from), to: this.testbed.host(to) };
      const symptom: Symptom = {
        kind: 'source-changed',
        ...hosts,
        address: target,
        protocol,
        port: await this.#portOf(protocol, to),
        seen: outcome.client,
      };
      throw new CheckFailure(expected, `${protocol}: ${to} saw ${outcome.client}`, symptom);
    }
  }

  /**
   * The packet arrives with the TTL it left with: no router had it in hand (RFC 1812, section 5.3.1). A rule
   * can set the TTL back, so the frame must not be addressed to the node either.
   */
  async expectNotRouted(from: string, to: string): Promise<void> {
    const target = await this.addressOf(to);
    const expected = `a packet from ${from} to arrive at ${to} with its TTL of 64, handed on by a bridge`;
    const hosts = { from: this.testbed.host(from), to: this.testbed.host(to) };
    for (const protocol of ['udp', 'tcp'] as const) {
      const outcome = await this.#ask(protocol, from, to, target);
      if (outcome.ttl === null) {
        const symptom = await this.#noAnswer(protocol, from, to, target, outcome);
        throw new CheckFailure(expected, describeOutcome(protocol, outcome), symptom);
      }
      const router = await this.#routerBetween(hosts.from, target);
      if (outcome.ttl === 64 && router === null) continue;
      const observed = outcome.ttl === 64 ? `${from} sends it to ${router}` : `a TTL of ${outcome.ttl}`;
      throw new CheckFailure(expected, observed, {
        kind: 'routed',
        ...hosts,
        address: target,
        ttl: outcome.ttl,
        router,
      });
    }
  }

  /** After talking, the neighbour table of one side names the interface that really answers for the other. */
  async expectNeighbourLearned(from: string, to: string): Promise<void> {
    await this.expectReach(from, to);
    const [host, other] = [this.testbed.host(from), this.testbed.host(to)];
    const target = await this.addressOf(to);
    const { nextHop, entry } = await this.#learnedNextHop(host, target);
    const [node, theirs] = await Promise.all([
      this.#interfaces({ node: host.node, pod: '' }),
      this.#interfaces(other),
    ]);
    const owner = interfaceWith(nextHop === target ? theirs : [...theirs, ...node], nextHop);
    // With proxy ARP the node answers for the other pod; what was asked for and answered is no mistake.
    const proxies = entry?.state === 'PERMANENT' ? [] : node;
    const right = [owner, ...proxies].flatMap((each) => (each ? [each.mac] : []));
    if (entry?.mac && right.includes(entry.mac)) return;
    throw new CheckFailure(
      `${from} to know ${nextHop} as ${owner?.mac ?? `the MAC address of ${to}`}`,
      entry ? `${nextHop} is known as ${entry.mac}` : `no entry for ${nextHop}`,
      { kind: 'neighbour-wrong', host, address: nextHop, mac: entry?.mac ?? null },
    );
  }

  /** The bridge knows behind which of its ports the pod is (man 8 bridge, `fdb`). */
  async expectInForwardingDatabase(name: string): Promise<void> {
    const host = this.testbed.host(name);
    const nodeHost = { node: host.node, pod: '' };
    const [inside, node] = await Promise.all([this.#interfaces(host), this.#interfaces(nodeHost)]);
    const port = interfaceWith(inside, await this.addressOf(name));
    const cable = port ? traceCable(port, node) : null;
    if (!cable?.outside || !cable.bridge) {
      const observed = cable?.outside ? `${cable.outside.name} is in no bridge` : 'no cable to the node';
      throw new CheckFailure(`${name} behind a port of a bridge`, observed, { kind: 'no-bridge', host });
    }
    const { outside, bridge } = cable;
    const entries = await readFdb(this.testbed, nodeHost);
    if (entries.some((entry) => entry.port === outside.name && entry.mac === cable.inside.mac)) return;
    throw new CheckFailure(
      `${bridge.name} to know ${cable.inside.mac} behind ${outside.name}`,
      `no entry for it in the forwarding database of ${bridge.name}`,
      { kind: 'fdb-missing', host, bridge: bridge.name, mac: cable.inside.mac },
    );
  }

  /** The largest packet that the sender's interface takes arrives whole. */
  async expectFullSize(from: string, to: string): Promise<void> {
    const target = await this.addressOf(to);
    const host = this.testbed.host(from);
    const size = interfaceWith(await this.#interfaces(host), await this.addressOf(from))?.mtu ?? 1500;
    const server = await this.#server(to);
    const { nonce, udpPort: port } = server;
    const question = {
      protocol: 'udp' as const,
      address: target,
      port,
      size,
      nonce,
      timeoutMs: this.#options.patienceMs,
    };
    const symptom = (outcome: Outcome): Symptom => ({
      kind: 'packet-too-big',
      from: host,
      to: this.testbed.host(to),
      address: target,
      size,
      port,
      outcome,
    });
    const outcome = await this.#patiently(ask(this.testbed, host, question), async (silent) =>
      symptom(silent),
    );
    if (outcome.kind === 'answer') return;
    const expected = `a packet of ${size} bytes, the MTU of ${from}, to arrive at ${to}`;
    throw new CheckFailure(expected, describeOutcome('udp', outcome), symptom(outcome));
  }

  /** A pod that is plugged in now, as a runtime would, reaches the others and is reached. */
  async expectRoomForAnotherPod(node: string, neighbour: string): Promise<void> {
    const host = this.testbed.host(neighbour);
    const [inside, nodeInterfaces] = await Promise.all([
      this.#interfaces(host),
      this.#interfaces({ node, pod: '' }),
    ]);
    const port = interfaceWith(inside, await this.addressOf(neighbour));
    const bridge = port ? traceCable(port, nodeInterfaces).bridge : null;
    if (!bridge) {
      throw new CheckFailure(`${neighbour} behind a port of a bridge`, 'it is not', {
        kind: 'no-bridge',
        host,
      });
    }
    const { podCidr } = this.plan.nodes[node] ?? {};
    const nodeAddress = this.plan.variables[`${node.toUpperCase().replaceAll('-', '_')}_IP`] ?? '';
    const [taken, way, server, target] = await Promise.all([
      this.#takenAddresses(node),
      readRoute(this.testbed, host, nodeAddress),
      this.#server(neighbour),
      this.addressOf(neighbour),
    ]);
    const address = freeAddress(podCidr ?? '', taken);
    if (address === null) {
      const text = `${node} and its pods have every address of ${podCidr}`;
      const found: Symptom = {
        kind: 'address-reserved',
        host: { node, pod: '' },
        address: nodeAddress,
        role: text,
      };
      const named = {
        id: 'address-reserved',
        where: node,
        text: `No address is left for another pod: ${text}.`,
      };
      throw new CheckFailure(`a free address in ${podCidr} for a pod that is added`, text, found, named);
    }
    // A runtime gives a new pod the same way out as its neighbours have.
    const gateway = way.kind === 'unicast' ? way.gateway : null;
    const prefixLength = Number(podCidr?.split('/')[1] ?? 24);
    await using added = await addPod(this.testbed, { node, bridge, address, prefixLength, gateway });
    const { nonce, tcpPort: serverPort } = server;
    const questions = [
      {
        where: `from the added pod to ${neighbour}`,
        protocol: 'tcp' as const,
        ask: (timeoutMs: number, sourcePort = 0) =>
          added.ask({ protocol: 'tcp', address: target, port: serverPort, nonce, timeoutMs, sourcePort }),
        forget: added.forgetNeighbours,
      },
      {
        where: `from ${neighbour} to the added pod`,
        protocol: 'icmp' as const,
        ask: (timeoutMs: number, sourcePort = 0) =>
          ask(this.testbed, host, { protocol: 'icmp', address, timeoutMs, sourcePort }),
        forget: () => forgetUnresolvedNeighbours(this.testbed, host),
      },
      {
        where: 'from the added pod to the node',
        protocol: 'icmp' as const,
        ask: (timeoutMs: number, sourcePort = 0) =>
          added.ask({ protocol: 'icmp', address: nodeAddress, timeoutMs, sourcePort }),
        forget: added.forgetNeighbours,
      },
    ];
    const outcomes = await Promise.all(questions.map((question) => question.ask(this.#options.patienceMs)));
    for (const [index, { where, protocol, ask: askAgain, forget }] of questions.entries()) {
      const outcome = outcomes[index];
      if (!outcome || outcome.kind === 'answer') continue;
      const symptom: Symptom = {
        kind: 'added-pod',
        neighbour: host,
        bridge: bridge.name,
        port: added.port,
        address,
        asked: where,
        protocol,
        resend: async (sourcePort) => {
          await forget();
          await askAgain(RESENT_MS, sourcePort);
        },
      };
      throw new CheckFailure(
        `a pod added to ${bridge.name} as ${address} to reach ${neighbour} and the node, and to be reached`,
        `${describeOutcome(protocol, outcome)} ${where}`,
        symptom,
        await this.explainNow(symptom, host),
      );
    }
  }

  /**
   * Forgets once more whom a host has learned, the first time in a run: what others asked it by ARP meanwhile has told
   * it where they are, and it has to be able to ask. Checks that run side by side and depend on it begin with it.
   */
  forgetNeighboursOf(name: string): Promise<void> {
    return this.#once(`forgotten neighbours of ${name}`, () =>
      forgetLearnedNeighbours(this.testbed, this.testbed.host(name)),
    );
  }

  /** The address by which the others know a host: a pod's from its node's range, or else its first one. */
  async addressOf(name: string): Promise<string> {
    const host = this.testbed.host(name);
    const addresses = await this.#addresses(host);
    const podCidr = host.pod ? this.plan.nodes[host.node]?.podCidr : null;
    const address = addresses.find((each) => podCidr && contains(podCidr, each)) ?? addresses[0];
    if (address) return address;
    throw new CheckFailure(`an address on ${name}`, 'none', { kind: 'no-address', host });
  }

  /** What came of asking once: the observation that the checks above share. */
  outcome(protocol: Protocol, from: string, to: string, address: string): Promise<Outcome> {
    return this.#ask(protocol, from, to, address);
  }

  server(name: string): Promise<Server> {
    return this.#server(name);
  }

  interfacesOf(host: Host): Promise<Interface[]> {
    return this.#interfaces(host);
  }

  /** While what showed the symptom lasts. */
  explain(symptom: Symptom): Promise<NamedCause | null> {
    return this.#options.explain(symptom);
  }

  /** For a symptom that is gone before its diagnosis would begin: nobody can ask again. */
  async explainNow(symptom: Symptom, where: Host): Promise<NamedCause> {
    const found = await this.explain(symptom);
    return found ?? { id: 'unknown', where: hostName(where), text: 'nothing that was looked at explains it' };
  }

  get patienceMs(): number {
    return this.#options.patienceMs;
  }

  /**
   * Looks that were begun at the same time. Of several failures the first in this order is told, as soon as it is known: the
   * same network gets the same words each time. What comes after it goes on, and is nobody's.
   */
  async expectAll(looks: readonly Promise<unknown>[]): Promise<void> {
    const going = underWayIn(this.testbed);
    for (const look of looks) {
      going.add(look);
      const forget = () => going.delete(look);
      look.then(forget, forget);
    }
    for (const look of looks) await look;
  }

  /** The same of each item. */
  expectEach<T>(items: readonly T[], look: (item: T) => Promise<unknown>): Promise<void> {
    return this.expectAll(items.map(look));
  }

  /** When nothing goes on any more that was begun before this network: its flows go when it ends. */
  async earlierEnded(): Promise<void> {
    await Promise.allSettled(this.#earlier);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.stop();
  }

  #podNames(node: string): string[] {
    return this.testbed.pods.filter((pod) => this.plan.pods[pod]?.node === node).map((pod) => `pod/${pod}`);
  }

  /** Addresses that a new pod must not get: those of interfaces, and those that the node has heard of. */
  async #takenAddresses(node: string): Promise<Set<string>> {
    const hosts = [{ node, pod: '' }, ...this.#podNames(node).map((pod) => this.testbed.host(pod))];
    const [heardOf, ...own] = await Promise.all([
      readNeighbours(this.testbed, { node, pod: '' }),
      ...hosts.map((host) => this.#addresses(host)),
    ]);
    const gateway = this.plan.nodes[node]?.podGateway ?? '';
    return new Set([
      gateway,
      ...own.flat(),
      ...heardOf.flatMap(({ address, mac }) => (mac ? [address] : [])),
    ]);
  }

  /** Whom a host hands its packets for a destination, and what its neighbour table says of that. */
  async #nextHop(host: Host, destination: string): Promise<NextHop> {
    const [route, neighbours] = await Promise.all([
      readRoute(this.testbed, host, destination),
      readNeighbours(this.testbed, host),
    ]);
    const device = route.kind === 'unicast' ? route.device : '';
    const nextHop = route.kind === 'unicast' ? (route.gateway ?? destination) : destination;
    const entry = neighbours.find(
      (each) => each.address === nextHop && each.device === device && each.mac !== null,
    );
    return { nextHop, entry };
  }

  /**
   * The same, after an answer has come: there is an entry then. Somebody may flush the table between the answer
   * and our look at it (the learner, or another run of checks), and so it is asked once more before it is missed.
   */
  async #learnedNextHop(host: Host, destination: string): Promise<NextHop> {
    const deadline = performance.now() + RESENT_MS;
    for (;;) {
      const found = await this.#nextHop(host, destination);
      if (found.entry || performance.now() > deadline) return found;
      await ask(this.testbed, host, { protocol: 'icmp', address: destination, timeoutMs: RESENT_MS });
    }
  }

  /** The interface of the node that a pod's frames for a destination are addressed to; null for none. */
  async #routerBetween(from: Host, destination: string): Promise<string | null> {
    const [{ entry }, node] = await Promise.all([
      this.#learnedNextHop(from, destination),
      this.#interfaces({ node: from.node, pod: '' }),
    ]);
    const router = node.find(({ mac }) => entry !== undefined && mac === entry.mac);
    return router ? `${router.name} of ${from.node}` : null;
  }

  /** The pod that shares a MAC address with this one: their bridge sends frames for both to whoever spoke last. */
  async #twinOf(name: string): Promise<string | null> {
    const host = this.testbed.host(name);
    if (!host.pod) return null;
    const others = this.#podNames(host.node).filter((pod) => pod !== name);
    const [own, node, ...theirs] = await Promise.all(
      [host, { node: host.node, pod: '' }, ...others.map((pod) => this.testbed.host(pod))].map((each) =>
        // A pod that is not there is nobody's twin.
        this.#interfaces(each).catch((): Interface[] => []),
      ),
    );
    const behind = (ends: readonly Interface[] = []) =>
      ends.flatMap((end) => {
        const { bridge } = traceCable(end, node ?? []);
        return bridge && end.up ? [`${bridge.name} ${end.mac}`] : [];
      });
    const taken = behind(own);
    return others.find((_, index) => behind(theirs[index]).some((each) => taken.includes(each))) ?? null;
  }

  async #addresses(host: Host): Promise<string[]> {
    const interfaces = await this.#interfaces(host);
    return interfaces
      .filter(({ name }) => name !== 'lo')
      .flatMap(({ addresses }) => addresses.map(({ address }) => address));
  }

  #interfaces(host: Host): Promise<Interface[]> {
    return this.#once(`interfaces ${hostName(host)}`, async () => {
      try {
        return await readSettledInterfaces(this.testbed, host);
      } catch (error) {
        if (!(error instanceof RefusedError) || error.reason === 'node-gone') throw error;
        const name = hostName(host);
        throw new CheckFailure(`a network namespace of ${name}`, error.message, {
          kind: 'no-namespace',
          host,
        });
      }
    });
  }

  #server(name: string): Promise<Server> {
    return this.#once(`server ${name}`, async () => {
      const server = await startServer(this.testbed, this.testbed.host(name));
      this.#servers.push(server);
      return server;
    });
  }

  #ask(protocol: Protocol, from: string, to: string, address: string): Promise<Outcome> {
    return this.#once(`ask ${protocol} ${from} ${to} ${address}`, async () => {
      const [{ nonce, tcpPort, udpPort }] = await Promise.all([this.#server(to), this.#settled(from, to)]);
      await this.#forgetNeighbours();
      const port = protocol === 'tcp' ? tcpPort : udpPort;
      const question = { protocol, address, port, nonce, timeoutMs: this.#options.patienceMs };
      const asked = ask(this.testbed, this.testbed.host(from), question);
      return this.#patiently(asked, (outcome) => this.#noAnswer(protocol, from, to, address, outcome));
    });
  }

  /** Waits for the kernel to send by the cables that were plugged in just now. */
  async #settled(...names: readonly string[]): Promise<void> {
    const hosts = names.map((name) => this.testbed.host(name));
    const nodes = hosts.map(({ node }) => ({ node, pod: '' }));
    await Promise.all([...hosts, ...nodes].map((host) => this.#interfaces(host)));
  }

  /** Once per run, everywhere: every answer has to be found anew. */
  #forgetNeighbours(): Promise<unknown> {
    const hosts = [...this.testbed.nodes, ...this.testbed.pods.map((pod) => `pod/${pod}`)];
    // A pod without a namespace has nothing to forget; a testbed that is lost is told by the probe itself.
    return this.#once('forget neighbours', () =>
      Promise.allSettled(hosts.map((name) => forgetLearnedNeighbours(this.testbed, this.testbed.host(name)))),
    );
  }

  /** Waits for an outcome, but not after the reason for the silence is proven. */
  async #patiently(
    asked: Promise<Outcome>,
    symptom: (outcome: Outcome) => Promise<Symptom>,
  ): Promise<Outcome> {
    const { eager, explain } = this.#options;
    if (!eager) return asked;
    const silence = Promise.withResolvers<null>();
    const timer = setTimeout(() => silence.resolve(null), SILENCE_MS);
    const first = await Promise.race([asked, silence.promise]);
    clearTimeout(timer);
    if (first) return first;
    const silent: Outcome = { kind: 'timeout', client: null, ttl: null };
    const proven = symptom(silent)
      .then(explain)
      .then((cause) => (cause ? silent : asked));
    return Promise.race([asked, proven]);
  }

  async #noAnswer(
    protocol: Protocol,
    from: string,
    to: string,
    address: string,
    outcome: Outcome,
  ): Promise<Symptom> {
    const hosts = { from: this.testbed.host(from), to: this.testbed.host(to) };
    const port = await this.#portOf(protocol, to);
    return { kind: 'no-answer', ...hosts, address, protocol, port, outcome };
  }

  async #portOf(protocol: Protocol, server: string): Promise<number> {
    if (protocol === 'icmp') return 0;
    const { tcpPort, udpPort } = await this.#server(server);
    return protocol === 'tcp' ? tcpPort : udpPort;
  }

  /** What is looked at once in a run, and shared by whoever asks for the same. */
  once<T>(key: string, make: () => Promise<T>): Promise<T> {
    return this.#once(key, make);
  }

  #once<T>(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.#memory.get(key);
    if (known) return known as Promise<T>;
    const made = make();
    this.#memory.set(key, made);
    return made;
  }
}
