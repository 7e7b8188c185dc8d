/** Somebody asks by ARP for the next hop, and nobody says anything: why not. */
import type { NamedCause } from '../../probes/symptom.ts';
import type { Host } from '../../testbed/host.ts';
import { cause, type Evidence } from '../evidence.ts';
import { findArpIgnored } from '../find-at-receiver.ts';
import { findInOverlay } from '../find-in-overlay.ts';
import { findOneWayOnNode } from '../find-on-path.ts';
import { isSameHost, type Knowledge } from './explain-steps.ts';
import { ownerIn } from './find-target.ts';

type Found = NamedCause | null;

export interface AskedByArp {
  /** Whose MAC address is asked for. */
  readonly address: string;
  readonly device: string;
  /** The address that asks. */
  readonly asker: string;
}

/**
 * A request by ARP of a host that got no answer: what is to be sent waits for it. What passes the ports of a bridge has
 * not come to the host itself.
 */
export function unansweredArp(known: Knowledge, host: Host): AskedByArp | null {
  const own = known.scene.interfacesOf(host).map(({ mac }) => mac);
  const answered = new Set<string>();
  const asked = new Map<string, AskedByArp>();
  for (const { host: at, device, direction, frame } of known.sightings) {
    const { arp } = frame;
    if (!arp || !isSameHost(at, host) || known.scene.bridgeOf(at, device) !== null) continue;
    if (arp.kind === 'request' && direction === 'out' && own.includes(arp.senderMac))
      asked.set(arp.targetAddress, { address: arp.targetAddress, device, asker: arp.senderAddress });
    if (arp.kind === 'reply' && direction === 'in') answered.add(arp.senderAddress);
  }
  return [...asked.values()].find(({ address }) => !answered.has(address)) ?? null;
}

/** @param destination of the packet that waits for the answer. */
export async function findUnanswering(
  known: Knowledge,
  evidence: Evidence,
  host: Host,
  destination: string,
): Promise<Found> {
  const asked = unansweredArp(known, host);
  const { scene } = known;
  const name = scene.nameOf(host);
  if (!asked) return null;
  const [owner] = scene.ownersOf(asked.address);
  if (!owner) return findNobody(known, evidence, host, asked, destination);
  const own = scene
    .interfacesOf(owner)
    .find(({ addresses }) => addresses.some(({ address }) => address === asked.address));
  if (own && !own.up) return cause('link-down', owner, `${own.name} in ${scene.nameOf(owner)} is down`);
  const ignored = own ? await findArpIgnored(evidence, owner, own.name) : null;
  if (ignored) return ignored;
  if (owner.node === host.node && !isSameHost(owner, host)) {
    const found =
      (await findOneWayOnNode(evidence, host, owner, asked.address)) ??
      (await findOneWayOnNode(evidence, owner, host, asked.asker));
    if (found) return found;
  }
  if (owner.node !== host.node) {
    const gateway = asked.address === destination ? null : asked.address;
    const found = await findInOverlay(evidence, host, asked.device, gateway, owner, destination);
    if (found && 'id' in found) return found;
  }
  const text = `${name} asks by ARP on ${asked.device} who has ${asked.address}, which is ${scene.nameOf(owner)}'s; no answer comes`;
  return cause('neighbour-unresolved', host, text);
}

/** Nobody has the address that is asked for: whoever was to have it has none, or another. */
function findNobody(
  { scene, testbed }: Knowledge,
  evidence: Evidence,
  host: Host,
  asked: AskedByArp,
  destination: string,
): Found {
  const name = scene.nameOf(host);
  const planned = ownerIn(evidence, asked.address);
  if (!planned && asked.address !== destination) {
    const text = `${name} sends packets for ${destination} by the gateway ${asked.address}, and nobody in the testbed has that address`;
    return cause('wrong-gateway', host, text);
  }
  if (!planned) {
    const text = `${name} asks by ARP on ${asked.device} who has ${asked.address}, and nobody in the testbed has that address`;
    return cause('neighbour-unresolved', host, text);
  }
  const whose = scene.nameOf(planned);
  if (testbed.plan.nodes[planned.node]?.podGateway === asked.address) {
    return cause(
      'no-gateway-address',
      planned,
      `no interface of ${whose} has the gateway's address ${asked.address}`,
    );
  }
  const own = scene.interfacesOf(planned).flatMap(({ addresses }) => addresses.map(({ address }) => address));
  return own.length === 0
    ? cause('no-address', planned, `${whose} has no IPv4 address; ${asked.address} is the one it was to have`)
    : cause(
        'wrong-address',
        planned,
        `${whose} has ${own.join(' and ')}, and not ${asked.address}, which ${name} looks for`,
      );
}
