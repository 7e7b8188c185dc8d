/** The receiver's side of a bridge: its cable, its port, and whether it answers ARP. */
import { traceCable } from '../probes/cable.ts';
import { type Interface, readPortVlans } from '../probes/kernel-state.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import { areJoined, findAtCable, findAtPort, interfacesWith, notPluggedIn } from './find-at-cable.ts';

type Found = NamedCause | null;

/** The port that a frame comes in by is null when the node itself sends it. */
interface Frame {
  readonly address: string;
  readonly source: string | null;
  readonly senderPort: Interface | null;
  readonly bridge: Interface;
}

export async function findAtReceiver(evidence: Evidence, receiver: Host, frame: Frame): Promise<Found> {
  const { address, source, senderPort, bridge } = frame;
  const node: Host = { node: receiver.node, pod: '' };
  const owners = await interfacesWith(evidence, receiver.node, address);
  if (owners.length > 1) {
    const names = owners.map(([host]) => hostName(host)).join(' and ');
    return cause('duplicate-address', owners[1]?.[0] ?? receiver, `${names} both have ${address}`);
  }
  const [owner] = owners;
  if (!owner?.[0].pod) return null;
  const [host, target] = owner;
  const plugged = await findAtCable(evidence, host, target);
  if (plugged) return plugged;
  const nodeInterfaces = await evidence.interfaces(node);
  const { outside, bridge: theirs } = traceCable(target, nodeInterfaces);
  if (!outside) return null;
  if (!theirs) return notPluggedIn(node, host, outside);
  if (theirs.name !== bridge.name) {
    if (areJoined(bridge, theirs, nodeInterfaces)) return null;
    const text = `${hostName(host)} is behind ${theirs.name}, the sender behind ${bridge.name}`;
    return cause('other-bridge', node, text);
  }
  const port = findAtPort(node, outside, theirs);
  if (port) return port;
  if (senderPort?.isolated && outside.isolated) {
    const text = `${senderPort.name} and ${outside.name} are both isolated ports of ${bridge.name}`;
    return cause('port-isolated', node, text);
  }
  if (!target.arp)
    return cause('arp-off', host, `${target.name} in ${hostName(host)} does not answer ARP (flag NOARP)`);
  return (
    (await findDuplicateMac(evidence, host, target)) ??
    (await findArpIgnored(evidence, host, target.name)) ??
    (await findWrongFdb(evidence, node, outside, target)) ??
    (await findOtherVlan(evidence, node, bridge, senderPort?.name ?? bridge.name, outside.name)) ??
    findFloodingOff(node, outside, bridge) ??
    (await findReversePath(evidence, host, target.name, source))
  );
}

async function findDuplicateMac(evidence: Evidence, host: Host, target: Interface): Promise<Found> {
  const others = [{ node: host.node, pod: '' }, ...evidence.podsOf(host.node)].filter(
    (other) => other.pod !== host.pod,
  );
  for (const other of others) {
    const twin = (await evidence.interfaces(other)).find(({ mac, up }) => mac === target.mac && up);
    if (twin) {
      // In one order, whichever of them was asked: it is one mistake.
      const ends = [
        { at: host, text: `${target.name} in ${hostName(host)}` },
        { at: other, text: `${twin.name} in ${hostName(other)}` },
      ].sort((one, another) => (hostName(one.at) < hostName(another.at) ? -1 : 1));
      const text = `${ends.map((end) => end.text).join(' and ')} both have the MAC address ${target.mac}`;
      return cause('duplicate-mac', ends[0]?.at ?? host, text);
    }
  }
  return null;
}

/** With arp_ignore 8 no interface answers for anything (kernel: ip-sysctl.rst). */
export async function findArpIgnored(evidence: Evidence, host: Host, device: string): Promise<Found> {
  for (const scope of [device, 'all']) {
    const name = `net/ipv4/conf/${scope}/arp_ignore` as const;
    if ((await evidence.setting(host, name)) !== '8') continue;
    const text = `${name.replaceAll('/', '.')} is 8 in ${hostName(host)}: it answers no ARP request`;
    return cause('arp-ignored', host, text);
  }
  return null;
}

/** A static entry is never corrected; a permanent one says that the MAC address is the bridge's own. */
async function findWrongFdb(
  evidence: Evidence,
  node: Host,
  port: Interface,
  target: Interface,
): Promise<Found> {
  const entries = (await evidence.fdb(node)).filter(({ mac }) => mac === target.mac);
  const own = entries.find(({ state }) => state === 'permanent');
  if (own) {
    const text = `the forwarding database has ${target.mac} as permanent on ${own.port}: the bridge takes it for its own`;
    return cause('wrong-fdb-entry', node, text);
  }
  const wrong = entries.find((entry) => entry.port !== port.name && entry.state === 'static');
  if (!wrong) return null;
  const text = `the forwarding database says that ${target.mac} is behind ${wrong.port}, but it is behind ${port.name}`;
  return cause('wrong-fdb-entry', node, text);
}

/** A bridge that has an address takes frames for itself by a permanent entry with its own MAC address. */
export async function findOwnEntryMissing(
  evidence: Evidence,
  node: Host,
  bridge: Interface,
  address: string,
): Promise<Found> {
  // The node answers for an address of another interface too (arp_ignore 0, kernel: ip-sysctl.rst).
  if (bridge.addresses.every((own) => own.address !== address)) return null;
  const entries = await evidence.fdb(node);
  if (entries.some(({ mac, state }) => mac === bridge.mac && state === 'permanent')) return null;
  const text = `${bridge.name} lacks the permanent entry for its own MAC address ${bridge.mac}, so it takes no frame for the node`;
  return cause('fdb-entry-missing', node, text);
}

export async function findOtherVlan(
  evidence: Evidence,
  node: Host,
  bridge: Interface,
  sender: string,
  receiver: string,
): Promise<Found> {
  if (!bridge.filtersVlans) return null;
  const vlans = await readPortVlans(evidence.testbed, node);
  const [theirs, ours] = [vlans.get(receiver), vlans.get(sender)];
  if (theirs === ours) return null;
  const say = (vlan: number | undefined) => (vlan === undefined ? 'no VLAN' : `VLAN ${vlan}`);
  const text = `${bridge.name} filters VLANs: ${sender} is in ${say(ours)}, ${receiver} in ${say(theirs)}`;
  return cause('vlan-mismatch', node, text);
}

function findFloodingOff(node: Host, port: Interface, bridge: Interface): Found {
  if (port.floods) return null;
  const text = `flooding is off on ${port.name}, a port of ${bridge.name}: ARP requests do not leave by it`;
  return cause('flooding-off', node, text);
}

/** A strict rp_filter drops what comes in by another interface than its answer would leave by (RFC 3704). */
export async function findReversePath(
  evidence: Evidence,
  host: Host,
  incoming: string,
  source: string | null,
): Promise<Found> {
  if (source === null) return null;
  const settings = ['all', incoming].map((scope) =>
    evidence.setting(host, `net/ipv4/conf/${scope}/rp_filter`),
  );
  const strictest = Math.max(...(await Promise.all(settings)).map(Number));
  const back = await evidence.route(host, source);
  if (strictest !== 1 || back.kind !== 'unicast' || back.device === incoming) return null;
  const text = `rp_filter is strict in ${hostName(host)}: it drops packets from ${source} that come in by ${incoming}, because answers leave by ${back.device}`;
  return cause('rp-filter', host, text);
}
