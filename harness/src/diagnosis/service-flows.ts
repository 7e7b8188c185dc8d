/**
 * What becomes of packets to a Service on the node of their sender, as its table of connections says it. That holds
 * for every layout of rules: iptables of any order, nftables maps, sets.
 */
import { type Flow, readFlows } from '../probes/flows.ts';
import { isWithin, type ProbePorts } from '../probes/probe-ports.ts';
import { forgetFlows, portsOf, type Sample } from '../probes/sample.ts';
import type { ServiceAsked } from '../probes/service-symptom.ts';
import type { Host } from '../testbed/host.ts';
import type { PlannedService } from '../topology/plan.ts';
import type { Evidence } from './evidence.ts';
import { sampleAgain } from './sample-again.ts';

/** Enough to meet each of three endpoints, and each way that a packet can take (1 - 3 · (2/3)^40 > 0.9999997). */
const SENT = 40;
/** Long enough for an answer on one machine, short enough for a diagnosis. */
const PATIENCE_MS = 250;

export interface FlowsOptions {
  readonly count?: number;
  /** How long an answer is waited for. */
  readonly timeoutMs?: number;
  /** Is wrapped around the sending. */
  readonly during?: (send: () => Promise<ProbePorts>) => Promise<unknown>;
}

/** Sends to the Service, and returns the flows that this made. */
export async function flowsOf(
  { testbed }: Evidence,
  { from, address, port }: Pick<ServiceAsked, 'from' | 'address' | 'port'>,
  { count = SENT, timeoutMs = PATIENCE_MS, during = (send) => send() }: FlowsOptions = {},
): Promise<Flow[]> {
  const protocol = port.protocol === 'TCP' ? 'tcp' : 'udp';
  const node: Host = { node: from.node, pod: '' };
  const question = { protocol, address, port: port.port, count, timeoutMs } as const;
  const sent = Promise.withResolvers<Sample>();
  await during(async () => {
    const asking = sampleAgain(testbed, from, { ...question, keepFlows: true });
    asking.then(sent.resolve, sent.reject);
    return portsOf(await asking);
  });
  const asked = await sent.promise;
  const { ports } = asked;
  if (!ports) return [];
  const found = await readFlows(testbed, node, protocol, address);
  await forgetFlows(testbed, from, question, ports);
  // Other checks ask the same Service at the same time, and other clients always do.
  const own = portsOf(asked);
  return found.filter(
    (flow) =>
      flow.destinationPort === port.port && flow.source === ports.address && isWithin(own, flow.sourcePort),
  );
}

/** The same flows, told apart by what is right and wrong with them. */
export interface SortedFlows {
  readonly untranslated: readonly Flow[];
  readonly toStrangers: readonly Flow[];
  readonly toOtherPorts: readonly Flow[];
  /** Translated as they should be, by whether somebody answered. */
  readonly answered: readonly Flow[];
  readonly lost: readonly Flow[];
}

export function sortFlows(flows: readonly Flow[], evidence: Evidence, asked: ServiceAsked): SortedFlows {
  const known = addressesOf(evidence, serviceOf(evidence, asked));
  const translated = flows.filter(({ answers }) => answers !== asked.address);
  const toEndpoints = translated.filter(({ answers }) => known.has(answers));
  const right = toEndpoints.filter(({ answersFromPort }) => answersFromPort === asked.port.targetPort);
  return {
    untranslated: flows.filter(({ answers }) => answers === asked.address),
    toStrangers: translated.filter(({ answers }) => !known.has(answers)),
    toOtherPorts: toEndpoints.filter(({ answersFromPort }) => answersFromPort !== asked.port.targetPort),
    answered: right.filter(({ replied }) => replied),
    lost: right.filter(({ replied }) => !replied),
  };
}

export function serviceOf(evidence: Evidence, { service }: ServiceAsked): PlannedService {
  const found = evidence.testbed.plan.services[service];
  if (!found) throw new Error(`The plan has no Service "${service}".`);
  return found;
}

/** The endpoints by their addresses. */
export function addressesOf({ testbed }: Evidence, { endpoints }: PlannedService): Map<string, Host> {
  return new Map(
    endpoints.map((pod) => [testbed.plan.pods[pod]?.address ?? '', testbed.host(`pod/${pod}`)] as const),
  );
}
