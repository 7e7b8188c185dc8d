/** What a node serves on 127.0.0.1 is for its own processes, also once it routes such addresses (CVE-2020-8558). */
import { randomInt } from 'node:crypto';
import { interfaceWith, traceCable } from './cable.ts';
import { captureWhile } from './capture.ts';
import { type FrameEnds, sendFrame, tcpSyn, udpDatagram } from './frame.ts';
import type { Network } from './network.ts';
import { CheckFailure } from './symptom.ts';

/** How long an answer of a node may take: on one machine it takes microseconds. */
const SETTLE_MS = 120;

/**
 * A neighbour, on the underlay or in a pod of the node's own, sends the node packets for 127.0.0.1, which no kernel would
 * send for it, and the node does not answer.
 */
export async function expectLoopbackClosed(network: Network, neighbour: string, node: string): Promise<void> {
  const { testbed } = network;
  const [sender, receiver] = [testbed.host(neighbour), testbed.host(node)];
  const source = await network.addressOf(neighbour);
  const [own, theirs, server] = await Promise.all([
    network.interfacesOf(sender),
    network.interfacesOf(receiver),
    network.server(node),
  ]);
  const inside = interfaceWith(own, source);
  const device = inside?.name ?? 'eth0';
  const uplink = Object.keys(network.plan.nodes[node]?.interfaces ?? {})[0] ?? 'eth0';
  // Of a pod it is the bridge that it has for its gateway, or else the other end of its cable.
  const near = sender.pod
    ? (interfaceWith(theirs, network.plan.nodes[node]?.podGateway ?? '') ??
      (inside ? traceCable(inside, theirs).outside : null))
    : theirs.find(({ name }) => name === uplink);
  const sourcePort = randomInt(40_000, 60_000);
  const ends: Omit<FrameEnds, 'destinationPort'> = {
    fromMac: inside?.mac ?? '',
    toMac: near?.mac ?? '',
    source,
    destination: '127.0.0.1',
    sourcePort,
  };
  const frames = await captureWhile(
    testbed,
    { host: sender, device },
    // The port is this call's own: what answers an earlier one may still come.
    `src host 127.0.0.1 and dst port ${sourcePort}`,
    async () => {
      await sendFrame(testbed, sender, device, tcpSyn({ ...ends, destinationPort: server.tcpPort }));
      await sendFrame(
        testbed,
        sender,
        device,
        udpDatagram({ ...ends, destinationPort: server.udpPort }, 'hi'),
      );
    },
    (seen) => seen.length > 0,
    SETTLE_MS,
  );
  if (frames.length === 0) return;
  throw new CheckFailure(
    `${node} not to answer what ${neighbour} sends to 127.0.0.1 there`,
    `an answer from 127.0.0.1 by ${device}`,
    { kind: 'loopback-open', host: receiver, address: '127.0.0.1' },
  );
}
