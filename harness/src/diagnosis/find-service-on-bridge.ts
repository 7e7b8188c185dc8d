/** What a bridge does to translated packets: to those of its own pods, and to those that go back where they came from. */
import { traceCable } from '../probes/cable.ts';
import type { Flow } from '../probes/flows.ts';
import type { ServiceAsked } from '../probes/service-symptom.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';

type Found = NamedCause | null;

/**
 * The endpoint is behind the client's bridge, and its answer goes by the bridge alone: the node does not see it, does
 * not put the ClusterIP back, and the client does not know the sender (br_netfilter, Documentation/networking/ip-sysctl).
 */
export async function findBypassingBridge(
  evidence: Evidence,
  { from, address }: Pick<ServiceAsked, 'from' | 'address'>,
  endpoint: Host,
  isMasqueraded: boolean,
): Promise<Found> {
  const node: Host = { node: from.node, pod: '' };
  if (!from.pod || endpoint.node !== from.node || isMasqueraded) return null;
  if ((await evidence.setting(node, 'net/bridge/bridge-nf-call-iptables')) !== '0') return null;
  const [own, other] = await Promise.all([bridgeOf(evidence, from), bridgeOf(evidence, endpoint)]);
  if (!own?.bridge || own.bridge !== other?.bridge) return null;
  const text = `net.bridge.bridge-nf-call-iptables is 0 on ${node.node}: the answer of ${hostName(endpoint)} goes to ${hostName(from)} by ${own.bridge}, and nobody puts ${address} back as its sender`;
  return cause('bridge-netfilter-off', node, text);
}

/** A pod that is its own endpoint: the frame has to go back by the port that it came from, with another source. */
export async function findHairpin(
  evidence: Evidence,
  { from, address }: ServiceAsked,
  lost: Flow | undefined,
): Promise<Found> {
  const node: Host = { node: from.node, pod: '' };
  const plugged = await bridgeOf(evidence, from);
  const filtered = (await evidence.setting(node, 'net/bridge/bridge-nf-call-iptables')) === '1';
  if (plugged?.bridge && filtered && !(await isHairpin(evidence, node, plugged.port))) {
    const text = `hairpin is off on ${plugged.port}, so ${plugged.bridge} of ${node.node} sends no frame of ${hostName(from)} back to it`;
    return cause('hairpin-port-off', node, text);
  }
  if (!lost || lost.returnsTo !== lost.source) return null;
  const text = `${node.node} sends what ${hostName(from)} sends to ${address} back to it, with its own address ${lost.source} as the sender: nothing masquerades it`;
  return cause('hairpin-masquerade-missing', node, text);
}

/** The node's end of a pod's cable, and the bridge that it is plugged into. */
async function bridgeOf(
  evidence: Evidence,
  pod: Host,
): Promise<{ readonly port: string; readonly bridge: string | null } | null> {
  const node: Host = { node: pod.node, pod: '' };
  const [inside] = await evidence.interfaces(pod);
  if (!inside) return null;
  const { outside, bridge } = traceCable(inside, await evidence.interfaces(node));
  return outside ? { port: outside.name, bridge: bridge?.name ?? null } : null;
}

async function isHairpin({ testbed }: Evidence, node: Host, port: string): Promise<boolean> {
  const { stdout } = await testbed.probe(node, ['bridge', '-d', '-j', 'link', 'show', 'dev', port]);
  const [link] = JSON.parse(stdout || '[]') as { readonly hairpin?: boolean }[];
  return link?.hairpin ?? false;
}
