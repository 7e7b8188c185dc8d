/** Whom a sender hands its packet: the neighbour entry for its next hop, and who that is. */
import type { Interface, Neighbour, RouteDecision } from '../probes/kernel-state.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import { interfacesWith } from './find-at-cable.ts';

type Found = NamedCause | null;
export type Way = RouteDecision & { kind: 'unicast' };

/** An entry that is believed without asking anybody, or was right once. */
export async function findWrongNeighbour(
  evidence: Evidence,
  sender: Host,
  device: Interface,
  route: Way,
  destination: string,
): Promise<Found> {
  const nextHop = route.gateway ?? destination;
  const entry = (await evidence.neighbours(sender)).find(
    (each) => each.address === nextHop && each.device === device.name,
  );
  if (entry?.mac) return explainEntry(evidence, sender, nextHop, entry);
  if (device.arp || !['veth', 'bridge', 'macvlan'].includes(device.kind)) return null;
  const text = `${device.name} in ${hostName(sender)} does not use ARP, and has no entry for ${nextHop}`;
  return cause('arp-off', sender, text);
}

async function explainEntry(
  evidence: Evidence,
  sender: Host,
  nextHop: string,
  entry: Neighbour,
): Promise<Found> {
  const owners = await interfacesWith(evidence, sender.node, nextHop);
  if (owners.length === 0 || owners.some(([, { mac }]) => mac === entry.mac)) return null;
  const right = owners.map(([, { mac }]) => mac).join(' or ');
  if (entry.state === 'PERMANENT' || entry.state === 'NOARP') {
    const text = `${hostName(sender)} is told that ${nextHop} is at ${entry.mac}, but it is at ${right}`;
    return cause('wrong-neighbour', sender, text);
  }
  // Somebody answered with that address: the node itself, by proxy ARP, or an owner whose address was another.
  const node = await evidence.interfaces({ node: sender.node, pod: '' });
  if (node.some(({ mac }) => mac === entry.mac)) return null;
  const text = `${hostName(sender)} has learned that ${nextHop} is at ${entry.mac}, and that is over: it is at ${right}`;
  return cause('wrong-neighbour', sender, text);
}

/** The next hop is an address that nobody in the node has. */
export async function explainNobody(
  evidence: Evidence,
  sender: Host,
  route: Way,
  nextHop: string,
): Promise<Found> {
  const planned = evidence.testbed.plan.nodes[sender.node]?.podGateway;
  if (nextHop === planned) {
    const text = `${hostName(sender)} sends by its gateway ${nextHop}, but no interface of ${sender.node} has that address`;
    return cause('no-gateway-address', { node: sender.node, pod: '' }, text);
  }
  if (route.gateway === null)
    return (
      (await findOtherAddress(evidence, nextHop)) ??
      cause('neighbour-unresolved', sender, `nobody has the address ${nextHop}`)
    );
  const text = `${hostName(sender)} sends by the gateway ${nextHop}, and nobody has that address (wanted ${planned})`;
  return cause('wrong-gateway', sender, text);
}

/** The pod that was to have an address has another, or none. */
export async function findOtherAddress(evidence: Evidence, address: string): Promise<Found> {
  const { plan, pods } = evidence.testbed;
  const name = pods.find((pod) => plan.pods[pod]?.address === address);
  if (name === undefined) return null;
  const pod = evidence.testbed.host(`pod/${name}`);
  const own = (await evidence.interfaces(pod)).flatMap(({ addresses }) => addresses);
  if (own.some((each) => each.address === address)) return null;
  const has = own.map((each) => each.address).join(' and ') || 'no IPv4 address';
  const text = `${hostName(pod)} has ${has}, and was to have ${address}`;
  return cause(own.length === 0 ? 'no-address' : 'wrong-address', pod, text);
}

/** The gateway is a pod: it hands nothing on unless it was made a router. */
export async function findPodAsGateway(
  evidence: Evidence,
  sender: Host,
  receiver: Host,
  route: Way,
  owner: Host,
): Promise<Found> {
  if (route.gateway === null || !owner.pod || owner.pod === receiver.pod) return null;
  if ((await evidence.setting(owner, 'net/ipv4/ip_forward')) !== '0') return null;
  const text = `${hostName(sender)} sends by the gateway ${route.gateway}, which is ${hostName(owner)}: a pod that forwards nothing`;
  return cause('wrong-gateway', sender, text);
}
