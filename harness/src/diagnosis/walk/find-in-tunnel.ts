/** What becomes of a wrapped packet at the tunnel's other end (RFC 7348). */
import type { NamedCause } from '../../probes/symptom.ts';
import { readVxlanDevices } from '../../probes/vxlan.ts';
import { cause } from '../evidence.ts';
import { isSameHost, type Knowledge } from './explain-steps.ts';
import type { Step } from './follow-packet.ts';

type Found = NamedCause | null;

/** The packet came out of the tunnel's other end, still wrapped: no device there takes it (RFC 7348). */
export async function findInTunnel({ scene, testbed }: Knowledge, { sighting, outer }: Step): Promise<Found> {
  const { host, direction, frame } = sighting;
  const tunnel = frame.ip?.vxlan;
  if (!outer || !tunnel || direction !== 'in' || !scene.isOwn(host, outer.destination)) return null;
  const name = scene.nameOf(host);
  if (host.pod !== '') {
    const text = `a rule of ${host.node} takes the packets of the tunnel, which come to UDP port ${testbed.plan.cluster.vxlanPort}, and sends them to ${name}`;
    return cause('own-port-taken', { node: host.node, pod: '' }, text);
  }
  const devices = await readVxlanDevices(testbed, host);
  if (devices.length === 0)
    return cause('no-vtep', host, `${name} has no VXLAN device, so nobody unwraps what it gets`);
  const { vni, vxlanPort } = testbed.plan.cluster;
  const [sender] = scene.ownersOf(outer.source);
  const blame = (right: boolean) => (right && sender ? sender : host);
  const [first] = devices;
  const listening = devices.filter(({ port, external }) => external || port === outer.destinationPort);
  if (listening.length === 0) {
    const text = `${name} takes VXLAN on UDP port ${first?.port}, and this packet came to port ${outer.destinationPort}; planned is ${vxlanPort}`;
    return cause('vxlan-port-mismatch', blame(first?.port === vxlanPort), text);
  }
  const joined = listening.filter((device) => device.external || device.vni === tunnel.vni);
  if (joined.length === 0) {
    const text = `the packet bears VNI ${tunnel.vni}, and ${first?.name} in ${name} has ${first?.vni}; planned is ${vni}`;
    return cause('vni-mismatch', blame(first?.vni === vni), text);
  }
  const [device] = joined;
  if (device && !device.up) return cause('link-down', host, `${device.name} in ${name} is down`);
  const { destinationMac } = tunnel.inner;
  const meant = scene.ownerOfMac(destinationMac);
  if (device && sender && meant && !isSameHost(meant.host, host) && meant.host.pod === '') {
    const text = `${scene.nameOf(sender)} sends frames for ${destinationMac} to ${name}, and that is ${scene.nameOf(meant.host)}'s tunnel end`;
    return cause('vtep-fdb-wrong', sender, text);
  }
  if (device && sender && destinationMac !== device.mac && !/^(33|01|ff)/.test(destinationMac)) {
    const text = `${scene.nameOf(sender)} puts ${destinationMac} on the frame inside the tunnel, and ${device.name} in ${name} is ${device.mac}`;
    return cause('vtep-mac-wrong', sender, text);
  }
  return null;
}
