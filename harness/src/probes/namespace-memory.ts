/**
 * What is known of one network namespace, and what a message about it says that is new and is the
 * learner's doing: some interfaces (own-interface.ts) and tables named podwire_* are the fabric's own.
 */
import type { Change } from './change.ts';
import { AF_BRIDGE, describeLinkChange, type Link, readLink } from './link.ts';
import { addressOf, macOf, type NetlinkMessage, numberOf, parseAttributes, textOf } from './netlink.ts';
import { isOwnMac } from './own-interface.ts';

type Told = Pick<Change, 'kind' | 'text'>;

// linux/rtnetlink.h; each kind of object has NEW and, one above, DEL
const RTM = {
  link: 16,
  address: 20,
  route: 24,
  neighbour: 28,
  rule: 32,
  qdisc: 36,
  filter: 44,
  nexthop: 104,
  vlan: 112,
};
const AF_INET = 2;
const RT_TABLE_LOCAL = 255;
const RTPROT_KERNEL = 2;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;
const NDA_VLAN = 5;
const ROUTE_TYPES: Readonly<Record<number, string>> = { 6: 'blackhole', 7: 'unreachable', 8: 'prohibit' };

const OWN_TABLE = /^podwire_/;

export class NamespaceMemory {
  readonly #links = new Map<number, Link>();
  /** Neighbours made to last; others come and go by themselves. */
  readonly #lasting = new Set<string>();
  /** Own addresses that a bridge has forgotten, by interface and address: not known yet why, and told. */
  readonly #forgotten = new Map<string, { readonly index: number; readonly mac: string; told: boolean }>();

  /** Whether {@link settle} may have something to tell. */
  get unsettled(): boolean {
    return [...this.#forgotten.values()].some(({ told }) => !told);
  }

  /**
   * A bridge forgets the address of a port that leaves it, and its own when that changes; both are told by the
   * message after. Called when such messages have come, this tells of what was forgotten for no such reason.
   */
  settle(): Told[] {
    const told: Told[] = [];
    for (const [key, entry] of this.#forgotten) {
      if (entry.told) continue;
      entry.told = true;
      const link = this.#links.get(entry.index);
      const isIn = link && (link.kind === 'bridge' || link.master !== 0) && link.mac === entry.mac;
      if (!isIn) this.#forgotten.delete(key);
      else told.push(...this.#onInterface(entry.index, 'fdb', (name) => fdbText(entry.mac, '', name, false)));
    }
    return told;
  }

  /** What a message of rtnetlink tells. */
  hearRoute(message: NetlinkMessage): Told[] {
    const isNew = message.type % 2 === 0;
    switch (message.type & ~1) {
      case RTM.link:
        return this.#hearLink(message, isNew);
      case RTM.address:
        return this.#hearAddress(message, isNew);
      case RTM.route:
        return this.#hearRoute(message, isNew);
      case RTM.neighbour:
        return message.body[0] === AF_BRIDGE
          ? this.#hearFdb(message, isNew)
          : this.#hearNeighbour(message, isNew);
      case RTM.rule:
        return [{ kind: 'route', text: `policy rule ${isNew ? 'added' : 'removed'}` }];
      case RTM.nexthop:
        return [{ kind: 'route', text: `next hop ${isNew ? 'added' : 'removed'}` }];
      case RTM.qdisc:
      case RTM.filter:
        return this.#onInterface(
          message.body.readInt32LE(4),
          'link',
          (name) => `traffic control of ${name} changed`,
        );
      case RTM.vlan:
        return this.#onInterface(message.body.readInt32LE(4), 'link', (name) => `VLANs of ${name} changed`);
      default:
        return [];
    }
  }

  /** What a message of nftables tells; iptables-nft speaks through the same. */
  hearRules(message: NetlinkMessage): Told[] {
    // linux/netfilter/nf_tables.h
    const objects: Readonly<Record<number, readonly [string, 'added' | 'removed', number]>> = {
      0: ['table', 'added', 0],
      2: ['table', 'removed', 0],
      3: ['chain', 'added', 3],
      5: ['chain', 'removed', 3],
      6: ['rule', 'added', 2],
      8: ['rule', 'removed', 2],
      9: ['set', 'added', 2],
      11: ['set', 'removed', 2],
      12: ['element', 'added', 2],
      14: ['element', 'removed', 2],
      18: ['object', 'added', 2],
      20: ['object', 'removed', 2],
      22: ['flowtable', 'added', 2],
      24: ['flowtable', 'removed', 2],
    };
    const object = objects[message.type & 0xff];
    if (!object) return [];
    const [what, done, nameAttribute] = object;
    const attributes = parseAttributes(message.body, 4);
    const table = textOf(attributes.get(1));
    if (OWN_TABLE.test(table)) return [];
    const name = textOf(attributes.get(nameAttribute));
    const preposition = done === 'added' ? 'to' : 'from';
    if (what === 'table') return [{ kind: 'rules', text: `table ${table} ${done}` }];
    if (what === 'rule' || what === 'element')
      return [{ kind: 'rules', text: `${what} ${done} ${preposition} ${table} ${name}` }];
    return [{ kind: 'rules', text: `${what} ${name} ${done} ${preposition} ${table}` }];
  }

  #hearLink(message: NetlinkMessage, isNew: boolean): Told[] {
    const index = message.body.readInt32LE(4);
    const before = this.#links.get(index);
    const after = readLink(message, before);
    const fromBridge = message.body[0] === AF_BRIDGE;
    const tell = (text: string): Told => ({ kind: 'link', text });
    if (!isNew) {
      // A bridge takes leave of a port by RTM_DELLINK too; the port itself stays.
      if (fromBridge) return [];
      this.#links.delete(index);
      for (const [key, entry] of this.#forgotten) if (entry.index === index) this.#forgotten.delete(key);
      return before && !isOwnMac(after.mac) ? [tell(`${after.name} was removed`)] : [];
    }
    if (!before && fromBridge) return [];
    const remembered =
      before && this.#isDisturbed(before) ? { ...after, carrier: before.carrier, mac: before.mac } : after;
    this.#links.set(index, remembered);
    if (message.isAnswer || isOwnMac(after.mac)) return [];
    if (!before) return [tell(`${after.kind ? `${after.kind} ` : ''}${after.name} was added`)];
    return describeLinkChange(before, remembered, (master) => this.#nameOf(master)).map(tell);
  }

  /** A bridge takes its carrier and its MAC address from its ports, so also from one of ours. */
  #isDisturbed(link: Link): boolean {
    return link.kind === 'bridge' && [...this.#links.values()].some(({ mac }) => isOwnMac(mac));
  }

  #hearAddress({ body }: NetlinkMessage, isNew: boolean): Told[] {
    const attributes = parseAttributes(body, 8);
    const address = `${addressOf(attributes.get(2) ?? attributes.get(1))}/${body[1]}`;
    return this.#onInterface(body.readInt32LE(4), 'address', (name) =>
      isNew ? `${address} added to ${name}` : `${address} removed from ${name}`,
    );
  }

