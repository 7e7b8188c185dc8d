/** What must be true of packets between pods of different nodes: that they arrive, by which way, and how they look there. */
import { type Host, hostName } from '../testbed/host.ts';
import { contains, rangeOf, toAddress } from '../topology/cidr.ts';
import { addPod } from './added-pod.ts';
import { interfaceWith, traceCable } from './cable.ts';
import {
  type Arp,
  captureWhile,
  type Frame,
  MARK_WITHIN_MS,
  type Packet,
  settleMs,
  type Tap,
} from './capture.ts';
import type { Network } from './network.ts';
import { takePorts } from './probe-ports.ts';
import { ask, describeOutcome } from './reach.ts';
import { CheckFailure, type Symptom, type WrongBetweenNodes } from './symptom.ts';

/** A question and its answer are smaller than this, also with a tunnel or two around them. */
const SMALL_BYTES = 400;
/** How long a single probe asks, where no answer is expected yet. */
const ONE_WAY_MS = 250;

/** A node takes packets of a pod that are for somebody else, and sends them out by the underlay. */
export async function expectForwarded(network: Network, from: string, to: string): Promise<void> {
  const host = network.testbed.host(from);
  const target = network.plan.variables[`${to.toUpperCase()}_IP`] ?? '';
  const source = await network.addressOf(from);
  // The node's own packets leave with 64; one that it passed on has one less.
  const wanted = ({ packet }: Frame) =>
    packet?.destination === target && packet.protocol === 1 && packet.ttl === 63;
  const frames = await captureWhile(
    network.testbed,
    uplinkOf(network, host.node),
    `icmp and dst host ${target}`,
    () => ask(network.testbed, host, { protocol: 'icmp', address: target, timeoutMs: ONE_WAY_MS }),
    (seen) => seen.some(wanted),
    settleMs(network),
  );
  if (frames.some(wanted)) return;
  throw failure(
    network,
    [from, to, target, 'not-arrived'],
    `a packet of ${from} (${source}) for ${target} to leave ${host.node} by the underlay`,
    'it did not leave',
  );
}

/** A packet arrives at a pod, whether or not the pod can answer. */
export async function expectArrival(network: Network, from: string, to: string): Promise<void> {
  const [sender, receiver] = [network.testbed.host(from), network.testbed.host(to)];
  const target = await network.addressOf(to);
  const device = interfaceWith(await network.interfacesOf(receiver), target)?.name ?? 'eth0';
  const wanted = ({ packet }: Frame) => packet?.destination === target;
  const frames = await captureWhile(
    network.testbed,
    { host: receiver, device },
    `icmp and dst host ${target} and icmp[icmptype] == icmp-echo`,
    () => ask(network.testbed, sender, { protocol: 'icmp', address: target, timeoutMs: ONE_WAY_MS }),
    (seen) => seen.some(wanted),
    settleMs(network),
  );
  if (frames.some(wanted)) return;
  const expected = `a packet from ${from} to arrive at ${to}, at ${target}`;
  throw failure(network, [from, to, target, 'not-arrived'], expected, 'it did not arrive');
}

/** As many routers had the packet in hand: each takes one off its TTL (RFC 1812, section 5.3.1). */
export async function expectRouters(
  network: Network,
  from: string,
  to: string,
  routers: number,
): Promise<void> {
  const target = await network.addressOf(to);
  const expected = `a packet from ${from} to pass ${routers} routers and arrive at ${to} with a TTL of ${64 - routers}`;
  for (const protocol of ['udp', 'tcp'] as const) {
    const outcome = await network.outcome(protocol, from, to, target);
    if (outcome.kind === 'answer' && outcome.ttl === 64 - routers) continue;
    const seen =
      outcome.kind === 'answer' ? `${protocol}: a TTL of ${outcome.ttl}` : describeOutcome(protocol, outcome);
    throw failure(network, [from, to, target, 'ttl'], expected, seen);
  }
}

