/** How many testbeds this machine carries side by side while it grades. */
import { availableParallelism, freemem } from 'node:os';
import { FABRIC_MEMORY, NODE_MEMORY } from '../testbed/containers.ts';
import type { Topology } from '../topology/topology.ts';

/** Every node may take all it is allowed to; one testbed more stands ready for each that is graded. */
export function defaultJobs(topology: Topology): number {
  const atWorst = Object.keys(topology.nodes).length * NODE_MEMORY + FABRIC_MEMORY;
  return Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / (2 * atWorst))));
}
