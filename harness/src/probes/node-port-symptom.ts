/** What a check of node ports saw that should not be. */
import type { Host } from '../testbed/host.ts';
import type { OutcomeKind } from './reach.ts';

/**
 * `no-answer`: none, or not to all requests. `uneven`: some backends get too much. `backend-missing`: one gets
 * nothing. `own-port`, `transit`: what is for the node itself, or for somebody else, went to a backend.
 * `source-changed`, `remote-backend`, `not-dropped`: against externalTrafficPolicy Local.
 * `local-for-all`: pods and nodes do not get all backends either. `loopback-open`: a neighbour reaches 127.0.0.1.
 */
export type WrongAtNodePort =
  | 'no-answer'
  | 'uneven'
  | 'backend-missing'
  | 'own-port'
  | 'transit'
  | 'source-changed'
  | 'remote-backend'
  | 'not-dropped'
  | 'local-for-all';

export type NodePortSymptom =
  | {
      readonly kind: 'node-port';
      readonly wrong: WrongAtNodePort;
      readonly service: string;
      readonly from: Host;
      /** Whose address was called: a node, or for `transit` whoever should have answered. */
      readonly to: Host;
      readonly address: string;
      readonly protocol: 'tcp' | 'udp';
      readonly port: number;
      readonly outcome: OutcomeKind | null;
      readonly seen: string;
    }
  | { readonly kind: 'loopback-open'; readonly host: Host; readonly address: string }
  | { readonly kind: 'server-gone'; readonly host: Host; readonly port: number | null }
  | {
      readonly kind: 'health-check';
      readonly host: Host;
      readonly port: number;
      readonly from: Host;
      readonly address: string;
      /** The HTTP status; 0 when nobody answered in HTTP. */
      readonly status: number;
      /** Whether somebody took the connection. */
      readonly connected: boolean;
      readonly wanted: number;
    };
