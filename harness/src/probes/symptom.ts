/** What a check saw that should not be: the question that diagnosis answers with a cause. */
import type { Host } from '../testbed/host.ts';
import type { DnsSymptom } from './dns-symptom.ts';
import type { NodePortSymptom } from './node-port-symptom.ts';
import type { ContainerSymptom, PodSymptom } from './pod-symptom.ts';
import type { Outcome, Protocol } from './reach.ts';
import type { ServiceSymptom } from './service-symptom.ts';

/** The named reason of a failure. `where` is a node (`node1`) or a pod (`pod/a`); the ids are the catalogue's. */
export interface NamedCause {
  readonly id: string;
  readonly where: string;
  readonly text: string;
}

export type WrongBetweenNodes =
  | 'not-arrived'
  | 'ttl'
  | 'encapsulated'
  | 'not-encapsulated'
  | 'vni'
  | 'port'
  | 'vtep'
  | 'asked'
  | 'copied'
  | 'too-big'
  | 'fragmented';

export type Symptom =
  | PodSymptom
  | ContainerSymptom
  | ServiceSymptom
  | DnsSymptom
  | NodePortSymptom
  | { readonly kind: 'no-namespace'; readonly host: Host }
  | { readonly kind: 'no-address'; readonly host: Host }
  | { readonly kind: 'address-outside'; readonly host: Host; readonly address: string; readonly cidr: string }
  | {
      readonly kind: 'address-reserved';
      readonly host: Host;
      readonly address: string;
      readonly role: string;
    }
  | { readonly kind: 'address-twice'; readonly hosts: readonly Host[]; readonly address: string }
  | {
      readonly kind: 'no-answer';
      readonly from: Host;
      readonly to: Host;
      readonly address: string;
      readonly protocol: Protocol;
      /** The server's, 0 for ICMP. */
      readonly port: number;
      readonly outcome: Outcome;
      /** So many over one connection, of which the first were answered. */
      readonly requests?: number;
    }
  | {
      readonly kind: 'source-changed';
      readonly from: Host;
      readonly to: Host;
      readonly address: string;
      readonly protocol: Protocol;
      readonly port: number;
      readonly seen: string;
    }
  | {
      /** A server outside the cluster saw a host by another address than the one wanted. */
      readonly kind: 'seen-as';
      readonly from: Host;
      readonly to: Host;
      readonly address: string;
      readonly protocol: Protocol;
      readonly port: number;
      readonly seen: string;
      readonly wanted: string;
    }
  | {
      readonly kind: 'routed';
      readonly from: Host;
      readonly to: Host;
      readonly address: string;
      readonly ttl: number;
      /** The interface of the node that the frame was addressed to, where it is known. */
      readonly router: string | null;
    }
  | {
      readonly kind: 'neighbour-wrong';
      readonly host: Host;
      readonly address: string;
      readonly mac: string | null;
    }
  | { readonly kind: 'fdb-missing'; readonly host: Host; readonly bridge: string; readonly mac: string }
  | { readonly kind: 'no-bridge'; readonly host: Host }
  | {
      /** A pod of ours behind `port` of a bridge does not reach a pod of the learner's, or is not reached. */
      readonly kind: 'added-pod';
      readonly neighbour: Host;
      readonly bridge: string;
      readonly port: string;
      readonly address: string;
      /** What did not get its answer: from one side to the other, over a protocol, and how to try again. */
      readonly asked: string;
      readonly protocol: Protocol;
      readonly resend: (sourcePort: number) => Promise<unknown>;
    }
  | {
      /** A packet between nodes did not arrive, or arrived by another way than the lab is about. */
      readonly kind: 'between-nodes';
      readonly from: Host;
      readonly to: Host;
      readonly address: string;
      readonly wrong: WrongBetweenNodes;
      /** Of the packet, where that made the difference. */
      readonly size?: number;
      /** What was captured, where that is the evidence. */
      readonly seen: string;
    }
  | {
      readonly kind: 'packet-too-big';
      readonly from: Host;
      readonly to: Host;
      readonly address: string;
      readonly size: number;
      readonly port: number;
      readonly outcome: Outcome;
    };

/** A check's way of saying no. */
export class CheckFailure extends Error {
  override name = 'CheckFailure';
  readonly expected: string;
  readonly observed: string;
  readonly symptom: Symptom;
  /** The cause, where it had to be found while what showed the symptom was still there. */
  override readonly cause: NamedCause | null;

  constructor(expected: string, observed: string, symptom: Symptom, cause: NamedCause | null = null) {
    super(`wanted ${expected}, found ${observed}`);
    this.expected = expected;
    this.observed = observed;
    this.symptom = symptom;
    this.cause = cause;
  }
}

/** A check that this kernel cannot run, with the feature that is missing. */
export class CheckSkipped extends Error {
  override name = 'CheckSkipped';
}
