/**
 * Follows a packet by what the kernel would do with it: route, next hop, cable, bridge, receiver. The
 * first thing on the way that cannot work is the cause; nothing is sent.
 */
import { interfaceWith, otherEndHere, traceCable } from '../probes/cable.ts';
import type { Interface } from '../probes/kernel-state.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import {
  findAddressOnPort,
  findAtCable,
  findAtPort,
  findLoop,
  interfacesWith,
  notPluggedIn,
} from './find-at-cable.ts';
import { findArpIgnored, findAtReceiver, findOwnEntryMissing, findReversePath } from './find-at-receiver.ts';
import { findForwardingOff } from './find-forwarding-off.ts';
import { findSubnetClash } from './find-in-pod.ts';
import {
  explainNobody,
  findOtherAddress,
  findPodAsGateway,
  findWrongNeighbour,
  type Way,
} from './find-next-hop.ts';
import { explainLocal, explainNoRoute, explainOwnNetwork } from './find-no-route.ts';

type Found = NamedCause | null;

/** The way there, then the way back. `address` is the receiver's. */
export async function findOnPath(evidence: Evidence, from: Host, to: Host, address: string): Promise<Found> {
  const there = await findOneWayOnNode(evidence, from, to, address);
  if (there) return there;
  const route = await evidence.route(from, address);
  const source = route.kind === 'unicast' ? route.source : null;
  return source ? findOneWayOnNode(evidence, to, from, source) : null;
}

/** The way there alone, to a host on the same node. */
export async function findOneWayOnNode(
  evidence: Evidence,
  sender: Host,
  receiver: Host,
  destination: string,
): Promise<Found> {
  const own = await evidence.interfaces(sender);
  if (own.length === 0) return cause('no-interface', sender, `${hostName(sender)} has no interface but lo`);
  const route = await evidence.route(sender, destination);
  if (route.kind === 'none') return explainNoRoute(evidence, sender, own, destination, route.error);
  if (route.kind === 'local') return explainLocal(evidence, sender, receiver, destination);
  const device = own.find(({ name }) => name === route.device);
  if (!device) return null;
  const neighbour = await findWrongNeighbour(evidence, sender, device, route, destination);
  if (neighbour) return neighbour;
  return sender.pod
    ? fromPod(evidence, sender, receiver, device, route, destination)
    : fromNode(evidence, sender, receiver, device, destination, route.source);
}

async function fromPod(
  evidence: Evidence,
  sender: Host,
  receiver: Host,
  device: Interface,
  route: Way,
  destination: string,
): Promise<Found> {
  const node: Host = { node: sender.node, pod: '' };
  const nodeInterfaces = await evidence.interfaces(node);
  const plugged = await findAtCable(evidence, sender, device);
  if (plugged) return plugged;
  const { outside, bridge } = traceCable(device, nodeInterfaces);
  if (!outside) return findDeadEnd(evidence, sender, receiver, device, destination);
  const nextHop = route.gateway ?? destination;
  const nodeAnswers = interfaceWith(nodeInterfaces, nextHop) !== null;

  if (!bridge) {
    const proxied = (await evidence.setting(node, `net/ipv4/conf/${outside.name}/proxy_arp`)) === '1';
    const proxiedForAll = (await evidence.setting(node, 'net/ipv4/conf/all/proxy_arp')) === '1';
    if (!nodeAnswers && !proxied && !proxiedForAll) {
      const cableAlone = !nodeInterfaces.some(({ kind }) => kind === 'bridge');
      if (cableAlone && route.gateway !== null) return explainNobody(evidence, sender, route, nextHop);
      return notPluggedIn(node, sender, outside);
    }
    const ignored = await findArpIgnored(evidence, node, outside.name);
    if (ignored) return ignored;
    return findInForwarding(evidence, node, outside.name, receiver, destination, route.source);
  }
  const port = findAtPort(node, outside, bridge) ?? findLoop(node, bridge, nodeInterfaces);
  if (port) return port;
  if (nodeAnswers) {
    const unanswered =
      findAddressOnPort(node, nodeInterfaces, nextHop) ??
      (await findArpIgnored(evidence, node, bridge.name)) ??
      (await findOwnEntryMissing(evidence, node, bridge, nextHop));
    if (unanswered) return unanswered;
    if (!receiver.pod) return null;
    return findInForwarding(evidence, node, bridge.name, receiver, destination, route.source);
  }
  const [owner] = await interfacesWith(evidence, sender.node, nextHop);
  if (!owner) return explainNobody(evidence, sender, route, nextHop);
  const frame = { address: nextHop, source: route.source, senderPort: outside, bridge };
  return (
    (await findAtReceiver(evidence, receiver, frame)) ??
    findPodAsGateway(evidence, sender, receiver, route, owner[0])
  );
}

