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
  { address }: Pick<WalkedRequest, 'address'>,
  packets: readonly PacketWalk[],
): NamedCause[] {
  const found = packets.flatMap((packet) => [
    ...findFragments(packet),
    ...findDetour(plan, address, packet),
    ...findOtherTunnel(plan, packet),
  ]);
  return found.filter(({ id }, index) => found.findIndex((other) => other.id === id) === index);
}

function findOtherTunnel({ nodes, cluster }: AddressPlan, { stops }: PacketWalk): NamedCause[] {
  const wrapped = stops.find(({ packet }) => packet.outer !== null);
  const { outer } = wrapped?.packet ?? {};
  if (!wrapped || !outer || !(wrapped.host in nodes)) return [];
  const host = { node: wrapped.host, pod: '' };
  const { vni, vxlanPort } = cluster;
  if (outer.vni !== vni)
    return [
      cause('vni-mismatch', host, `${wrapped.host} wraps it with VNI ${outer.vni}; the plan has ${vni}`),
    ];
  if (outer.port === vxlanPort) return [];
  const text = `${wrapped.host} wraps it for UDP port ${outer.port}; the plan has ${vxlanPort}`;
  return [cause('vxlan-port-mismatch', host, text)];
}

/** A node of the cluster that neither sends nor receives, and was not called, passes nothing on. */
function findDetour(plan: AddressPlan, address: string, { stops, summary }: PacketWalk): NamedCause[] {
  const isNode = (name: string) => plan.nodes[name]?.podCidr != null;
  const nodeOf = ({ host }: Stop) =>
    isNode(host) ? host : (plan.pods[host.replace(/^pod\//, '')]?.node ?? '');
  const called = Object.keys(plan.nodes).filter((node) =>
    Object.values(plan.nodes[node]?.interfaces ?? {}).some((own) => own.address === address),
  );
  const [first, last] = [stops[0], stops.at(-1)];
  if (!first || !last) return [];
  const own = [nodeOf(first), nodeOf(last), ...called];
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
