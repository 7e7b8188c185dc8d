/** What was captured everywhere, as the interfaces and packets of one capture file. */
import { type CapturedDevice, type Sighting, sightingHost } from '../../probes/capture-everywhere.ts';
import type { PcapInterface, PcapPacket } from '../../probes/write-pcapng.ts';
import type { Testbed } from '../../testbed/testbed.ts';

const ETHERNET = 1;
const LOOPBACK = 772;
/** LINKTYPE_ETHERNET and LINKTYPE_RAW. */
const LINK_ETHERNET = 1;
const LINK_RAW = 101;

/** Interfaces are named with their host, as `node1:eth0`: in Wireshark's column and in `tcpdump`. */
export function capturedInterfaces(
  testbed: Testbed,
  devices: readonly CapturedDevice[],
  sightings: readonly Sighting[],
): { interfaces: PcapInterface[]; packets: PcapPacket[] } {
  const interfaces: PcapInterface[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (name: string, type: number): number => {
    const known = numbers.get(name);
    if (known !== undefined) return known;
    numbers.set(name, interfaces.length);
    interfaces.push({ name, linkType: type === ETHERNET || type === LOOPBACK ? LINK_ETHERNET : LINK_RAW });
    return interfaces.length - 1;
  };
  for (const { host, name, type } of devices) numberOf(`${sightingHost(testbed, host)}:${name}`, type);
  const packets = sightings.map(({ host, device, atNs, length, bytes, direction }) => ({
    interface: numberOf(`${sightingHost(testbed, host)}:${device}`, ETHERNET),
    atNs,
    length,
    bytes,
    direction,
  }));
  return { interfaces, packets };
}
