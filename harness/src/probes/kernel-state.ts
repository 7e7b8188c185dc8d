/** What the kernel says of one namespace: interfaces, routes, neighbours, bridge tables, rules, settings. */
import { setTimeout as delay } from 'node:timers/promises';
import { CommandError, TestbedError } from '../errors.ts';
import { type Host, hostName } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';

/** One interface, from `ip -j -d address` (man 8 ip-address). */
export interface Interface {
  readonly index: number;
  readonly name: string;
  readonly mac: string;
  readonly kind: string;
  readonly up: boolean;
  /** False while the other end of a veth pair is down or gone. */
  readonly carrier: boolean;
  /**
   * The cable is whole, but the kernel has not yet started to send by it: it does so at most once a second
   * for all interfaces together (net/core/link_watch.c), and drops what is sent before.
   */
  readonly settling: boolean;
  readonly arp: boolean;
  readonly mtu: number;
  /** The index of the other end of a veth pair, in the namespace it is in. */
  readonly peerIndex: number | null;
  /** Whether that is this namespace. */
  readonly peerIsHere: boolean;
  readonly master: string | null;
  readonly addresses: readonly InterfaceAddress[];
  /** Of a bridge's port: `forwarding`, `learning`, `listening`, `blocking`, `disabled`. */
  readonly portState: string | null;
  readonly isolated: boolean;
  readonly learning: boolean;
  /** Whether the port sends out broadcasts and frames for MAC addresses that the bridge does not know. */
  readonly floods: boolean;
  /** Of a bridge. */
  readonly stp: boolean;
  readonly forwardDelayMs: number;
  /** How long a learned entry is kept; 0 makes a hub of the bridge. */
  readonly ageingMs: number;
  readonly filtersVlans: boolean;
}

export interface InterfaceAddress {
  readonly address: string;
  readonly prefixLength: number;
}

/** What the kernel would do with a packet, from `ip -j route get`. */
export type RouteDecision =
  | {
      readonly kind: 'unicast';
      readonly device: string;
      readonly gateway: string | null;
      readonly source: string | null;
    }
  | { readonly kind: 'local' }
  | { readonly kind: 'none'; readonly error: string };

export interface Neighbour {
  readonly address: string;
  readonly device: string;
  readonly mac: string | null;
  readonly state: string;
}

export interface FdbEntry {
  readonly mac: string;
  readonly port: string;
  /** `permanent` for the port's own address, `static`, or empty for a learned one. */
  readonly state: string;
  readonly vlan: number | null;
}

/** The kernel lets a second pass at most. */
const LONGEST_SETTLING_MS = 1_500;
const LOOK_AGAIN_MS = 20;

export async function readInterfaces(testbed: Testbed, host: Host): Promise<Interface[]> {
  const found = (await readJson(testbed, host, ['ip', '-j', '-d', 'address'])) as RawLink[];
  const links = found.filter((link) => link.ifname !== undefined);
  return links.map((link) => toInterface(link, links));
}

/** The same, once the kernel sends by all of them that have a whole cable. */
export async function readSettledInterfaces(testbed: Testbed, host: Host): Promise<Interface[]> {
  const deadline = performance.now() + LONGEST_SETTLING_MS;
  for (;;) {
    const found = await readInterfaces(testbed, host);
    if (!found.some(({ settling }) => settling) || performance.now() > deadline) return found;
    await delay(LOOK_AGAIN_MS);
  }
}

export async function readNeighbours(testbed: Testbed, host: Host): Promise<Neighbour[]> {
  const found = (await readJson(testbed, host, ['ip', '-j', '-4', 'neigh'])) as RawNeighbour[];
  return found.map(({ dst = '', dev = '', lladdr, state }) => ({
    address: dst,
    device: dev,
    mac: lladdr ?? null,
    state: state?.[0] ?? '',
  }));
}

/** ARP is answered in well under a millisecond; a neighbour that is asked for this long does not answer. */
const ARP_ANSWERED_WITHIN_MS = 30;

/**
 * Forgets the neighbours that do not answer, so that the next packet asks anew and can be seen to. One that is being
 * asked just now stays: the packet that waits for it may be the learner's, and would be dropped with it.
 */
