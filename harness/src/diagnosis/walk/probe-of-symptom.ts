/** The probe that showed a symptom, in the words of `podwire trace`. */
import type { Protocol } from '../../probes/reach.ts';
import type { Symptom } from '../../probes/symptom.ts';
import { type Host, hostName } from '../../testbed/host.ts';
import type { AddressPlan } from '../../topology/plan.ts';
import type { WalkRequest } from './walk.ts';

const DNS_PORT = 53;
/** Of so many, one goes to an endpoint that a third of them goes to, and is lost there: (2/3)^13 is half a percent. */
const MANY = 13;

/** Bytes of an answer that takes many packets of full size. */
const LARGE = 100_000;

/** Null for a symptom that no packet showed. */
export function probeOfSymptom(plan: AddressPlan, symptom: Symptom): WalkRequest | null {
  if (symptom.kind === 'service') {
    const { from, address, port } = symptom;
    const protocol = port.protocol === 'UDP' ? 'udp' : 'tcp';
    const { wrong } = symptom;
    const some = wrong.what === 'unanswered' && wrong.count < wrong.asked;
    const to = `${address}:${port.port}`;
    return { from: hostName(from), to, protocol, ...(some ? { count: MANY } : {}) };
  }
  if (symptom.kind === 'dns-silent') {
    const { from, address, protocol } = symptom;
    return { from: hostName(from), to: `${address}:${DNS_PORT}`, protocol };
  }
  if (symptom.kind === 'dns-record') {
    const { from, address, answer } = symptom;
    return { from: hostName(from), to: `${address}:${DNS_PORT}`, protocol: answer.protocol };
  }
  // The server asks on: what is missing is the answer to its own question.
  if (symptom.kind === 'dns-upstream') {
    const { to, address, answer } = symptom;
    return { from: hostName(to), to: `${address}:${DNS_PORT}`, protocol: answer.protocol };
  }
  if (symptom.kind === 'health-check') {
    const { from, address, port } = symptom;
    return { from: hostName(from), to: `${address}:${port}`, protocol: 'tcp' };
  }
  // Small packets arrive: it is the long answer that is lost, so the one that it was for asks the one that sent it.
  if (symptom.kind === 'between-nodes' && symptom.wrong === 'too-big')
    return { from: hostName(symptom.to), to: hostName(symptom.from), protocol: 'tcp', size: LARGE };
  if (symptom.kind === 'between-nodes' && symptom.size !== undefined)
    return { from: hostName(symptom.from), to: hostName(symptom.to), protocol: 'udp', size: symptom.size };
  if (!('from' in symptom) || !('address' in symptom)) return null;
  const { from, address } = symptom as { from: Host; address: string };
  const to = 'to' in symptom ? (symptom.to as Host | undefined) : undefined;
  const protocol = 'protocol' in symptom ? (symptom.protocol as Protocol) : symptom.kind === 'packet-too-big' ? 'udp' : 'icmp'; // biome-ignore format: one decision
  const port = 'port' in symptom ? (symptom.port as number) : 0;
  return {
    from: hostName(from),
    to: targetWords(plan, to, address, port, protocol),
    protocol,
    ...(symptom.kind === 'packet-too-big' ? { size: symptom.size } : {}),
    ...(symptom.kind === 'node-port' && symptom.wrong === 'no-answer' ? { count: MANY } : {}),
  };
}

/** A host at its own address is asked by a server of the walk's own; everything else at the port that was asked. */
function targetWords(
  plan: AddressPlan,
  to: Host | undefined,
  address: string,
  port: number,
  protocol: Protocol,
): string {
  if (protocol === 'icmp' || port === 0) return to && isOwn(plan, to, address) ? hostName(to) : address;
  const ports = Object.values(plan.services).flatMap((service) => service.ports);
  const isPlanned =
    port < FIRST_FREE_PORT ||
    ports.some(({ nodePort, targetPort }) => nodePort === port || targetPort === port) ||
    Object.values(plan.servers).some((served) => served.includes(port)) ||
    Object.values(plan.services).some(({ clusterIp }) => clusterIp === address);
  if (isPlanned) return `${address}:${port}`;
  return to && isOwn(plan, to, address) ? hostName(to) : address;
}

/** RFC 6335: below it, ports are well known. */
const FIRST_FREE_PORT = 1024;

function isOwn(plan: AddressPlan, host: Host, address: string): boolean {
  if (host.pod) return plan.pods[host.pod]?.address === address;
  return Object.values(plan.nodes[host.node]?.interfaces ?? {}).some((each) => each.address === address);
}