/** On the underlay the packet is the pods' own, in a frame from node to node: nothing is wrapped around it. */
export async function expectPlainOnUnderlay(network: Network, from: string, to: string): Promise<void> {
  const { frames, source, target } = await captureTalk(network, from, to);
  const expected = `packets between ${source} and ${target} on the underlay as they are, in frames from node to node`;
  const wrapped = frames.find(({ packet }) => packet !== null && isWrapping(packet));
  const there = frames.find(({ packet }) => packet?.source === source && packet.destination === target);
  const back = frames.find(({ packet }) => packet?.source === target && packet.destination === source);
  if (there && back) {
    const right = await uplinkMac(network, network.testbed.host(to).node);
    if (there.destinationMac === right) return;
    const seen = `the frame goes to ${there.destinationMac}, and ${network.testbed.host(to).node} is ${right}`;
    throw failure(network, [from, to, target, 'ttl'], expected, seen);
  }
  const seen = wrapped?.packet ? describePacket(wrapped.packet) : 'no such packet';
  throw failure(network, [from, to, target, 'encapsulated'], expected, seen);
}

/** An echo request leaves the sender's node with the pod's own address: a server cannot say whom it saw in one. */
export async function expectEchoKept(network: Network, from: string, to: string): Promise<void> {
  const { frames, source, target } = await captureTalk(network, from, to);
  const echoes = frames
    .flatMap(({ packet }) => carried(packet) ?? [])
    .filter(({ protocol }) => protocol === 1);
  const changed = echoes.find((echo) => echo.destination === target && echo.source !== source);
  if (!changed) return;
  const hosts = { from: network.testbed.host(from), to: network.testbed.host(to) };
  const symptom = {
    kind: 'source-changed',
    ...hosts,
    address: target,
    protocol: 'icmp',
    port: 0,
    seen: changed.source,
  } as const;
  const observed = `icmp: it left ${hosts.from.node} as ${changed.source}`;
  throw new CheckFailure(`${to} to see ${from} as ${source}`, observed, symptom);
}

/** On the underlay only the nodes speak: VXLAN of the planned number and port, the pods' packets inside it. */
export async function expectOverlayOnUnderlay(network: Network, from: string, to: string): Promise<void> {
  const { vni, vxlanPort } = network.plan.cluster;
  const { frames, source, target } = await captureTalk(network, from, to);
  const nodes = await Promise.all(
    [from, to].map((name) => uplinkAddress(network, network.testbed.host(name).node)),
  );
  const [own = '', other = ''] = nodes;
  const expected = `on the underlay only UDP port ${vxlanPort} between ${own} and ${other}, with VNI ${vni} and the pods' packets inside`;
  const fail = (wrong: WrongBetweenNodes, seen: string) =>
    failure(network, [from, to, target, wrong], expected, seen);

  // Of these two: other pairs may talk meanwhile, and between them a plain route may be right.
  const plain = frames.find(
    ({ packet }) =>
      packet &&
      !packet.vxlan &&
      [source, target].includes(packet.destination) &&
      [source, target, own, other].includes(packet.source),
  );
  if (plain?.packet) throw fail('not-encapsulated', describePacket(plain.packet));
  for (const [inner, outer] of [
    [
      { source, target },
      { from: own, to: other },
    ],
    [
      { source: target, target: source },
      { from: other, to: own },
    ],
  ] as const) {
    const carriers = frames.flatMap(({ packet }) => {
      const own = carried(packet);
      return packet && own?.source === inner.source && own.destination === inner.target ? [packet] : [];
    });
    // A copy for another node is another check's matter.
    const packet = carriers.find(({ destination }) => destination === outer.to) ?? carriers[0];
    if (!packet?.vxlan)
      throw fail('not-encapsulated', `no VXLAN packet with ${inner.source} > ${inner.target} inside`);
    const seen = describePacket(packet);
    if (packet.vxlan.vni !== vni) throw fail('vni', seen);
    if (packet.destinationPort !== vxlanPort) throw fail('port', seen);
    if (packet.source !== outer.from || packet.destination !== outer.to) throw fail('vtep', seen);
  }
}

/**
 * Nobody is asked: where a pod is, the node knows already. No ARP in the overlay, no copies to other nodes. Of an echo and
 * a datagram the datagram is judged: a tunnel that learns knows by then where the answer to the echo came from.
 */
