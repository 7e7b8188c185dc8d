/** Reads `nft monitor trace`: which packet met which rule, and what came of it. */
import type { TracedRule } from '../trace-rules.ts';
import { TRACE_TABLE } from '../trace-table.ts';

export interface MetRule extends TracedRule {
  /** The packet as it was when it met the first rule of this table's chain, as far as it was printed. */
  readonly packet: TracedPacket | null;
}

export interface TracedPacket {
  readonly source: string;
  readonly destination: string;
  readonly id: number;
  readonly protocol: string;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  /** Of an echo request or reply. */
  readonly icmpId: number | null;
}

const LINE = /^trace id (\w+) (\w+) (\S+) (\S+) (.*)$/;

export function parseMetRules(printed: string): MetRule[] {
  const packets = new Map<string, TracedPacket>();
  const met: MetRule[] = [];
  for (const line of printed.split('\n')) {
    const match = LINE.exec(line.trim());
    if (!match) continue;
    const [, id = '', family = '', table = '', chain = '', rest = ''] = match;
    if (rest.startsWith('packet:')) {
      const packet = parsePacket(rest);
      if (packet) packets.set(id, packet);
      continue;
    }
    if (table.startsWith(TRACE_TABLE)) continue;
    const rule = /^rule (.*) \(verdict (\w+).*\)$/.exec(rest);
    const policy = /^(?:verdict \w+ )?policy (\w+)(?: meta mark \w+)?$/.exec(rest);
    const packet = packets.get(id) ?? null;
    if (rule) met.push({ family, table, chain, rule: rule[1] ?? '', verdict: rule[2] ?? '', packet });
    if (policy)
      met.push({ family, table, chain, rule: `policy ${policy[1]}`, verdict: policy[1] ?? '', packet });
  }
  return met;
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
    protocol: word(/\bip protocol (\S+)/) ?? '',
    sourcePort: sourcePort ? Number(sourcePort) : null,
    destinationPort: destinationPort ? Number(destinationPort) : null,
    icmpId: icmpId ? Number(icmpId) : null,
  };
}
