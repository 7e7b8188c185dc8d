/** What a diagnosis has read, each thing once; and causes that say where they were found. */
import {
  type Interface,
  type Neighbour,
  readInterfaces,
  readNeighbours,
  readSettings,
} from '../probes/kernel-state.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { RefusedError } from '../testbed/session.ts';
import type { Testbed } from '../testbed/testbed.ts';
import type { CauseId } from './causes.ts';

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

  async setting(host: Host, name: string): Promise<string | null> {
    return (await readSettings(this.testbed, host, [name])).get(name) ?? null;
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
