/** What is remembered of an interface, and how two states of it differ, in a learner's words. */
import { type Attributes, macOf, type NetlinkMessage, numberOf, parseAttributes, textOf } from './netlink.ts';

export interface Link {
  readonly index: number;
  readonly name: string;
  /** `veth`, `bridge`, `vxlan` ...; empty for lo. */
  readonly kind: string;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly arp: boolean;
  readonly mac: string;
  readonly mtu: number;
  /** Index of the bridge it is a port of, 0 for none. */
  readonly master: number;
  /** Settings of the bridge, tunnel or port by their names; those that count up by themselves are left out. */
  readonly settings: Readonly<Record<string, string>>;
}

// linux/if_link.h, linux/if.h
const IFLA = { address: 1, name: 3, mtu: 4, master: 10, portInfo: 12, linkInfo: 18 } as const;
const INFO = { kind: 1, data: 2, portData: 5 } as const;
const IFF = { up: 0x1, noArp: 0x80, lowerUp: 0x10000 } as const;
export const LINK_BODY_BYTES = 16;
export const AF_BRIDGE = 7;

const BRIDGE_SETTINGS: Readonly<Record<number, string>> = {
  4: 'ageing_time',
  5: 'stp_state',
  7: 'vlan_filtering',
  9: 'group_fwd_mask',
  23: 'mcast_snooping',
  36: 'nf_call_iptables',
  38: 'nf_call_arptables',
  39: 'vlan_default_pvid',
};
const PORT_SETTINGS: Readonly<Record<number, string>> = {
  1: 'state',
  4: 'hairpin',
  5: 'guard',
  6: 'root_block',
  8: 'learning',
  9: 'flood',
  10: 'proxy_arp',
  27: 'mcast_flood',
  30: 'bcast_flood',
  32: 'neigh_suppress',
  33: 'isolated',
};
const PORT_STATES = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'];

/** Reads RTM_NEWLINK or RTM_DELLINK. `before` fills in what a message about a bridge port leaves out. */
export function readLink(message: NetlinkMessage, before: Link | undefined): Link {
  const { body } = message;
  const attributes = parseAttributes(body, LINK_BODY_BYTES);
  const flags = body.readUInt32LE(8);
  const fromBridge = body[0] === AF_BRIDGE;
  const info = parseAttributes(attributes.get(IFLA.linkInfo));
  const kind = fromBridge ? (before?.kind ?? '') : textOf(info.get(INFO.kind));
  const portData = fromBridge ? attributes.get(IFLA.portInfo) : info.get(INFO.portData);
  const ownSettings = fromBridge ? bridgeSettings(before) : readOwnSettings(kind, info.get(INFO.data));
  return {
    index: body.readInt32LE(4),
    name: textOf(attributes.get(IFLA.name)) || (before?.name ?? ''),
    kind,
    up: (flags & IFF.up) !== 0,
    carrier: (flags & IFF.lowerUp) !== 0,
    arp: (flags & IFF.noArp) === 0,
    mac: macOf(attributes.get(IFLA.address)),
    mtu: numberOf(attributes.get(IFLA.mtu)) ?? before?.mtu ?? 0,
    master: numberOf(attributes.get(IFLA.master)) ?? 0,
    settings: { ...ownSettings, ...named(parseAttributes(portData), PORT_SETTINGS, 'port ') },
  };
}

function readOwnSettings(kind: string, data: Buffer | undefined): Record<string, string> {
  if (kind === 'bridge') return named(parseAttributes(data), BRIDGE_SETTINGS, '');
  return data ? { [`${kind} settings`]: data.toString('hex') } : {};
}

function bridgeSettings(before: Link | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(before?.settings ?? {}).filter(([name]) => !name.startsWith('port ')),
  );
}

function named(
  attributes: Attributes,
  names: Readonly<Record<number, string>>,
  prefix: string,
): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [number, value] of attributes) {
    const name = names[number];
    if (name) settings[`${prefix}${name}`] = value.toString('hex').replace(/^0+(?=.)/, '');
  }
  return settings;
}

/** Every difference that can matter to a network, in the order in which a learner would tell them. */
export function describeLinkChange(before: Link, after: Link, nameOf: (index: number) => string): string[] {
  const name = after.name;
  const texts: string[] = [];
  if (before.name !== name) texts.push(`${before.name} is now called ${name}`);
  if (before.master !== after.master) {
    if (before.master) texts.push(`${name} left ${nameOf(before.master)}`);
    if (after.master) texts.push(`${name} joined ${nameOf(after.master)}`);
  }
  if (before.up !== after.up) texts.push(`${name} was set ${after.up ? 'up' : 'down'}`);
  else if (before.carrier !== after.carrier)
    texts.push(`${name} ${after.carrier ? 'has' : 'lost'} its carrier`);
  if (before.arp !== after.arp) texts.push(`ARP is ${after.arp ? 'on' : 'off'} on ${name}`);
  if (before.mac !== after.mac) texts.push(`${name} has MAC address ${after.mac}`);
  if (before.mtu !== after.mtu) texts.push(`MTU of ${name} is ${after.mtu}`);
  for (const [setting, value] of Object.entries(after.settings)) {
    const was = before.settings[setting];
    if (was !== undefined && was !== value) texts.push(describeSetting(name, setting, value));
  }
  return texts;
}

function describeSetting(name: string, setting: string, value: string): string {
  if (setting === 'port state')
    return `${name} is ${PORT_STATES[Number.parseInt(value, 16)] ?? 'in another state'}`;
  if (setting.endsWith(' settings')) return `${setting} of ${name} changed`;
  const label = setting.replace(/^port /, '');
  if (value !== '0' && value !== '1') return `${label} of ${name} changed`;
  return `${label} of ${name} is ${value === '1' ? 'on' : 'off'}`;
}
