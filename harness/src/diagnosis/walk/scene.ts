/** The stage of a walk: every namespace with its interfaces, how they are cabled, and who has which address. */
import type { CapturedDevice } from '../../probes/capture-everywhere.ts';
import type { Interface } from '../../probes/kernel-state.ts';
import { type Host, hostName } from '../../testbed/host.ts';
import type { Testbed } from '../../testbed/testbed.ts';
import type { Evidence } from '../evidence.ts';
import { portKey, type Wiring } from './follow-packet.ts';

export interface Place {
  readonly host: Host;
  readonly interfaces: readonly Interface[];
}

export class Scene {
  readonly testbed: Testbed;
  readonly places: readonly Place[];
  readonly wiring: Wiring;

  private constructor(testbed: Testbed, places: readonly Place[]) {
    this.testbed = testbed;
    this.places = places;
    this.wiring = wire(testbed, places);
  }

  /** @param devices what the capture found: namespaces of the learner's own are among them. */
  static async read(evidence: Evidence, devices: readonly CapturedDevice[]): Promise<Scene> {
    const hosts = new Map(devices.map(({ host }) => [`${host.node}/${host.pod}`, host]));
    const places = await Promise.all(
      [...hosts.values()].map(async (host) => ({ host, interfaces: await evidence.interfaces(host) })),
    );
    return new Scene(evidence.testbed, places);
  }

  /** `pod/a`, `node1`; a namespace that the plan does not know is `node1/NAME`. */
  nameOf(host: Host): string {
    const planned = host.pod === '' || this.testbed.plan.pods[host.pod]?.node === host.node;
    return planned ? hostName(host) : `${host.node}/${host.pod}`;
  }

  interfacesOf(host: Host): readonly Interface[] {
    return (
      this.places.find((place) => place.host.node === host.node && place.host.pod === host.pod)?.interfaces ??
      []
    );
  }

  interfaceOf(host: Host, device: string): Interface | null {
    return this.interfacesOf(host).find(({ name }) => name === device) ?? null;
  }

  /** Every namespace that has the address. */
  ownersOf(address: string): Host[] {
    return this.places
      .filter(({ interfaces }) =>
        interfaces.some(({ addresses }) => addresses.some((own) => own.address === address)),
      )
      .map(({ host }) => host);
  }

  ownerOfMac(mac: string): { readonly host: Host; readonly device: string } | null {
    for (const { host, interfaces } of this.places) {
      const found = interfaces.find((each) => each.mac === mac);
      if (found) return { host, device: found.name };
    }
    return null;
  }

  isOwn(host: Host, address: string): boolean {
    if (address.startsWith('127.')) return true;
    return this.interfacesOf(host).some(({ addresses }) => addresses.some((own) => own.address === address));
  }

  /** The bridge that an interface is a port of. */
  bridgeOf(host: Host, device: string): string | null {
    return this.wiring.bridges.get(portKey({ host, device })) ?? null;
  }

  isUplink(host: Host, device: string): boolean {
    return this.wiring.uplinks.has(portKey({ host, device }));
  }
}

/** An interface that was cabled before the lab began: its other end is the fabric's. */
function isPlanned({ plan }: Testbed, host: Host, device: string): boolean {
  return host.pod === '' && device in (plan.nodes[host.node]?.interfaces ?? {});
}

function wire(testbed: Testbed, places: readonly Place[]): Wiring {
  const peers = new Map<string, string>();
  const bridges = new Map<string, string>();
  const uplinks = new Set<string>();
  for (const { host, interfaces } of places) {
    for (const { name: device, kind, index, peerIndex, peerIsHere, master } of interfaces) {
      const key = portKey({ host, device });
      if (isPlanned(testbed, host, device)) {
        uplinks.add(key);
        continue;
      }
      const bridge = interfaces.find((each) => each.name === master && each.kind === 'bridge');
      if (bridge) bridges.set(key, bridge.name);
      if (kind !== 'veth') continue;
      // The two ends of a pair name each other by index; both have to agree. An index alone may be another's.
      const ends = places
        .filter((place) => (peerIsHere ? place.interfaces === interfaces : place.host.node === host.node))
        .flatMap((place) =>
          place.interfaces
            .filter((each) => each.kind === 'veth' && each.index === peerIndex && each.peerIndex === index)
            .filter((each) => each.peerIsHere === peerIsHere)
            .filter((each) => !isPlanned(testbed, place.host, each.name))
            .map((each) => portKey({ host: place.host, device: each.name })),
        )
        .filter((other) => other !== key);
      if (ends.length === 1 && ends[0]) peers.set(key, ends[0]);
    }
  }
  return { peers, bridges, uplinks };
}
