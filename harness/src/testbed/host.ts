/** The names of places in a testbed, as learners write them: a node (`node1`) or a pod (`pod/a`). */
import { UsageError } from '../errors.ts';
import type { AddressPlan } from '../topology/plan.ts';

export interface Host {
  readonly node: string;
  /** Empty for the node itself. */
  readonly pod: string;
}

/** A file in /run/netns: what `ip netns add` takes, and a file system (man 7 path_resolution: 255 bytes). */
const POD_NAME = /^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,255}$/;
/** Of a name that somebody else chose, in a line of ours. */
const LONGEST_SHOWN = 60;

/**
 * Finds the host that a name means. A pod that the topology does not know may be written as
 * `node1/NAME`: learners make pods of their own.
 *
 * @throws {UsageError} when there is no such host, with those there are.
 */
export function findHost(plan: AddressPlan, name: string): Host {
  if (Object.hasOwn(plan.nodes, name)) return { node: name, pod: '' };
  const [place = '', pod = ''] = name.split('/');
  const wanted = place === 'pod' ? pod : name;
  const planned = Object.hasOwn(plan.pods, wanted) ? plan.pods[wanted] : undefined;
  if (planned) return { node: planned.node, pod: wanted };
  if (Object.hasOwn(plan.nodes, place) && POD_NAME.test(pod)) return { node: place, pod };
  const known = [...Object.keys(plan.nodes), ...Object.keys(plan.pods).map((known) => `pod/${known}`)];
  const shown = name.length > LONGEST_SHOWN ? `${name.slice(0, LONGEST_SHOWN)}...` : name;
  throw new UsageError(`There is no host "${shown}" in this lab. There are: ${known.join(', ')}.`);
}

/** `node1`, or `pod/a`. */
export function hostName(host: Host): string {
  return host.pod ? `pod/${host.pod}` : host.node;
}
