/** VXLAN devices and their tables, as the kernel has them (man 8 ip-link, man 8 bridge). */
import { CommandError } from '../errors.ts';
import { type Host, hostName } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';

export interface VxlanDevice {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly vni: number;
  readonly port: number;
  /** The sender's address on the underlay; null where the route decides. */
  readonly local: string | null;
  /** Where everything goes that no FDB entry names. */
  readonly remote: string | null;
  /** Told where to send by the route, not by a table. */
  readonly external: boolean;
  readonly addresses: readonly { readonly address: string; readonly prefixLength: number }[];
}

/** Behind which node a MAC address is; the MAC of zeros stands for all that are not listed. */
export interface VtepEntry {
  readonly mac: string;
  /** The address of the node behind which it is; null where a group of next hops says it (man 8 bridge, `nhid`). */
  readonly node: string | null;
}

export const ALL_MACS = '00:00:00:00:00:00';

export async function readVxlanDevices(testbed: Testbed, host: Host): Promise<VxlanDevice[]> {
  const found = (await readJson(testbed, host, ['ip', '-j', '-d', 'address'])) as RawLink[];
  return found
    .filter(({ linkinfo }) => linkinfo?.info_kind === 'vxlan')
    .map(({ ifname = '', address = '', mtu = 0, flags = [], linkinfo, addr_info = [] }) => ({
      name: ifname,
      mac: address,
      mtu,
      up: flags.includes('UP'),
      vni: linkinfo?.info_data?.id ?? 0,
      port: linkinfo?.info_data?.port ?? 0,
      local: linkinfo?.info_data?.local ?? null,
      remote: linkinfo?.info_data?.remote ?? linkinfo?.info_data?.group ?? null,
      external: linkinfo?.info_data?.external === true,
      addresses: addr_info
        .filter(({ family }) => family === 'inet')
        .map(({ local, prefixlen }) => ({ address: local, prefixLength: prefixlen })),
    }));
}

export async function readVtepEntries(testbed: Testbed, host: Host, device: string): Promise<VtepEntry[]> {
  const found = (await readJson(testbed, host, ['bridge', '-j', 'fdb', 'show', 'dev', device])) as RawFdb[];
  return found.flatMap(({ mac, dst, nhid }) => (mac && (dst || nhid) ? [{ mac, node: dst ?? null }] : []));
}

async function readJson(testbed: Testbed, host: Host, argv: readonly string[]): Promise<unknown[]> {
  const { exitCode, stdout, stderr } = await testbed.probe(host, argv);
  if (exitCode !== 0) throw new CommandError(hostName(host), argv, exitCode, stderr);
  return JSON.parse(stdout || '[]') as unknown[];
}

interface RawLink {
  ifname?: string;
  address?: string;
  mtu?: number;
  flags?: string[];
  linkinfo?: {
    info_kind?: string;
    info_data?: {
      id?: number;
      port?: number;
      local?: string;
      remote?: string;
      group?: string;
      external?: boolean;
    };
  };
  addr_info?: { family: string; local: string; prefixlen: number }[];
}

interface RawFdb {
  mac?: string;
  dst?: string;
  nhid?: number;
}
