/**
 * Follows a packet through a VXLAN tunnel: the next hop's MAC address, the node behind that MAC address, and
 * whether the tunnel's other end understands it (RFC 7348).
 */
import { readNeighbours } from '../probes/kernel-state.ts';
import { ask } from '../probes/reach.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { ALL_MACS, readVtepEntries, type VtepEntry, type VxlanDevice } from '../probes/vxlan.ts';
import type { Host } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import { sendAgain } from './find-in-filters.ts';
import { describeRule, dropping } from './trace-rules.ts';

/** Where the packet comes out: null where nothing wrong was found, but not everything could be seen. */
type Out = NamedCause | { readonly node: string; readonly device: string } | null;

/** @param gateway the next hop of the route; null when it has no `via`. */
export async function findInOverlay(
  evidence: Evidence,
  node: Host,
  deviceName: string,
  gateway: string | null,
  receiver: Host,
  destination: string,
): Promise<Out> {
  const { testbed } = evidence;
  const far: Host = { node: receiver.node, pod: '' };
  const [devices, others] = await Promise.all([evidence.tunnels(node), evidence.tunnels(far)]);
  const device = devices.find(({ name }) => name === deviceName);
  if (!device) return null;
  if (!device.up) return cause('link-down', node, `${device.name} in ${node.node} is down`);
  if (others.length === 0)
    return cause('no-vtep', far, `${far.node} has no VXLAN device, so nobody unwraps what it gets`);
  // The other end is the device of the same number, or else the one that was meant to be it.
  const other = others.find(({ vni }) => vni === device.vni) ?? others[0];
  if (!other) return null;
  if (!other.up) return cause('link-down', far, `${other.name} in ${far.node} is down`);
  const arrival = { node: far.node, device: other.name };
  const own = addressesOf(evidence, node.node);
  if (device.local !== null && !own.includes(device.local)) {
    const text = `${device.name} in ${node.node} sends from ${device.local}; the address of ${node.node} on the underlay is ${own.join(' or ')}`;
    return cause('vtep-local-wrong', node, text);
  }
  const unlike = compareEnds(evidence, node, device, far, other);
  if (device.external || other.external) return arrival;

  const nextHop = gateway ?? destination;
  const neighbours = await readNeighbours(testbed, node);
  const entry = neighbours.find(
    (each) => each.address === nextHop && each.device === device.name && each.mac !== null,
  );
  const entries = await readVtepEntries(testbed, node, device.name);
  const floods = device.remote !== null || entries.some(({ mac }) => mac === ALL_MACS);
  if (!entry?.mac) {
    if (floods && unlike) return unlike;
    if (
      gateway === null &&
      neighbours.some((each) => each.device === device.name && each.state === 'PERMANENT')
    ) {
      const text = `the route of ${node.node} to ${destination} has no "via", so ${destination} itself is looked for on ${device.name}; the neighbour entries there are for other nodes`;
      return cause('route-without-via', node, text);
    }
    const text = `${node.node} has no neighbour entry for the next hop ${nextHop} on ${device.name}, and nobody answers ARP for it there`;
    return cause('vtep-neighbour-missing', node, text);
  }
  if (device.mac === other.mac) {
    const text = `${device.name} of ${node.node} and ${other.name} of ${far.node} have one MAC address, ${device.mac}: a frame that seems to come from itself is dropped`;
    return cause('duplicate-mac', far, text);
  }
  const owner = await ownerOfMac(evidence, entry.mac);
  if (!owner) {
    const text = `${node.node} is told that ${nextHop} is at ${entry.mac}; the VXLAN device of ${far.node} is ${other.mac}`;
    return cause('vtep-mac-wrong', node, text);
  }
  if (owner !== far.node) {
    const text = `${node.node} sends packets for ${destination} to the tunnel end ${entry.mac}, which is ${owner}'s; the pod is on ${far.node}`;
    return cause('wrong-next-hop', node, text);
  }
  const behind = entries.filter(({ mac }) => mac === entry.mac);
  if (behind.length === 0 && !floods) {
    const text = `the forwarding database of ${device.name} in ${node.node} does not say behind which node ${entry.mac} is`;
    return cause('vtep-fdb-missing', node, text);
  }
  const addresses = addressesOf(evidence, far.node);
  const [first] = behind;
  const isRight = ({ node: end }: VtepEntry) => end === null || addresses.includes(end);
  if (first && !behind.some(isRight)) {
    const text = `the forwarding database of ${device.name} in ${node.node} says that ${entry.mac} is behind ${first.node}; it is behind ${addresses.join(' or ')}`;
    return cause('vtep-fdb-wrong', node, text);
  }
  const outer = await evidence.route(node, addresses[0] ?? '');
  const cut = (await findUplinkDown(evidence, node)) ?? (await findUplinkDown(evidence, far));
  if (cut) return cut;
  if (outer.kind === 'none') {
    const text = `${node.node} has no route to ${addresses[0]}, the node at the other end of the tunnel ("${outer.error}")`;
    return cause('no-route', node, text);
  }
  return unlike ?? arrival;
}

