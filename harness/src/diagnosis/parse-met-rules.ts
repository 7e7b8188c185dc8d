/** Reads `nft monitor trace`: which packet met which rule, and what came of it. */
import { TRACE_TABLE } from './trace-table.ts';

export interface TracedRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** The rule as nft prints it, or `policy drop`. */
  readonly rule: string;
  readonly verdict: string;
}

export interface MetRule extends TracedRule {
  /** The packet as it was when it met the first rule of this table's chain; null where that is no IPv4, as with ARP. */
  readonly packet: TracedPacket | null;
}

export interface TracedPacket {
  readonly source: string;
  readonly destination: string;
  readonly id: number;
  readonly length: number;
  readonly protocol: string;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  /** Of an echo request or reply. */
  readonly icmpId: number | null;
}

const LINE = /^trace id (\w+) (\w+) (\S+) (\S+) (.*)$/;

/** Reads piece by piece what a monitor prints, in whole lines. */
export class TraceReader {
  readonly #packets = new Map<string, TracedPacket>();

  /** The rules that these lines tell of, without those of our own tables. */
  read(printed: string): MetRule[] {
    return printed.split('\n').flatMap((line) => this.#readLine(line.trim()) ?? []);
  }

  #readLine(line: string): MetRule | null {
    const match = LINE.exec(line);
    if (!match) return null;
    const [, id = '', family = '', table = '', chain = '', rest = ''] = match;
    if (rest.startsWith('packet:')) {
      const packet = parsePacket(rest);
      if (packet) this.#packets.set(id, packet);
      return null;
    }
    if (table.startsWith(TRACE_TABLE)) return null;
    const rule = /^rule (.*) \(verdict (\w+).*\)$/.exec(rest);
    const policy = /^(?:verdict \w+ )?policy (\w+)(?: meta mark \w+)?$/.exec(rest);
    const packet = this.#packets.get(id) ?? null;
    if (rule) return { family, table, chain, rule: rule[1] ?? '', verdict: rule[2] ?? '', packet };
    if (!policy) return null;
    return { family, table, chain, rule: `policy ${policy[1]}`, verdict: policy[1] ?? '', packet };
  }
}

export function parseMetRules(printed: string): MetRule[] {
  return new TraceReader().read(printed);
}

function parsePacket(text: string): TracedPacket | null {
  const word = (pattern: RegExp) => pattern.exec(text)?.[1];
  const source = word(/\bip saddr (\S+)/);
  const destination = word(/\bip daddr (\S+)/);
  if (!source || !destination) return null;
  const sourcePort = word(/\b(?:tcp|udp|th) sport (\d+)/);
  const destinationPort = word(/\b(?:tcp|udp|th) dport (\d+)/);
  const icmpId = word(/\bicmp id (\d+)/);
  return {
    source,
    destination,
    id: Number(word(/\bip id (\d+)/) ?? 0),
    length: Number(word(/\bip length (\d+)/) ?? 0),
    protocol: word(/\bip protocol (\S+)/) ?? '',
    sourcePort: sourcePort ? Number(sourcePort) : null,
    destinationPort: destinationPort ? Number(destinationPort) : null,
    icmpId: icmpId ? Number(icmpId) : null,
  };
}
