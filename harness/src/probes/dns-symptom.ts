/** What can be wrong with names: a server that is not heard, an answer that is wrong, a file that asks wrongly. */
import type { Host } from '../testbed/host.ts';
import type { WantedRecord } from './cluster-records.ts';
import type { DnsAnswer, DnsProtocol } from './dns.ts';

export type DnsSymptom =
  | {
      /** No answer from the server at the address; it is the server's own, or that of a Service before it. */
      readonly kind: 'dns-silent';
      readonly from: Host;
      readonly to: Host;
      readonly address: string;
      readonly protocol: DnsProtocol;
    }
  | {
      readonly kind: 'dns-record';
      readonly from: Host;
      readonly to: Host;
      readonly address: string;
      readonly record: WantedRecord;
      readonly answer: DnsAnswer;
    }
  | {
      /** A name that the upstream knows, and the server's answer to it. */
      readonly kind: 'dns-upstream';
      readonly to: Host;
      readonly upstream: Host;
      readonly address: string;
      readonly answer: DnsAnswer;
      /** Whether the upstream was asked. */
      readonly asked: boolean;
      /** The answer is one that does not fit into a datagram, and was not whole. */
      readonly large: boolean;
    }
  | {
      readonly kind: 'dns-alias';
      readonly to: Host;
      readonly target: string;
      readonly address: string;
      readonly answer: DnsAnswer;
    }
  | {
      readonly kind: 'resolver-file';
      readonly host: Host;
      readonly wrong: 'missing' | 'nameserver' | 'search' | 'search-order' | 'ndots';
      /** What the file says, in words. */
      readonly found: string;
    };
