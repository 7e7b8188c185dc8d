/**
 * What is otherwise than planned with a probe that arrived all the same: a tunnel's number or port, fragments, a node on
 * the way that has no part in it. Nothing is sent or read for that: the walk shows it.
 */
import type { NamedCause } from '../../probes/symptom.ts';
import type { AddressPlan } from '../../topology/plan.ts';
import { cause } from '../evidence.ts';
import type { PacketWalk, Stop, WalkedRequest } from './walk.ts';

export function findDeviations(
  plan: AddressPlan,
  { address, port }: Pick<WalkedRequest, 'address' | 'port'>,
  packets: readonly PacketWalk[],
): NamedCause[] {
  const found = packets.flatMap((packet) => [
    ...findTakenPort(plan, { address, port }, packet),
    ...findFragments(packet),
    ...findDetour(plan, address, packet),
    ...findOtherTunnel(plan, packet),
  ]);
  return found.filter(({ id }, index) => found.findIndex((other) => other.id === id) === index);
}

function findTakenPort(plan: AddressPlan, asked: Target, { role, arrived, stops }: PacketWalk): NamedCause[] {
  const end = stops.at(-1);
  if (role !== 'request' || !arrived || !end?.host.startsWith('pod/')) return [];
  const taken = takenPort(plan, asked, end.packet.destination);
  return taken ? [taken] : [];
}

interface Target {
  readonly address: string | null;
  /** 0 for ICMP. */
  readonly port: number;
}

/** What was for a node's own address, and a port that is no node port, went to somebody else: it was the node's own server's. */
export function takenPort(plan: AddressPlan, { address, port }: Target, by: string): NamedCause | null {
  const isNodePort = Object.values(plan.services).some(({ ports }) =>
    ports.some(({ nodePort }) => nodePort === port),
  );
  const node = nodeWith(plan, address);
  if (!node || isNodePort || port === 0 || plan.nodes[node]?.podCidr === null || by === address) return null;
  const text = `${node} sends what is for its own port ${port} to ${by}, and no Service has that port as its node port`;
  return cause('own-port-taken', { node, pod: '' }, text);
}

function findOtherTunnel(plan: AddressPlan, { stops }: PacketWalk): NamedCause[] {
  const { nodes, cluster } = plan;
  const wrapped = stops.find(({ packet }) => packet.outer !== null);
  const { outer } = wrapped?.packet ?? {};
  if (!wrapped || !outer || !(wrapped.host in nodes)) return [];
  const host = { node: wrapped.host, pod: '' };
  const { vni, vxlanPort } = cluster;
  if (outer.vni !== vni) {
    const other = `${wrapped.host} wraps it with VNI ${outer.vni}; the plan has ${vni}`;
    const neighbour = neighbourWith(plan, wrapped.host, outer.destination);
    const needless = `${wrapped.host} wraps it in a tunnel that is not in the plan, for ${neighbour}, which is on the same network: a route would do`;
    return [
      ...(neighbour ? [cause('encapsulated', host, needless)] : []),
      cause('vni-mismatch', host, other),
    ];
  }
  if (outer.port === vxlanPort) return [];
  const text = `${wrapped.host} wraps it for UDP port ${outer.port}; the plan has ${vxlanPort}`;
  return [cause('vxlan-port-mismatch', host, text)];
}

/** The node that has an address, if another node is on the same network. */
function neighbourWith(plan: AddressPlan, node: string, address: string): string | undefined {
  const interfacesOf = (name: string) => Object.values(plan.nodes[name]?.interfaces ?? {});
  const other = nodeWith(plan, address);
  const far = other && interfacesOf(other).find((each) => each.address === address);
  return interfacesOf(node).some(({ network }) => far && network === far.network) ? other : undefined;
}

function nodeWith({ nodes }: AddressPlan, address: string | null): string | undefined {
  return Object.keys(nodes).find((node) =>
    Object.values(nodes[node]?.interfaces ?? {}).some((own) => own.address === address),
  );
}

/** A node of the cluster that neither sends nor receives, and was not called, passes nothing on. */
function findDetour(plan: AddressPlan, address: string, { stops, summary }: PacketWalk): NamedCause[] {
  const isNode = (name: string) => plan.nodes[name]?.podCidr != null;
  const nodeOf = ({ host }: Stop) =>
    isNode(host) ? host : (plan.pods[host.replace(/^pod\//, '')]?.node ?? '');
  const called = nodeWith(plan, address);
  const [first, last] = [stops[0], stops.at(-1)];
  if (!first || !last) return [];
  const own = [nodeOf(first), nodeOf(last), called];
  const odd = stops.findIndex(({ host }) => isNode(host) && !own.includes(host));
  const before = stops.slice(0, Math.max(odd, 0)).findLast(({ host }) => isNode(host));
  if (!before) return [];
  const text = `${before.host} sends ${summary} by ${stops[odd]?.host}, which has neither its sender nor its receiver`;
  return [cause('wrong-next-hop', { node: before.host, pod: '' }, text)];
}

function findFragments({ stops }: PacketWalk): NamedCause[] {
  const cut = stops.flatMap(({ then }) => then).find(({ kind }) => kind === 'fragmented');
  return cut ? [cause('mtu-mismatch', { node: cut.host, pod: '' }, `${cut.host}: ${cut.text}`)] : [];
}
