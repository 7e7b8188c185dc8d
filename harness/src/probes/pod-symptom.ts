/** What can be wrong with one pod, looked at by itself: its namespace, its cable, the processes in it. */
import type { Host } from '../testbed/host.ts';

export type PodSymptom =
  | { readonly kind: 'node-namespace'; readonly host: Host }
  | { readonly kind: 'loopback-silent'; readonly host: Host }
  | { readonly kind: 'no-cable'; readonly host: Host }
  | { readonly kind: 'cable-down'; readonly host: Host }
  | { readonly kind: 'not-as-planned'; readonly host: Host }
  | {
      /** A packet for an address far away is not handed to the node. */
      readonly kind: 'no-way-out';
      readonly host: Host;
      readonly address: string;
    };

/** What can be wrong with the containers of a pod. */
export type ContainerSymptom =
  | { readonly kind: 'no-pause'; readonly host: Host }
  | { readonly kind: 'no-container'; readonly host: Host; readonly name: string; readonly port: number }
  | { readonly kind: 'port-taken'; readonly host: Host; readonly port: number; readonly owner: string }
  | { readonly kind: 'localhost-refused'; readonly host: Host; readonly port: number }
  | {
      readonly kind: 'port-shared';
      readonly host: Host;
      readonly port: number;
      readonly owners: readonly string[];
    }
  | {
      readonly kind: 'shared-files';
      readonly host: Host;
      readonly name: string;
      /** Whose files they are: `node1`, or `container web`. */
      readonly other: string;
      readonly namespace: string;
    }
  | {
      readonly kind: 'wrong-hostname';
      readonly host: Host;
      readonly name: string;
      readonly seen: string;
      /** It is in the node's UTS namespace. */
      readonly ofNode: boolean;
      /** It is in another UTS namespace than pause. */
      readonly apart: boolean;
      /** It was there before pause. */
      readonly outlived: boolean;
    }
  | { readonly kind: 'not-restarted'; readonly host: Host; readonly name: string; readonly older: string };
