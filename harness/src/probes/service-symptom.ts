/** What can be wrong with a Service, as a client of it sees it. */
import type { Host } from '../testbed/host.ts';
import type { PlannedServicePort } from '../topology/plan.ts';
import type { OutcomeKind } from './reach.ts';

/** One port of a Service, asked from one host. */
export interface ServiceAsked {
  readonly from: Host;
  /** The Service's name in the plan. */
  readonly service: string;
  /** Its ClusterIP. */
  readonly address: string;
  readonly port: PlannedServicePort;
}

export type WrongWithService =
  /** Requests that got no answer, or a wrong one; `count` of `asked`, and how. */
  | {
      readonly what: 'unanswered';
      readonly outcome: OutcomeKind;
      readonly count: number;
      readonly asked: number;
      /** The endpoints that did answer, by name. */
      readonly answered: readonly string[];
    }
  /** A server that is none of the Service's endpoints answered. */
  | { readonly what: 'stranger'; readonly server: string; readonly at: string }
  /** The endpoint answered on another port of its own than the Service's target port. */
  | { readonly what: 'other-target'; readonly server: string; readonly at: string }
  /** The shares of the endpoints, by name, in the order of the plan. */
  | { readonly what: 'uneven'; readonly shares: readonly (readonly [string, number])[] }
  /** One connection was answered by several endpoints. */
  | { readonly what: 'moved'; readonly count: number }
  /** The server saw another client address than the client's own. */
  | { readonly what: 'client-changed'; readonly server: string; readonly seen: string }
  /** A Service without endpoints that does not refuse at once. */
  | { readonly what: 'not-refused'; readonly outcome: OutcomeKind }
  /** A port or protocol that the Service does not have is answered all the same. */
  | { readonly what: 'other-port'; readonly server: string; readonly at: string }
  /** Somebody answers ARP for the ClusterIP, or has it. */
  | { readonly what: 'owned'; readonly owner: string }
  /** A flow in the table of connections that still goes to somebody who is no endpoint. */
  | { readonly what: 'stale-flow'; readonly client: string; readonly endpoint: string };

export type ServiceSymptom = { readonly kind: 'service'; readonly wrong: WrongWithService } & ServiceAsked;
