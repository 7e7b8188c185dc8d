/** Why a sender has no way to a destination, or takes it for its own address. */
import { interfaceWith } from '../probes/cable.ts';
import type { Interface } from '../probes/kernel-state.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { contains } from '../topology/cidr.ts';
import { cause, type Evidence } from './evidence.ts';

type Found = NamedCause | null;

/** What `ip route get` says of routes of type blackhole, prohibit and unreachable. */
const REFUSALS = ['Invalid argument', 'denied', 'No route to host'];

export function explainNoRoute(
  evidence: Evidence,
  sender: Host,
  own: readonly Interface[],
  destination: string,
  error: string,
): Found {
  const name = hostName(sender);
  const { podCidr } = evidence.testbed.plan.nodes[sender.node] ?? {};
  const cabled = own.filter(({ addresses }) => addresses.length > 0);
  if (sender.pod && cabled.length === 0) return cause('no-address', sender, `${name} has no IPv4 address`);
  const down = cabled.find(({ up }) => !up);
  if (sender.pod && down) return cause('link-down', sender, `${down.name} in ${name} is down`);
  if (REFUSALS.some((refusal) => error.includes(refusal))) {
    return cause('route-rejects', sender, `a route in ${name} refuses ${destination} ("${error}")`);
  }
  const local =
    podCidr && contains(podCidr, destination) ? explainOwnNetwork(evidence, sender, own, destination) : null;
  return local ?? cause('no-route', sender, `${name} has no route to ${destination} ("${error}")`);
}

/**
 * Why a sender has no route of its own to a destination in its pod CIDR, which an address with the right prefix length
 * would give a route to.
 */
export function explainOwnNetwork(
  evidence: Evidence,
  sender: Host,
  own: readonly Interface[],
  destination: string,
): Found {
  const name = hostName(sender);
  const { podCidr, podGateway } = evidence.testbed.plan.nodes[sender.node] ?? {};
  if (!podCidr) return null;
  const wanted = Number(podCidr.split('/')[1]);
  // The address of a tunnel's end is no way to the pods.
  const near = own.filter(({ kind }) => kind !== 'vxlan');
  const short = near
    .flatMap(({ addresses }) => addresses)
    .find(({ address, prefixLength }) => contains(podCidr, address) && prefixLength > wanted);
  if (short) {
    const text = `${name} has ${short.address}/${short.prefixLength}, which leaves ${destination} outside its network; ${podCidr} is a /${wanted}`;
    return cause('wrong-prefix', sender, text);
  }
  if (sender.pod) return null;
  const bridgeDown = own.find((each) => each.kind === 'bridge' && !each.up);
  if (bridgeDown) return cause('bridge-down', sender, `${bridgeDown.name} is down`);
  if (near.some(({ addresses }) => addresses.some(({ address }) => contains(podCidr, address)))) return null;
  const text = `no interface of ${name} has an address in ${podCidr} (wanted ${podGateway}), so it has no route there`;
  return cause('no-gateway-address', sender, text);
}

export async function explainLocal(
  evidence: Evidence,
  sender: Host,
  receiver: Host,
  destination: string,
): Promise<Found> {
  if (hostName(sender) === hostName(receiver)) return null;
  const owner = interfaceWith(await evidence.interfaces(sender), destination);
  if (!owner) return null;
  const text = `${hostName(sender)} has ${destination} itself, on ${owner.name}`;
  return cause('duplicate-address', sender, text);
}
