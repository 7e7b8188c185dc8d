/**
 * What a walk that ended without an answer looks like to a check: a Service that does not answer, a node port, a DNS
 * server, a host outside. The finders of the checks are asked with it, so that both name the same cause.
 */
import type { Outcome, Protocol } from '../../probes/reach.ts';
import type { Symptom } from '../../probes/symptom.ts';
import { type Host, hostName } from '../../testbed/host.ts';
import type { AddressPlan, PlannedService, PlannedServicePort } from '../../topology/plan.ts';

/** A probe, or several alike, and what came of those that got no answer. */
export interface Unanswered {
  readonly from: Host;
  readonly address: string;
  /** 0 for ICMP. */
  readonly port: number;
  readonly protocol: Protocol;
  readonly size: number;
  readonly outcome: Outcome;
  /** How many of how many. */
  readonly count: number;
  readonly asked: number;
  /** Whose address it is, by the plan or by what was found; null where that is nobody, as with a ClusterIP. */
  readonly owner: Host | null;
}

export type Reading =
  /** Something is wrong, and these finders know it. */
  | { readonly kind: 'symptom'; readonly symptom: Symptom }
  /** It is to be so: the request cannot be answered, however right everything is built. */
  | {
      readonly kind: 'meant';
      readonly id: 'no-endpoints' | 'no-such-port' | 'cluster-ip-outside';
      readonly where: Host;
      readonly text: string;
    };

const DNS_PORT = 53;

/** Null where the target is no more than a host of the cluster. */
export function readSymptom(plan: AddressPlan, asked: Unanswered): Reading | null {
  return ofClusterIp(plan, asked) ?? ofNodePort(plan, asked) ?? ofHealthCheck(plan, asked);
}

/** The server at whose address and port a DNS question was lost. */
export function readDnsSilence({ from, address, port, protocol }: Unanswered, server: Host): Symptom | null {
  if (port !== DNS_PORT || protocol === 'icmp') return null;
  return { kind: 'dns-silent', from, to: server, address, protocol };
}

function ofClusterIp(plan: AddressPlan, asked: Unanswered): Reading | null {
  const { from, address, port, protocol, outcome } = asked;
  const found = Object.entries(plan.services).find(([, { clusterIp }]) => clusterIp === address);
  if (!found) return null;
  const [service, planned] = found;
  const node: Host = { node: from.node, pod: '' };
  if (plan.nodes[from.node]?.podCidr === null) {
    const text = `${address} is the ClusterIP of ${service}, which only nodes of the cluster translate, and ${hostName(from)} is outside of it`;
    return { kind: 'meant', id: 'cluster-ip-outside', where: node, text };
  }
  if (protocol === 'icmp') {
    const text = `${address} is the ClusterIP of ${service}, which nobody has: rules translate packets to its ports, and a ping has none`;
    return { kind: 'meant', id: 'no-such-port', where: node, text };
  }
  const own = portOf(planned, protocol, (each) => each.port === port);
  if (!own) {
    const text = `${service} has ${describePorts(planned)}, and no port ${port} over ${protocol.toUpperCase()}`;
    return { kind: 'meant', id: 'no-such-port', where: node, text };
  }
  const about = { kind: 'service', from, service, address, port: own } as const;
  if (planned.endpoints.length === 0) {
    if (outcome.kind !== 'refused')
      return {
        kind: 'symptom',
        symptom: { ...about, wrong: { what: 'not-refused', outcome: outcome.kind } },
      };
    const text = `no pod is behind ${service}, and ${node.node} refuses what is for it, as it should`;
    return { kind: 'meant', id: 'no-endpoints', where: node, text };
  }
  const wrong = {
    what: 'unanswered',
    outcome: outcome.kind,
    count: asked.count,
    asked: asked.asked,
    answered: [],
  } as const;
  return { kind: 'symptom', symptom: { ...about, wrong } };
}

function ofNodePort(plan: AddressPlan, asked: Unanswered): Reading | null {
  const { from, address, port, protocol, outcome } = asked;
  if (protocol === 'icmp') return null;
  const to = nodeWith(plan, asked);
  const found = Object.entries(plan.services).find(([, service]) =>
    portOf(service, protocol, ({ nodePort }) => nodePort === port),
  );
  if (!to || !found) return null;
  const [service, { endpoints, externalTrafficPolicy }] = found;
  const outside = plan.nodes[from.node]?.podCidr === null;
  const own = endpoints.some((pod) => plan.pods[pod]?.node === to.node);
  const about = { kind: 'node-port', service, from, to, address, protocol, port } as const;
  if (externalTrafficPolicy === 'Local' && outside && !own) {
    if (outcome.kind === 'timeout') {
      const text = `${service} has externalTrafficPolicy Local and no pod on ${to.node}, which stays silent to the world, as it should`;
      return { kind: 'meant', id: 'no-endpoints', where: to, text };
    }
    return {
      kind: 'symptom',
      symptom: {
        ...about,
        wrong: 'not-dropped',
        outcome: outcome.kind,
        seen: `${hostName(from)} gets an answer: ${outcome.kind}`,
      },
    };
  }
  const seen = `${asked.count} of ${asked.asked} calls get no answer`;
  return { kind: 'symptom', symptom: { ...about, wrong: 'no-answer', outcome: outcome.kind, seen } };
}

function ofHealthCheck(plan: AddressPlan, asked: Unanswered): Reading | null {
  const { from, address, port, protocol } = asked;
  const host = nodeWith(plan, asked);
  const service = Object.values(plan.services).find((each) => each.healthCheckNodePort === port);
  if (protocol !== 'tcp' || !host || !service) return null;
  const own = service.endpoints.some((pod) => plan.pods[pod]?.node === host.node);
  return {
    kind: 'symptom',
    symptom: {
      kind: 'health-check',
      host,
      port,
      from,
      address,
      status: 0,
      connected: false,
      wanted: own ? 200 : 503,
    },
  };
}

/** The node of the cluster that is called: by an address of its own, or by 127.0.0.1 from itself. */
function nodeWith(plan: AddressPlan, { from, address, owner }: Unanswered): Host | null {
  const called = address.startsWith('127.') && !from.pod ? from : owner;
  return called && !called.pod && plan.nodes[called.node]?.podCidr ? called : null;
}

function portOf(
  { ports }: PlannedService,
  protocol: Protocol,
  is: (port: PlannedServicePort) => boolean,
): PlannedServicePort | undefined {
  return ports.find((each) => each.protocol.toLowerCase() === protocol && is(each));
}

function describePorts({ ports }: PlannedService): string {
  return ports.map(({ port, protocol }) => `${port}/${protocol}`).join(', ') || 'no ports';
}