export async function forgetUnresolvedNeighbours(testbed: Testbed, host: Host): Promise<void> {
  await flushNeighbours(testbed, host, ['failed']);
  const asked = await readUnresolved(testbed, host);
  if (asked.length === 0) return;
  await delay(ARP_ANSWERED_WITHIN_MS);
  const unanswered = (await readUnresolved(testbed, host)).filter(({ address, device }) =>
    asked.some((each) => each.address === address && each.device === device),
  );
  await Promise.all(
    unanswered.map(({ address, device }) =>
      testbed.probe(host, ['ip', 'neigh', 'del', address, 'dev', device]),
    ),
  );
}

/**
 * Forgets all neighbours that were learned; what was entered by hand stays. A check is about the network as
 * it is now: an old answer would hide that nobody answers any more, or keep a new cable from being found.
 *
 * Those that the kernel waits for are asked once more: it does so only once a second by itself, and a cable plugged in
 * meanwhile would go unnoticed for that long. To forget them would drop the packets that wait for them, the learner's.
 */
export async function forgetLearnedNeighbours(testbed: Testbed, host: Host): Promise<void> {
  await flushNeighbours(testbed, host, ['reachable', 'stale', 'delay', 'probe', 'failed']);
  const waited = await readUnresolved(testbed, host);
  const seconds = String(ARP_ANSWERED_WITHIN_MS / 1000);
  await Promise.all(
    waited.map(({ address, device }) =>
      testbed.probe(host, ['timeout', seconds, 'arping', '-q', '-f', '-c', '1', '-I', device, address]),
    ),
  );
}

async function flushNeighbours(testbed: Testbed, host: Host, states: readonly string[]): Promise<void> {
  await testbed.probe(host, ['ip', '-4', 'neigh', 'flush', ...states.flatMap((state) => ['nud', state])]);
}

async function readUnresolved(testbed: Testbed, host: Host): Promise<Neighbour[]> {
  return (await readNeighbours(testbed, host)).filter(({ state }) => state === 'INCOMPLETE');
}

/** @param incoming the interface that the packet came in by, and its sender, when it is to be forwarded. */
export async function readRoute(
  testbed: Testbed,
  host: Host,
  destination: string,
  incoming?: { readonly device: string; readonly source: string },
): Promise<RouteDecision> {
  const from = incoming ? ['from', incoming.source, 'iif', incoming.device] : [];
  const { exitCode, stdout, stderr } = await testbed.probe(host, [
    'ip',
    '-j',
    'route',
    'get',
    destination,
    ...from,
  ]);
  if (exitCode !== 0) return { kind: 'none', error: stderr.replace('RTNETLINK answers: ', '').trim() };
  const [route] = JSON.parse(stdout) as RawRoute[];
  if (!route) return { kind: 'none', error: 'no route' };
  if (route.type === 'local') return { kind: 'local' };
  if (route.type !== undefined && route.type !== 'unicast') return { kind: 'none', error: route.type };
  return {
    kind: 'unicast',
    device: route.dev ?? '',
    gateway: route.gateway ?? route.via?.host ?? null,
    source: route.prefsrc ?? null,
  };
}

/** The interfaces that equal routes to one range lead to; longer and shorter prefixes, and other metrics, are other routes. */
export async function readDevicesTo(testbed: Testbed, host: Host, cidr: string): Promise<string[]> {
  const argv = ['ip', '-j', '-4', 'route', 'show', 'exact', cidr];
  const routes = (await readJson(testbed, host, argv)) as RawRoute[];
  const [first] = routes;
  return routes.filter(({ metric }) => metric === first?.metric).flatMap(({ dev }) => dev ?? []);
}

export async function readFdb(testbed: Testbed, host: Host): Promise<FdbEntry[]> {
  const found = (await readJson(testbed, host, ['bridge', '-j', 'fdb', 'show'])) as RawFdb[];
  return found
    .filter(({ flags }) => !flags?.includes('self'))
    .map(({ mac = '', ifname = '', state = '', vlan }) => ({ mac, port: ifname, state, vlan: vlan ?? null }));
}

/** The VLAN that untagged frames of a bridge's port belong to (man 8 bridge, `vlan`); a port without one is left out. */
export async function readPortVlans(testbed: Testbed, host: Host): Promise<Map<string, number>> {
  const found = (await readJson(testbed, host, ['bridge', '-j', 'vlan', 'show'])) as RawPortVlans[];
  return new Map(
    found.flatMap(({ ifname = '', vlans = [] }) =>
      vlans
        .filter(({ flags }) => flags?.includes('PVID'))
        .map(({ vlan = 0 }): [string, number] => [ifname, vlan]),
    ),
  );
}