export async function expectQuietOverlay(network: Network, from: string, to: string): Promise<void> {
  const { frames, source, target } = await captureTalk(network, from, to);
  const expected = `the nodes to know where ${to} is, without asking in the overlay`;
  const datagrams = frames.flatMap(({ packet }) => {
    const inner = packet?.vxlan?.inner;
    const own = inner?.packet;
    const isAsked = own?.protocol === 17 && own.source === source && own.destination === target;
    return packet && inner && isAsked ? [{ packet, inner }] : [];
  });
  // Other checks make other nodes talk meanwhile, and those may ask one another. An answer is these two's if it tells one
  // of them where its packets go, whichever addresses it speaks of; what tells everybody is an answer too (RFC 5227, 3).
  const ends = new Set(datagrams.flatMap(({ inner }) => [inner.sourceMac, inner.destinationMac]));
  const isToldIn = (arp: Arp) =>
    ends.has(arp.senderMac) && (ends.has(arp.targetMac) || arp.sender === arp.target);
  const told = frames.find(({ packet }) => {
    const arp = packet?.vxlan?.inner.arp;
    return arp && isToldIn(arp);
  });
  if (told?.packet)
    throw failure(network, [from, to, target, 'asked'], expected, describePacket(told.packet));
  const receivers = new Set(datagrams.map(({ packet }) => packet.destination));
  if (receivers.size <= 1) return;
  const copies = `a packet of ${from} for ${to} went to ${[...receivers].sort().join(' and to ')}`;
  throw failure(network, [from, to, target, 'copied'], expected, copies);
}

/** What was learned on a tunnel goes; what was written down (permanent) stays (man 8 ip-neighbour). */
async function forgetLearned(network: Network, nodes: readonly Host[]): Promise<void> {
  for (const node of nodes) {
    const interfaces = await network.interfacesOf(node);
    const tunnels = interfaces.filter(({ kind }) => kind === 'vxlan');
    // A tunnel that is a port of a bridge has its neighbours there.
    const bridges = interfaces.filter(({ name }) => tunnels.some(({ master }) => master === name));
    for (const { name } of [...tunnels, ...bridges])
      await network.testbed.probe(node, ['ip', '-4', 'neigh', 'flush', 'dev', name]);
  }
}

/**
 * Full-size packets pass, or their sender is told that they are too big (RFC 1191); a large transfer ends; and
 * the underlay carries no fragments meanwhile.
 */
export async function expectNoFragments(network: Network, from: string, to: string): Promise<void> {
  const [host, target, server] = [
    network.testbed.host(from),
    await network.addressOf(to),
    await network.server(to),
  ];
  const size = interfaceWith(await network.interfacesOf(host), await network.addressOf(from))?.mtu ?? 1500;
  const farNode = uplinkAddress(network, network.testbed.host(to).node);
  const { first: mark } = takePorts();
  const isMark = ({ packet }: Frame) => packet?.icmpId === mark;
  const frames = await captureWhile(
    network.testbed,
    uplinkOf(network, host.node),
    // Of this pair alone: other checks send meanwhile.
    `(ip[6:2] & 0x3fff != 0 and (host ${target} or host ${farNode})) or (icmp and host ${farNode})`,
    async () => {
      await expectLargeTransfer(network, from, to);
      await ask(network.testbed, host, {
        protocol: 'udp',
        address: target,
        port: server.udpPort,
        size,
        nonce: server.nonce,
        timeoutMs: ONE_WAY_MS,
      });
      const node: Host = { node: host.node, pod: '' };
      await ask(network.testbed, node, {
        protocol: 'icmp',
        address: farNode,
        sourcePort: mark,
        timeoutMs: ONE_WAY_MS,
      });
    },
    // It is asked for what must not come: when it has seen what was sent last, it has seen everything before.
    (seen) => seen.some(isMark),
    MARK_WITHIN_MS,
  );
  const piece = frames.find(({ packet }) => packet?.fragment);
  if (!piece?.packet) return;
  const expected = `no fragments on the underlay while ${from} sends packets of ${size} bytes to ${to}`;
  const seen = `fragments of a packet from ${piece.packet.source} to ${piece.packet.destination}`;
  throw failure(network, [from, to, target, 'fragmented'], expected, seen, size);
}

const TRANSFER_BYTES = 200_000;