/** The interface leads to nobody, while another one of the pod is plugged into the receiver's bridge. */
async function findDeadEnd(
  evidence: Evidence,
  sender: Host,
  receiver: Host,
  device: Interface,
  destination: string,
): Promise<Found> {
  const nodeInterfaces = await evidence.interfaces({ node: sender.node, pod: '' });
  const target = interfaceWith(await evidence.interfaces(receiver), destination);
  const wanted = target ? traceCable(target, nodeInterfaces).bridge : null;
  const right = (await evidence.interfaces(sender)).find(
    (own) => wanted !== null && traceCable(own, nodeInterfaces).bridge?.name === wanted.name,
  );
  if (device.kind === 'veth' || !wanted || !right) return null;
  const text = `${hostName(sender)} sends packets for ${destination} out of ${device.name}, but ${right.name} leads to ${wanted.name}, where ${hostName(receiver)} is`;
  return cause('wrong-route', sender, text);
}

async function fromNode(
  evidence: Evidence,
  node: Host,
  receiver: Host,
  device: Interface,
  destination: string,
  source: string | null,
): Promise<Found> {
  if (!receiver.pod) return null;
  const target = interfaceWith(await evidence.interfaces(receiver), destination);
  if (!target) return findOtherAddress(evidence, destination);
  const plugged = await findAtCable(evidence, receiver, target);
  if (plugged) return plugged;
  const nodeInterfaces = await evidence.interfaces(node);
  const { outside, bridge } = traceCable(target, nodeInterfaces);
  if (device.kind === 'bridge' && !device.up) return cause('bridge-down', node, `${device.name} is down`);
  const loop = bridge && findLoop(node, bridge, nodeInterfaces);
  if (loop) return loop;
  const onPort = source ? findAddressOnPort(node, nodeInterfaces, source) : null;
  if (onPort) return onPort;
  if (outside && !bridge && device.kind === 'bridge') return notPluggedIn(node, receiver, outside);
  if (outside && device.kind === 'bridge') {
    return findAtReceiver(evidence, receiver, {
      address: destination,
      source,
      senderPort: null,
      bridge: device,
    });
  }
  if (!outside || leadsTo(device, bridge ?? outside, nodeInterfaces)) return null;
  const clash = findSubnetClash(node, device, outside, destination);
  if (clash) return clash;
  // Who has lost the route to its own pods sends what is for them elsewhere.
  const lost = bridge ? explainOwnNetwork(evidence, node, nodeInterfaces, destination) : null;
  if (lost) return lost;
  const text = `${node.node} sends packets for ${destination} out of ${device.name}, but ${hostName(receiver)} is behind ${(bridge ?? outside).name}`;
  return cause('wrong-route', node, text);
}

/** Whether a device is the wanted one, lies on it (macvlan), or is a cable plugged into it. */
export function leadsTo(device: Interface, wanted: Interface, nodeInterfaces: readonly Interface[]): boolean {
  if (device.name === wanted.name) return true;
  const other = otherEndHere(device, nodeInterfaces);
  return other !== null && (other.name === wanted.name || other.master === wanted.name);
}

async function findInForwarding(
  evidence: Evidence,
  node: Host,
  incoming: string,
  receiver: Host,
  destination: string,
  source: string | null,
): Promise<Found> {
  if (source === null) return null;
  const off = receiver.pod ? await findForwardingOff(evidence, node, incoming) : null;
  if (off) return off;
  const reverse = await findReversePath(evidence, node, incoming, source);
  if (reverse) return reverse;
  const route = await evidence.route(node, destination, { device: incoming, source });
  if (route.kind === 'none') {
    const text = `${node.node} has no route for packets from ${source} to ${destination} ("${route.error}")`;
    return cause('no-route', node, text);
  }
  if (route.kind !== 'unicast' || !receiver.pod) return null;
  const device = (await evidence.interfaces(node)).find(({ name }) => name === route.device);
  return device ? fromNode(evidence, node, receiver, device, destination, source) : null;
}
