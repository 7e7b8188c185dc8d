/** Follows a veth cable from a pod to its other end in the node, and from there to the bridge. */
import type { Interface } from './kernel-state.ts';

/** Where a pod's cable ends in its node. */
export interface Cable {
  /** The interface in the pod. */
  readonly inside: Interface;
  /** Its other end in the node, or null when that is somewhere else. */
  readonly outside: Interface | null;
  /** The bridge that the other end is a port of. */
  readonly bridge: Interface | null;
}

/**
 * The two ends of a veth pair name each other by index; an index alone could be another namespace's, so
 * both have to agree. A macvlan names the interface that it lies on in the same way.
 */
export function traceCable(inside: Interface, nodeInterfaces: readonly Interface[]): Cable {
  const outside =
    nodeInterfaces.find(
      (candidate) =>
        inside.kind === 'veth' &&
        candidate.kind === 'veth' &&
        !candidate.peerIsHere &&
        candidate.index === inside.peerIndex &&
        candidate.peerIndex === inside.index,
    ) ?? null;
  const bridge =
    nodeInterfaces.find(({ name, kind }) => name === outside?.master && kind === 'bridge') ?? null;
  return { inside, outside, bridge };
}

/** The other end of a cable that does not leave its namespace. */
export function otherEndHere(end: Interface, interfaces: readonly Interface[]): Interface | null {
  if (end.kind !== 'veth' || !end.peerIsHere) return null;
  return interfaces.find(({ index }) => index === end.peerIndex) ?? null;
}

/** The interface of a pod that has the address. */
export function interfaceWith(interfaces: readonly Interface[], address: string): Interface | null {
  return interfaces.find(({ addresses }) => addresses.some((owned) => owned.address === address)) ?? null;
}
