/** Causes that lie in one pod: in its namespace, or in the cable between it and its node. */
import { interfaceWith, otherEndHere, traceCable } from '../probes/cable.ts';
import { type Interface, readInterfaces } from '../probes/kernel-state.ts';
import type { PodSymptom } from '../probes/pod-symptom.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { contains } from '../topology/cidr.ts';
import { cause, type Evidence } from './evidence.ts';
import { findDropper } from './find-in-filters.ts';
import { findOnPath } from './find-on-path.ts';

type Found = NamedCause | null;

export async function findInPod(evidence: Evidence, symptom: PodSymptom): Promise<Found> {
  const { host } = symptom;
  switch (symptom.kind) {
    case 'node-namespace':
      return cause(
        'same-namespace',
        host,
        `/run/netns/${host.pod} is the namespace that ${host.node} itself lives in`,
      );
    case 'loopback-silent':
      return explainLoopback(evidence, host);
    case 'no-cable':
      return explainNoCable(evidence, host);
    case 'cable-down':
      return explainCableDown(evidence, host);
    case 'not-as-planned':
      return explainAddress(evidence, host);
    case 'no-way-out':
      return explainNoWayOut(evidence, host, symptom.address);
  }
}

async function explainLoopback(evidence: Evidence, host: Host): Promise<Found> {
  const name = hostName(host);
  const lo = (await readInterfaces(evidence.testbed, host)).find((each) => each.name === 'lo');
  if (!lo?.up) return cause('loopback-down', host, `lo in ${name} is down`);
  if (
    !lo.addresses.some(({ address, prefixLength }) => contains(`${address}/${prefixLength}`, '127.0.0.1'))
  ) {
    return cause('no-address', host, `lo in ${name} lacks 127.0.0.1/8`);
  }
  return findDropper(evidence, host, host, '127.0.0.1');
}

async function explainNoCable(evidence: Evidence, host: Host): Promise<Found> {
  const name = hostName(host);
  const own = await evidence.interfaces(host);
  const nodeInterfaces = await evidence.interfaces(nodeOf(host));
  const inside = own.find((each) => each.name === 'eth0');
  if (inside) {
    const other = otherEndHere(inside, own);
    if (other)
      return cause('peer-elsewhere', host, `both ends of the cable, eth0 and ${other.name}, are in ${name}`);
    if (inside.kind !== 'veth') {
      return cause(
        'peer-elsewhere',
        host,
        `eth0 in ${name} is of kind "${inside.kind}", not one end of a veth pair`,
      );
    }
    return cause('peer-elsewhere', host, `the other end of eth0 in ${name} is not in ${host.node}`);
  }
  const cabled = own.find((each) => traceCable(each, nodeInterfaces).outside);
  if (cabled)
    return cause(
      'wrong-interface-name',
      host,
      `the end of the cable in ${name} is named ${cabled.name}, not eth0`,
    );
  for (const each of nodeInterfaces) {
    const other = otherEndHere(each, nodeInterfaces);
    // One that joins two bridges, or has the gateway's address, was not meant for a pod.
    if (other && each.master === null && each.addresses.length === 0)
      return cause(
        'no-interface',
        host,
        `${name} has no interface but lo: both ends of the cable, ${each.name} and ${other.name}, are in ${host.node}`,
      );
  }
  const has = own.length > 0 ? own.map((each) => each.name).join(', ') : 'no interface but lo';
  return cause('no-interface', host, `${name} has ${has}: no cable leads into it`);
}

async function explainCableDown(evidence: Evidence, host: Host): Promise<Found> {
  const inside = (await evidence.interfaces(host)).find((each) => each.name === 'eth0');
  const outside = inside ? traceCable(inside, await evidence.interfaces(nodeOf(host))).outside : null;
  if (inside && !inside.up) return cause('link-down', host, `eth0 in ${hostName(host)} is down`);
  if (outside && !outside.up) {
    return cause(
      'link-down',
      nodeOf(host),
      `${outside.name}, the node's end of ${hostName(host)}'s cable, is down`,
    );
  }
  return null;
}