/** A server's long answer arrives: packets as large as the path takes, or as the sender was told. */
export async function expectLargeTransfer(network: Network, from: string, to: string): Promise<void> {
  const [host, target, server] = [
    network.testbed.host(from),
    await network.addressOf(to),
    await network.server(to),
  ];
  await forgetPathMtu(network, [from, to]);
  const question = {
    protocol: 'tcp' as const,
    address: target,
    port: server.tcpPort,
    size: TRANSFER_BYTES,
    nonce: server.nonce,
  };
  const outcome = await ask(network.testbed, host, { ...question, timeoutMs: network.patienceMs });
  if (outcome.kind === 'answer') return;
  throw failure(
    network,
    [to, from, await network.addressOf(from), 'too-big'],
    `${TRANSFER_BYTES} bytes from ${to} to ${from}`,
    `the transfer did not end: ${describeOutcome('tcp', outcome)}`,
  );
}

/** As {@link Network.expectFullSize}, without what the kernels remember of an earlier, smaller path. */
export async function expectFullSizeNow(network: Network, from: string, to: string): Promise<void> {
  await forgetPathMtu(network, [from, to]);
  await network.expectFullSize(from, to);
}

/** Makes pods and their nodes forget how large packets may be: what they were told lasts for ten minutes. */
async function forgetPathMtu(network: Network, names: readonly string[]): Promise<void> {
  const hosts = names.map((name) => network.testbed.host(name));
  const all = [...hosts, ...hosts.map(({ node }): Host => ({ node, pod: '' }))];
  await Promise.all(all.map((host) => network.testbed.probe(host, ['ip', 'route', 'flush', 'cache'])));
}

/** A pod that a runtime plugs in now on one node, and pods on others, reach each other. */
export async function expectRoomForRemotePod(
  network: Network,
  neighbour: string,
  ...remotes: readonly string[]
): Promise<void> {
  const { testbed, plan } = network;
  const host = testbed.host(neighbour);
  const nodeHost = { node: host.node, pod: '' };
  const own = interfaceWith(await network.interfacesOf(host), await network.addressOf(neighbour));
  const bridge = own ? traceCable(own, await network.interfacesOf(nodeHost)).bridge : null;
  if (!bridge)
    throw new CheckFailure(`${neighbour} behind a port of a bridge`, 'it is not', {
      kind: 'no-bridge',
      host,
    });
  const { podCidr, podGateway } = plan.nodes[host.node] ?? {};
  const gateway = podGateway ?? '';
  const planned = Object.values(plan.pods).map(({ address }) => address);
  // Several checks may add a pod to one node at the same time.
  const added = await network.once('addresses of added pods', async () => new Set<string>());
  const address = highestFree(podCidr ?? '', [...planned, gateway, ...added]);
  added.add(address);
  const wanted = { node: host.node, bridge, address, prefixLength: 24, gateway };
  await using pod = await addPod(testbed, wanted);
  await network.expectEach(remotes, async (remote) => {
    const far = testbed.host(remote);
    const [server, target] = [await network.server(remote), await network.addressOf(remote)];
    const { patienceMs: timeoutMs } = network;
    const [there, back] = await Promise.all([
      pod.ask({ protocol: 'tcp', address: target, port: server.tcpPort, nonce: server.nonce, timeoutMs }),
      ask(testbed, far, { protocol: 'icmp', address, timeoutMs }),
    ]);
    const lost = back.kind === 'answer' ? there : back;
    const expected = `a pod added to ${host.node} as ${address} to reach ${remote}, and to be reached`;
    if (lost.kind === 'answer') {
      if (there.client === address) return;
      const seen = `${remote} saw the added pod as ${there.client}`;
      const by = { kind: 'source-changed', from: nodeHost, to: far, address: target } as const;
      const symptom: Symptom = { ...by, protocol: 'tcp', port: server.tcpPort, seen: there.client ?? '' };
      throw new CheckFailure(expected, seen, symptom, await network.explainNow(symptom, nodeHost));
    }
    const symptom: Symptom = {
      kind: 'between-nodes',
      from: far,
      to: nodeHost,
      address,
      wrong: 'not-arrived',
      seen: '',
    };
    const observed = back.kind === 'answer' ? describeOutcome('tcp', there) : describeOutcome('icmp', back);
    throw new CheckFailure(expected, observed, symptom, await network.explainNow(symptom, nodeHost));
  });
}

/** What was on the underlay, at the sender's end, while a pod talked to another; `source` and `target` are theirs. */
interface Talk {
  /** Of this talk: others speak meanwhile, to the same pods too, and an answer of theirs would look like a question of ours. */
  readonly frames: readonly Frame[];
  readonly source: string;
  readonly target: string;
}