/** The tunnel stands, and the cable that it lies on does not. */
async function findUplinkDown(evidence: Evidence, node: Host): Promise<NamedCause | null> {
  const uplinks = Object.keys(evidence.testbed.plan.nodes[node.node]?.interfaces ?? {});
  const down = (await evidence.interfaces(node)).find(({ name, up }) => !up && uplinks.includes(name));
  return down ? cause('link-down', node, `${down.name} in ${node.node} is down`) : null;
}

/** Both ends need the same number and the same port; the one that differs from the plan is to blame. */
function compareEnds(
  evidence: Evidence,
  node: Host,
  device: VxlanDevice,
  far: Host,
  other: VxlanDevice,
): NamedCause | null {
  const { vni, vxlanPort } = evidence.testbed.plan.cluster;
  if (device.external || other.external) return null;
  if (device.vni !== other.vni) {
    const [where, wrong] = device.vni === vni ? [far, other] : [node, device];
    const text = `${wrong.name} in ${where.node} has VNI ${wrong.vni}: ${device.vni} on ${node.node}, ${other.vni} on ${far.node}, ${vni} in the plan`;
    return cause('vni-mismatch', where, text);
  }
  if (device.port !== other.port) {
    const [where, wrong] = device.port === vxlanPort ? [far, other] : [node, device];
    const text = `${wrong.name} in ${where.node} uses UDP port ${wrong.port}: ${device.port} on ${node.node}, ${other.port} on ${far.node}, ${vxlanPort} in the plan`;
    return cause('vxlan-port-mismatch', where, text);
  }
  return null;
}

/** A node's addresses on the underlay. */
function addressesOf({ testbed }: Evidence, node: string): string[] {
  return Object.values(testbed.plan.nodes[node]?.interfaces ?? {}).map(({ address }) => address);
}

async function ownerOfMac(evidence: Evidence, mac: string): Promise<string | null> {
  for (const node of evidence.testbed.nodes) {
    const devices = await evidence.tunnels({ node, pod: '' });
    if (devices.some((device) => device.mac === mac)) return node;
  }
  return null;
}

const PROBE_MS = 250;

/** The rule that drops the wrapped packets, on the nodes or on a router between them. */
export async function findBlockedTunnel(
  evidence: Evidence,
  from: Host,
  to: Host,
  address: string,
): Promise<NamedCause | null> {
  const { testbed } = evidence;
  const { nodes } = testbed.plan;
  const routers = Object.keys(nodes).filter((name) => nodes[name]?.podCidr === null);
  const hosts = [from.node, ...routers, to.node].map((node): Host => ({ node, pod: '' }));
  const ends = [from.node, to.node].flatMap((node) =>
    Object.values(nodes[node]?.interfaces ?? {}).map((each) => each.address),
  );
  // The packet around the probe has a source port made of the flow inside (RFC 7348, section 5): its receiver's tells it.
  const devices = await Promise.all([from, to].map(({ node }) => evidence.tunnels({ node, pod: '' })));
  const port = devices.flat()[0]?.port ?? testbed.plan.cluster.vxlanPort;
  const { rules } = await sendAgain(evidence, hosts, { addresses: ends, protocol: 'udp' }, async () => {
    await ask(testbed, from, { protocol: 'icmp', address, timeoutMs: PROBE_MS });
    return { first: port, last: port };
  });
  for (const [host, met] of rules) {
    const [first] = dropping(met);
    const what =
      devices.flat().length > 0 ? 'the packets of the tunnel' : 'what the nodes send to each other';
    if (first) return cause('filter-drop', host, `${describeRule(first)} drops ${what}`);
  }
  return null;
}
