/** What a diagnosis has read, each thing once; and causes that say where they were found. */
import {
  type FdbEntry,
  type Interface,
  type Neighbour,
  type RouteDecision,
  readFdb,
  readInterfaces,
  readNeighbours,
  readRoute,
  readSettings,
} from '../probes/kernel-state.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { readVxlanDevices, type VxlanDevice } from '../probes/vxlan.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { RefusedError } from '../testbed/session.ts';
import type { Testbed } from '../testbed/testbed.ts';
import type { CauseId } from './causes.ts';

/** What finders look at below /proc/sys. */
const PER_INTERFACE = ['arp_ignore', 'forwarding', 'proxy_arp', 'route_localnet', 'rp_filter'] as const;
const PER_NAMESPACE = [
  'net/bridge/bridge-nf-call-iptables',
  'net/ipv4/icmp_echo_ignore_all',
  'net/ipv4/ip_forward',
] as const;
const SETTINGS = [...PER_NAMESPACE, ...PER_INTERFACE.map((each) => `net/ipv4/conf/*/${each}`)];
export type Setting =
  | (typeof PER_NAMESPACE)[number]
  | `net/ipv4/conf/${string}/${(typeof PER_INTERFACE)[number]}`;

export class Evidence {
  readonly testbed: Testbed;
  readonly #read = new Map<string, Promise<unknown>>();

  constructor(testbed: Testbed) {
    this.testbed = testbed;
  }

  /** The interfaces of a host other than lo; none where the pod has no namespace. */
  interfaces(host: Host): Promise<Interface[]> {
    return this.#once(`interfaces ${hostName(host)}`, async () => {
      try {
        return (await readInterfaces(this.testbed, host)).filter(({ name }) => name !== 'lo');
      } catch (error) {
        if (error instanceof RefusedError && error.reason !== 'node-gone') return [];
        throw error;
      }
    });
  }

  neighbours(host: Host): Promise<Neighbour[]> {
    return this.#once(`neighbours ${hostName(host)}`, () => readNeighbours(this.testbed, host));
  }

  /** Which way a host's own packets go, or those of others that come in by an interface of it. */
  route(
    host: Host,
    destination: string,
    incoming?: { readonly device: string; readonly source: string },
  ): Promise<RouteDecision> {
    const key = [`route ${hostName(host)}`, destination, incoming?.device, incoming?.source].join(' ');
    return this.#once(key, () => readRoute(this.testbed, host, destination, incoming));
  }

  /** The forwarding databases of a host's bridges and tunnels. */
  fdb(host: Host): Promise<FdbEntry[]> {
    return this.#once(`fdb ${hostName(host)}`, () => readFdb(this.testbed, host));
  }

  tunnels(host: Host): Promise<VxlanDevice[]> {
    return this.#once(`tunnels ${hostName(host)}`, () => readVxlanDevices(this.testbed, host));
  }

  /** Null where the kernel has no such setting, or no such interface. */
  async setting(host: Host, name: Setting): Promise<string | null> {
    const settings = await this.#once(`settings ${hostName(host)}`, () =>
      readSettings(this.testbed, host, SETTINGS),
    );
    return settings.get(name) ?? null;
  }

  /** The pods of a node, as hosts. */
  podsOf(node: string): Host[] {
    return this.testbed.pods
      .filter((pod) => this.testbed.plan.pods[pod]?.node === node)
      .map((pod) => ({ node, pod }));
  }

  #once<T>(key: string, read: () => Promise<T>): Promise<T> {
    const known = this.#read.get(key);
    if (known) return known as Promise<T>;
    const reading = read();
    this.#read.set(key, reading);
    return reading;
  }
}

export function cause(id: CauseId, host: Host, text: string): NamedCause {
  return { id, where: hostName(host), text };
}