/** Captures one exchange of each protocol, both ways, after the nodes forgot what they had learned: once in a run. */
function captureTalk(network: Network, from: string, to: string): Promise<Talk> {
  return network.once(`talk ${from} ${to}`, async () => {
    const [source, target] = [await network.addressOf(from), await network.addressOf(to)];
    const host = network.testbed.host(from);
    const nodes = [from, to].map((name): Host => ({ node: network.testbed.host(name).node, pod: '' }));
    const server = await network.server(to);
    const { first: mark } = takePorts();
    const isOwn = (packet: Packet) =>
      [packet.sourcePort, packet.destinationPort, packet.icmpId].includes(mark);
    const isOfTalk = ({ packet }: Frame) => {
      const own = carried(packet);
      // Into other tunnels than VXLAN nobody looks, and ARP has no ports.
      return packet !== null && (own === null || own.protocol in TUNNEL_PROTOCOLS || isOwn(own));
    };
    const answered = ({ packet }: Frame) => {
      const own = carried(packet);
      return own?.protocol === 17 && own.source === target && own.destination === source && isOwn(own);
    };
    const frames = await captureWhile(
      network.testbed,
      uplinkOf(network, host.node),
      // Other checks send large packets meanwhile.
      `(ip or arp) and less ${SMALL_BYTES}`,
      async () => {
        await forgetLearned(network, nodes);
        for (const protocol of ['icmp', 'udp'] as const) {
          await ask(network.testbed, host, {
            protocol,
            address: target,
            port: server.udpPort,
            sourcePort: mark,
            nonce: server.nonce,
            timeoutMs: network.patienceMs,
          });
        }
      },
      (seen) => seen.some(answered),
      settleMs(network),
    );
    return { frames: frames.filter(isOfTalk), source, target };
  });
}

/** The pods' packet: the one inside, if there is one inside. */
function carried(packet: Packet | null): Packet | null {
  return packet?.vxlan ? packet.vxlan.inner.packet : packet;
}

const TUNNEL_PROTOCOLS: Readonly<Record<number, string>> = { 4: 'IP in IP', 47: 'GRE', 50: 'ESP' };

function isWrapping(packet: Packet): boolean {
  return packet.vxlan !== null || packet.protocol in TUNNEL_PROTOCOLS;
}

function describePacket(packet: Packet): string {
  const between = `${packet.source} > ${packet.destination}`;
  const tunnel = TUNNEL_PROTOCOLS[packet.protocol];
  if (tunnel) return `${tunnel} ${between}`;
  if (!packet.vxlan) return `a packet ${between} as it is`;
  const { vni, inner } = packet.vxlan;
  const what = inner.packet ? `${inner.packet.source} > ${inner.packet.destination}` : 'ARP';
  return `VXLAN ${between} port ${packet.destinationPort} VNI ${vni}, inside it ${what}`;
}

/** The fabric's end of a node's cable to the underlay: nothing in the node can hide a frame from it. */
function uplinkOf(network: Network, node: string): Tap {
  const [name = 'eth0'] = Object.keys(network.plan.nodes[node]?.interfaces ?? {});
  return { port: `${node}-${name}` };
}

function uplinkAddress(network: Network, node: string): string {
  return Object.values(network.plan.nodes[node]?.interfaces ?? {})[0]?.address ?? '';
}

async function uplinkMac(network: Network, node: string): Promise<string | null> {
  const host: Host = { node, pod: '' };
  return interfaceWith(await network.interfacesOf(host), uplinkAddress(network, node))?.mac ?? null;
}

function failure(
  network: Network,
  [from, to, address, wrong]: readonly [string, string, string, WrongBetweenNodes],
  expected: string,
  seen: string,
  size?: number,
): CheckFailure {
  const hosts = { from: network.testbed.host(from), to: network.testbed.host(to) };
  const about = { ...hosts, address, wrong, seen, ...(size === undefined ? {} : { size }) };
  return new CheckFailure(expected, seen, { kind: 'between-nodes', ...about });
}

/** The highest address that no pod has: pods are numbered from the bottom. */
function highestFree(cidr: string, taken: readonly string[]): string {
  for (let number = rangeOf(cidr).broadcast - 1; contains(cidr, toAddress(number)); number--) {
    if (!taken.includes(toAddress(number))) return toAddress(number);
  }
  throw new Error(`${hostName({ node: cidr, pod: '' })} has no free address`);
}
