/** Asks the finders of the checks about what a probe was sent to, where that is more than a host of the cluster. */
import type { NamedCause, Symptom } from '../../probes/symptom.ts';
import type { Host } from '../../testbed/host.ts';
import type { Evidence } from '../evidence.ts';
import { findAtNodePort } from '../find-at-node-port.ts';
import { findSilenceBetween } from '../find-between-nodes.ts';
import { findSilenceOutside, isOutside } from '../find-egress.ts';
import { findInDns } from '../find-in-dns.ts';
import { findInNodeService } from '../find-in-node-service.ts';
import { findOnPath } from '../find-on-path.ts';
import { explainService } from '../find-service.ts';
import { readDnsSilence, readSymptom, type Unanswered } from './symptom-of-walk.ts';

type Found = NamedCause | null;

/** Null where the target is a host of the cluster, and where the finders prove nothing. */
export async function findAtTarget(evidence: Evidence, asked: Unanswered): Promise<Found> {
  const reading = readSymptom(evidence.testbed.plan, asked);
  if (reading) return reading.kind === 'symptom' ? explain(evidence, reading.symptom) : null;
  const { from, owner, address, protocol, port, size } = asked;
  if (!owner || !isOutside(evidence, owner) || isOutside(evidence, from)) return null;
  return findSilenceOutside(evidence, from, owner, address, { protocol, port, size });
}

/** The question came to the server, and nothing came back. */
export async function findAtDnsServer(evidence: Evidence, asked: Unanswered, server: Host): Promise<Found> {
  const symptom = readDnsSilence(asked, server);
  return symptom ? explain(evidence, symptom) : null;
}

async function explain(evidence: Evidence, symptom: Symptom): Promise<Found> {
  switch (symptom.kind) {
    case 'service':
      return explainService(evidence, symptom);
    case 'node-port':
      return findAtNodePort(evidence, symptom);
    case 'health-check':
      return findInNodeService(evidence, symptom);
    case 'dns-silent':
    case 'dns-record':
    case 'resolver-file':
      return findInDns(evidence, symptom, (other) => explain(evidence, other));
    case 'no-answer': {
      const { from, to, address } = symptom;
      return (from.node === to.node ? findOnPath : findSilenceBetween)(evidence, from, to, address);
    }
    default:
      return null;
  }
}
