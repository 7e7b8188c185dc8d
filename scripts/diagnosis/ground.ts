/** What a solved testbed is made of, as far as faults are put into it: read from the kernel, so that it holds for every lab. */
import { interfaceWith, traceCable } from '../../harness/src/probes/cable.ts';
import { readInterfaces, readNeighbours, readRoute } from '../../harness/src/probes/kernel-state.ts';
import { readVtepEntries, readVxlanDevices, type VxlanDevice } from '../../harness/src/probes/vxlan.ts';
import { type Host, hostName } from '../../harness/src/testbed/host.ts';
import type { Testbed } from '../../harness/src/testbed/testbed.ts';

/** A pod with its cable, its bridge and its node. */
export interface PodGround {
  readonly host: Host;
  readonly name: string;
  readonly node: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly device: string;
  readonly mac: string;
  /** The node's end of the cable, and the bridge that it is plugged into. */
  readonly port: string;
  readonly bridge: string;
  readonly gateway: string | null;
  readonly podCidr: string;
  readonly uplink: string;
  readonly nodeAddress: string;
  readonly vtep: VxlanDevice | null;
}

export interface Ground {
  readonly testbed: Testbed;
  readonly from: PodGround;
  readonly to: PodGround;
  readonly sameNode: boolean;
  /** Where the sender's node sends packets for the other: the device and the next hop. */
  readonly route: { readonly device: string; readonly gateway: string | null } | null;
  /** The next hop in the overlay: its MAC address and the node behind it. */
  readonly tunnel: { readonly mac: string; readonly node: string } | null;
}

export async function readGround(testbed: Testbed, from: string, to: string): Promise<Ground | null> {
  const [a, b] = await Promise.all([readPod(testbed, from), readPod(testbed, to)]);
  if (!a || !b) return null;
  const sameNode = a.node === b.node;
  const node: Host = { node: a.node, pod: '' };
  const decided = sameNode ? null : await readRoute(testbed, node, b.address);
  const route = decided?.kind === 'unicast' ? { device: decided.device, gateway: decided.gateway } : null;
  return {
    testbed,
    from: a,
    to: b,
    sameNode,
    route,
    tunnel: route ? await readTunnel(testbed, node, route) : null,
  };
}

async function readTunnel(testbed: Testbed, node: Host, route: { device: string; gateway: string | null }) {
  const devices = await readVxlanDevices(testbed, node);
  if (!devices.some(({ name }) => name === route.device)) return null;
  const entry = (await readNeighbours(testbed, node)).find(
    ({ address, device }) => address === route.gateway && device === route.device,
  );
  const behind = (await readVtepEntries(testbed, node, route.device)).find(({ mac }) => mac === entry?.mac);
  return entry?.mac && behind?.node ? { mac: entry.mac, node: behind.node } : null;
}

async function readPod(testbed: Testbed, name: string): Promise<PodGround | null> {
  const host = testbed.host(name);
  const planned = testbed.plan.pods[host.pod];
  const node = testbed.plan.nodes[host.node];
  if (!planned || !node?.podCidr) return null;
  const [inside, outside] = await Promise.all([
    readInterfaces(testbed, host),
    readInterfaces(testbed, { node: host.node, pod: '' }),
  ]);
  const device = interfaceWith(inside, planned.address);
  const cable = device ? traceCable(device, outside) : null;
  if (!device || !cable?.outside || !cable.bridge) return null;
  const away = await readRoute(testbed, host, '198.51.100.1');
  const [uplink = 'eth0'] = Object.keys(node.interfaces);
  const [vtep = null] = await readVxlanDevices(testbed, { node: host.node, pod: '' });
  return {
    host,
    name: hostName(host),
    node: host.node,
    address: planned.address,
    prefixLength: planned.prefixLength,
    device: device.name,
    mac: device.mac,
    port: cable.outside.name,
    bridge: cable.bridge.name,
    gateway: away.kind === 'unicast' ? away.gateway : null,
    podCidr: node.podCidr,
    uplink,
    nodeAddress: node.interfaces[uplink]?.address ?? '',
    vtep,
  };
}
