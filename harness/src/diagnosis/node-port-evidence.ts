/** What a diagnosis of node ports looks at: the same call once more, and what the called node made of it. */
import { type Flow, watchFlows } from '../probes/conntrack.ts';
import type { NodePortSymptom } from '../probes/node-port-symptom.ts';
import { isWithin } from '../probes/probe-ports.ts';
import { portsOf, type Sample } from '../probes/sample.ts';
import type { Host } from '../testbed/host.ts';
import type { PlannedService } from '../topology/plan.ts';
import type { Evidence } from './evidence.ts';
import { callsToMeetAll, sampleAgain } from './sample-again.ts';

export type NodePortCall = Pick<
  NodePortSymptom & { kind: 'node-port' },
  'from' | 'address' | 'protocol' | 'port' | 'service' | 'to'
>;

const PATIENCE_MS = 250;

export interface CalledAgain {
  readonly asked: Sample;
  /** The connections that the node keeps of these calls: what is dropped on the way leaves none. */
  readonly flows: readonly Flow[];
}

/** Calls again, and reads which connections a node made of it. */
export async function callAgain(
  evidence: Evidence,
  { from, address, protocol, port, service }: NodePortCall,
  seenBy: Host,
  count = callsToMeetAll(backendsOf(evidence, service).length),
): Promise<CalledAgain> {
  const { testbed } = evidence;
  const about = { protocol, address, port };
  const watched = await watchFlows(testbed, seenBy, about);
  const asked = await sampleAgain(testbed, from, { ...about, count, timeoutMs: PATIENCE_MS });
  // Others may call the same port meanwhile, from the same host too.
  const own = await addressesOf(evidence, from);
  const flows = (await watched.stop()).filter(
    ({ original }) => own.includes(original.source) && isWithin(portsOf(asked), original.sourcePort),
  );
  return { asked, flows };
}

/** Whom a host's packets may come from. */
export async function addressesOf(evidence: Evidence, host: Host): Promise<string[]> {
  const interfaces = await evidence.interfaces(host);
  return [...interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address)), '127.0.0.1'];
}

/** The Service's backends: pod, node and address of each. */
export function backendsOf(
  { testbed }: Evidence,
  name: string,
): { pod: string; node: string; address: string }[] {
  const { pods } = testbed.plan;
  return serviceOf(testbed.plan.services, name).endpoints.flatMap((pod) => {
    const planned = pods[pod];
    return planned ? [{ pod, node: planned.node, address: planned.address }] : [];
  });
}

export function serviceOf(services: Readonly<Record<string, PlannedService>>, name: string): PlannedService {
  const service = services[name];
  if (!service) throw new Error(`The plan has no Service "${name}".`);
  return service;
}

/** The hosts outside of the cluster, nearest to what the world is. */
export function outsiders({ testbed }: Evidence): Host[] {
  const { nodes } = testbed.plan;
  return testbed.nodes.filter((node) => nodes[node]?.podCidr === null).map((node) => ({ node, pod: '' }));
}

export function isInside({ testbed }: Evidence, host: Host): boolean {
  return testbed.plan.nodes[host.node]?.podCidr !== null;
}