/** Reads settings below /proc/sys, named by paths or patterns of a shell; one that the kernel does not have is left out. */
export async function readSettings(
  testbed: Testbed,
  host: Host,
  names: readonly string[],
): Promise<Map<string, string>> {
  const paths = names.map((name) => `/proc/sys/${name}`);
  // Interfaces have names that a learner chose: the shell expands them, and never runs them.
  const command = ['sh', '-c', "exec grep -s '' /dev/null $@", '-', ...paths];
  const { stdout } = await testbed.probe(host, command);
  const settings = new Map<string, string>();
  for (const line of stdout.split('\n')) {
    const separator = line.indexOf(':');
    if (separator > 0)
      settings.set(line.slice('/proc/sys/'.length, separator), line.slice(separator + 1).trim());
  }
  return settings;
}

/** iproute2 prints names of interfaces as they are; a learner may have put an escape sequence into one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced.
const RAW_CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

async function readJson(testbed: Testbed, host: Host, argv: readonly string[]): Promise<unknown[]> {
  const { exitCode, stdout, stderr } = await testbed.probe(host, argv);
  if (exitCode !== 0) throw new CommandError(hostName(host), argv, exitCode, stderr);
  try {
    return JSON.parse(stdout.replaceAll(RAW_CONTROL, '\\ufffd') || '[]') as unknown[];
  } catch (error) {
    throw new TestbedError(`Could not read the answer of \`${argv.join(' ')}\` on ${hostName(host)}.`, {
      cause: error,
    });
  }
}

interface RawLink {
  ifindex: number;
  ifname?: string;
  address?: string;
  flags?: string[];
  operstate?: string;
  mtu?: number;
  /** Where the other end is in another namespace. */
  link_index?: number;
  /** Where it is in this one: its name. */
  link?: string;
  master?: string;
  linkinfo?: {
    info_kind?: string;
    info_data?: { stp_state?: number; forward_delay?: number; ageing_time?: number; vlan_filtering?: number };
    info_slave_data?: {
      state?: string;
      isolated?: boolean;
      learning?: boolean;
      flood?: boolean;
      bcast_flood?: boolean;
    };
  };
  addr_info?: { family: string; local: string; prefixlen: number }[];
}

interface RawNeighbour {
  dst?: string;
  dev?: string;
  lladdr?: string;
  state?: string[];
}

interface RawRoute {
  type?: string;
  dev?: string;
  metric?: number;
  gateway?: string;
  via?: { host?: string };
  prefsrc?: string;
}

interface RawPortVlans {
  ifname?: string;
  vlans?: { vlan?: number; flags?: string[] }[];
}

interface RawFdb {
  mac?: string;
  ifname?: string;
  state?: string;
  vlan?: number;
  flags?: string[];
}

function toInterface(link: RawLink, all: readonly RawLink[]): Interface {
  const { info_data: bridge, info_slave_data: port, info_kind: kind } = link.linkinfo ?? {};
  const peerHere = all.find(({ ifname }) => ifname === link.link);
  return {
    index: link.ifindex,
    name: link.ifname ?? '',
    mac: link.address ?? '',
    kind: kind ?? '',
    up: link.flags?.includes('UP') ?? false,
    carrier: link.flags?.includes('LOWER_UP') ?? false,
    settling: (link.flags?.includes('LOWER_UP') ?? false) && (link.flags?.includes('NO-CARRIER') ?? false),
    arp: !(link.flags?.includes('NOARP') ?? false),
    mtu: link.mtu ?? 0,
    peerIndex: link.link_index ?? peerHere?.ifindex ?? null,
    peerIsHere: peerHere !== undefined,
    master: link.master ?? null,
    addresses: (link.addr_info ?? [])
      .filter(({ family }) => family === 'inet')
      .map(({ local, prefixlen }) => ({ address: local, prefixLength: prefixlen })),
    portState: port?.state ?? null,
    isolated: port?.isolated ?? false,
    learning: port?.learning ?? true,
    floods: (port?.flood ?? true) && (port?.bcast_flood ?? true),
    stp: bridge?.stp_state === 1,
    forwardDelayMs: (bridge?.forward_delay ?? 0) * 10,
    ageingMs: (bridge?.ageing_time ?? 0) * 10,
    filtersVlans: bridge?.vlan_filtering === 1,
  };
}