async function explainAddress(evidence: Evidence, host: Host): Promise<Found> {
  const name = hostName(host);
  const planned = evidence.testbed.plan.pods[host.pod];
  if (!planned) return null;
  const wanted = `${planned.address}/${planned.prefixLength}`;
  const own = await evidence.interfaces(host);
  const found = own.find((each) => each.name === 'eth0')?.addresses ?? [];
  const right = found.find(({ address }) => address === planned.address);
  if (found.length === 0) {
    const misplaced = interfaceWith(await evidence.interfaces(nodeOf(host)), planned.address);
    const where = misplaced ? `: ${misplaced.name} in ${host.node} has it, the other end of the cable` : '';
    return cause('no-address', host, `eth0 in ${name} has no IPv4 address${where}`);
  }
  const other = found.find(({ address }) => address !== planned.address);
  if (!right || other)
    return cause(
      'wrong-address',
      host,
      `eth0 in ${name} has ${other?.address}/${other?.prefixLength}; planned is ${wanted}`,
    );
  const length = right.prefixLength;
  const means =
    length < planned.prefixLength
      ? 'it takes addresses that are elsewhere for neighbours on its cable'
      : 'it takes neighbours for strangers';
  return cause(
    'wrong-prefix',
    host,
    `eth0 in ${name} has ${right.address}/${length}, so ${means}; planned is ${wanted}`,
  );
}

async function explainNoWayOut(evidence: Evidence, host: Host, address: string): Promise<Found> {
  const name = hostName(host);
  const route = await evidence.route(host, address);
  if (route.kind === 'none') {
    if (/Network is unreachable|no route/.test(route.error))
      return cause('no-route', host, `${name} has no route to ${address}, so it has no default route`);
    return cause('route-rejects', host, `a route in ${name} refuses ${address} ("${route.error}")`);
  }
  if (route.kind !== 'unicast') return null;
  const own = await evidence.interfaces(host);
  const device = own.find((each) => each.name === route.device);
  const nodeInterfaces = await evidence.interfaces(nodeOf(host));
  if (!device || !traceCable(device, nodeInterfaces).outside) {
    return cause(
      'wrong-route',
      host,
      `${name} sends packets for ${address} out of ${route.device}, which does not lead to ${host.node}`,
    );
  }
  if (route.gateway === null) {
    return cause(
      'no-gateway',
      host,
      `the default route of ${name} names no gateway, so ${name} asks by ARP for ${address} itself, and nobody on the cable has it`,
    );
  }
  const planned = evidence.testbed.plan.nodes[host.node]?.podGateway;
  if (interfaceWith(nodeInterfaces, route.gateway))
    return findOnPath(evidence, host, nodeOf(host), route.gateway);
  if (route.gateway === planned) {
    return cause(
      'no-gateway-address',
      nodeOf(host),
      `no interface of ${host.node} has the gateway's address ${route.gateway}`,
    );
  }
  return cause(
    'wrong-gateway',
    host,
    `${name} sends by the gateway ${route.gateway}, and ${host.node} has no such address (wanted ${planned})`,
  );
}

/**
 * Why a node sends what is for a pod out of another interface: two interfaces say that the pod's network
 * is theirs, and the kernel believes one of them.
 */
export function findSubnetClash(
  node: Host,
  device: Interface,
  cableEnd: Interface | null,
  destination: string,
): Found {
  const covering = device.addresses.find(
    ({ address, prefixLength }) => prefixLength < 32 && contains(`${address}/${prefixLength}`, destination),
  );
  if (!covering) return null;
  const behind = cableEnd ? `, and the pod is behind ${cableEnd.name}` : '';
  const text = `${device.name} in ${node.node} has ${covering.address}/${covering.prefixLength}, so ${node.node} looks for ${destination} there${behind}`;
  return cause('subnet-clash', node, text);
}

function nodeOf({ node }: Host): Host {
  return { node, pod: '' };
}