  #hearRoute({ body }: NetlinkMessage, isNew: boolean): Told[] {
    const attributes = parseAttributes(body, 12);
    const table = numberOf(attributes.get(15)) ?? body[4];
    // What the kernel adds to an address or takes with an interface is told by those.
    if (table === RT_TABLE_LOCAL || (body[5] === RTPROT_KERNEL && isNew)) return [];
    const device = this.#links.get(numberOf(attributes.get(4)) ?? 0);
    if (device && isOwnMac(device.mac)) return [];
    const prefix = attributes.get(1);
    const to = prefix ? `${addressOf(prefix)}/${body[1]}` : 'default';
    const gateway = attributes.get(5);
    const words = [
      ROUTE_TYPES[body[7] ?? 0],
      to,
      gateway && `via ${addressOf(gateway)}`,
      device && `dev ${device.name}`,
      table !== 254 && `table ${table}`,
    ].filter(Boolean);
    return [{ kind: 'route', text: `route ${words.join(' ')} ${isNew ? 'added' : 'removed'}` }];
  }

  #hearNeighbour({ body, isAnswer }: NetlinkMessage, isNew: boolean): Told[] {
    const attributes = parseAttributes(body, 12);
    const index = body.readInt32LE(4);
    const address = addressOf(attributes.get(1));
    const key = `${index} ${address}`;
    const isProxy = ((body[10] ?? 0) & 0x08) !== 0;
    const lasts = isNew && (isProxy || (body.readUInt16LE(8) & NUD_PERMANENT) !== 0);
    const lasted = this.#lasting.has(key);
    if (lasts) this.#lasting.add(key);
    else this.#lasting.delete(key);
    // NOARP entries (multicast, lo) are the kernel's own.
    if (isAnswer || body[0] !== AF_INET || (!lasts && !lasted)) return [];
    return this.#onInterface(index, 'neighbour', (name) =>
      lasts
        ? `neighbour ${address} set to ${macOf(attributes.get(2)) || 'proxy'} on ${name}`
        : `neighbour ${address} removed from ${name}`,
    );
  }

  #hearFdb({ body, isAnswer }: NetlinkMessage, isNew: boolean): Told[] {
    const attributes = parseAttributes(body, 12);
    const mac = macOf(attributes.get(2));
    const index = body.readInt32LE(4);
    const state = body.readUInt16LE(8);
    if (isAnswer || (state & (NUD_PERMANENT | NUD_NOARP)) === 0) return [];
    const target = attributes.get(1) ? ` to ${addressOf(attributes.get(1))}` : '';
    const tell = () => this.#onInterface(index, 'fdb', (name) => fdbText(mac, target, name, isNew));
    const isOwnAddress = [...this.#links.values()].some((link) => link.mac === mac);
    if (!isOwnAddress) return tell();
    // Those of a VLAN come and go with it, which is told.
    if (attributes.has(NDA_VLAN)) return [];
    // The addresses of a bridge and its ports enter its table with them.
    const key = `${index} ${mac}`;
    const wasMissed = this.#forgotten.get(key)?.told === true;
    if (isNew) this.#forgotten.delete(key);
    else this.#forgotten.set(key, { index, mac, told: false });
    return isNew && wasMissed ? tell() : [];
  }

  /** Says nothing of an interface of ours, or of one that is gone: that was told. */
  #onInterface(index: number, kind: Change['kind'], text: (name: string) => string): Told[] {
    const link = this.#links.get(index);
    return link && !isOwnMac(link.mac) ? [{ kind, text: text(link.name) }] : [];
  }

  #nameOf(index: number): string {
    return this.#links.get(index)?.name ?? `interface ${index}`;
  }
}

function fdbText(mac: string, target: string, name: string, isNew: boolean): string {
  return `FDB entry ${mac}${target} ${isNew ? 'added to' : 'removed from'} ${name}`;
}
