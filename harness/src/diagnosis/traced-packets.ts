/**
 * Which of the packets that a trace tells of are ours. Several diagnoses may trace in one namespace, and a monitor tells
 * of all. A rule of the table that marked a packet is told of; but the kernel names a packet anew where a bridge hands it
 * to the router, or where NAT has changed it (trace_fill_id() in net/netfilter/nf_tables_trace.c). Such a packet is known
 * by its IP id and its length, which stay. What nothing tells apart counts as ours.
 */
import { TRACE_TABLE } from './trace-table.ts';

export class TracedPackets {
  readonly #table: string;
  readonly #ids = { ours: new Set<string>(), others: new Set<string>() };
  readonly #keys = { ours: new Set<string>(), others: new Set<string>() };
  readonly #keyOf = new Map<string, string>();

  /** @param table the name of the table that marks ours */
  constructor(table: string) {
    this.#table = table;
  }

  /** Reads whole lines of `nft monitor`. */
  read(printed: string): void {
    for (const [, id = '', packet = ''] of printed.matchAll(PACKET)) {
      const [, ipId] = /\bip id (\d+)/.exec(packet) ?? [];
      const [, length] = /\bip length (\d+)/.exec(packet) ?? [];
      // Where fragments are forbidden the id may be 0 (RFC 6864), and tells nothing.
      if (ipId !== undefined && ipId !== '0') this.#keyOf.set(id, `${ipId} ${length}`);
    }
    for (const [, id = '', table = ''] of printed.matchAll(MARKED)) {
      const whose = table === this.#table ? 'ours' : 'others';
      this.#ids[whose].add(id);
      const key = this.#keyOf.get(id);
      if (key !== undefined) this.#keys[whose].add(key);
    }
  }

  isOurs(id: string): boolean {
    if (this.#ids.ours.has(id)) return true;
    if (this.#ids.others.has(id)) return false;
    const key = this.#keyOf.get(id);
    return key === undefined || this.#keys.ours.has(key) || !this.#keys.others.has(key);
  }
}

const PACKET = /^trace id (\w+) \w+ \S+ \S+ packet: (.*)$/gm;
/** The monitor does not know rules of tables that another process owns, but it tells that one was met. */
const MARKED = new RegExp(`^trace id (\\w+) \\w+ (${TRACE_TABLE}_\\S+) \\S+ (?:unknown )?rule `, 'gm');
