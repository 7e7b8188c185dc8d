/** What can be wrong with a pod's cable and with the port of the bridge that it is plugged into. */
import { interfaceWith, otherEndHere, traceCable } from '../probes/cable.ts';
import type { Interface } from '../probes/kernel-state.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';

type Found = NamedCause | null;

/** Both ends of a pod's cable: there, up, and the far one in the node. */
export async function findAtCable(evidence: Evidence, pod: Host, inside: Interface): Promise<Found> {
  const node: Host = { node: pod.node, pod: '' };
  if (!inside.up) return cause('link-down', pod, `${inside.name} in ${hostName(pod)} is down`);
  if (inside.kind !== 'veth') return null;
  const { outside } = traceCable(inside, await evidence.interfaces(node));
  if (!outside)
    return cause(
      'peer-elsewhere',
      pod,
      `the other end of ${inside.name} in ${hostName(pod)} is not in ${pod.node}`,
    );
  if (outside.up) return null;
  return cause('link-down', node, `${outside.name}, the node's end of ${hostName(pod)}'s cable, is down`);
}

export function notPluggedIn(node: Host, pod: Host, outside: Interface): NamedCause {
  const text = `${outside.name}, the node's end of ${hostName(pod)}'s cable, is a port of no bridge`;
  return cause('not-in-bridge', node, text);
}

export function findAtPort(node: Host, port: Interface, bridge: Interface): Found {
  if (!bridge.up) return cause('bridge-down', node, `${bridge.name} is down`);
  if (port.portState === null || port.portState === 'forwarding') return null;
  const why = bridge.stp ? ': spanning tree is on' : '';
  const text = `${port.name} is a port of ${bridge.name} in state "${port.portState}"${why}`;
  return cause('port-not-forwarding', node, text);
}

/** Cables that lead frames back to a bridge which they have left, and that no spanning tree has closed. */
export function findLoop(node: Host, bridge: Interface, nodeInterfaces: readonly Interface[]): Found {
  const open = nodeInterfaces.filter(({ up, portState }) => up && portState === 'forwarding');
  const reached = new Set([bridge.name]);
  const followed = new Set<Interface>();
  for (const name of reached) {
    for (const port of open.filter((each) => each.master === name && !followed.has(each))) {
      const peer = otherEndHere(port, open);
      if (!peer?.master) continue;
      followed.add(port).add(peer);
      if (reached.has(peer.master)) {
        const twice =
          peer.master === name ? `plugs ${name} into itself` : `joins ${name} to ${peer.master} once more`;
        const text = `the cable from ${port.name} to ${peer.name} ${twice}: frames for everybody go round for ever`;
        return cause('bridge-loop', node, text);
      }
      reached.add(peer.master);
    }
  }
  return null;
}

/** An address that the node has on a port of a bridge instead of on the bridge: frames do not get there. */
export function findAddressOnPort(node: Host, interfaces: readonly Interface[], address: string): Found {
  const port = interfaceWith(interfaces, address);
  const bridge = interfaces.find(({ name, kind }) => name === port?.master && kind === 'bridge');
  if (!port || !bridge) return null;
  const text = `${node.node} has ${address} on ${port.name}, a port of ${bridge.name}; it belongs on ${bridge.name} itself`;
  return cause('address-on-port', node, text);
}

/** Every interface in a node and its pods that has the address. */
export async function interfacesWith(
  evidence: Evidence,
  node: string,
  address: string,
): Promise<[Host, Interface][]> {
  const hosts: Host[] = [{ node, pod: '' }, ...evidence.podsOf(node)];
  const found = await Promise.all(
    hosts.map(async (host) => {
      const owner = interfaceWith(await evidence.interfaces(host), address);
      return owner ? [[host, owner] as [Host, Interface]] : [];
    }),
  );
  return found.flat();
}

/** Whether one bridge leads to the other by cables between bridges. */
export function areJoined(one: Interface, other: Interface, nodeInterfaces: readonly Interface[]): boolean {
  const reached = new Set([one.name]);
  for (const name of reached) {
    for (const port of nodeInterfaces.filter(({ master }) => master === name)) {
      const peer = otherEndHere(port, nodeInterfaces);
      if (peer?.master) reached.add(peer.master);
    }
  }
  return reached.has(other.name);
}
