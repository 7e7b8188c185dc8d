/** The tables of ours that mark a probe for tracing, in the language of nft (man 8 nft). */

import { FIRST_PROBE_PORT, PORTS_OF_CHECKS, type ProbePorts } from '../probes/probe-ports.ts';
import type { Protocol } from '../probes/reach.ts';

/** How the names of our tables begin; what reads rules passes them over. */
export const TRACE_TABLE = 'podwire_trace';

export interface Traced {
  /** Packets from or to one of these, and ARP. */
  readonly addresses: readonly string[];
  /** Only packets of this protocol: rules that look at others prove nothing. */
  readonly protocol?: Protocol | undefined;
  /** Only these packets; of TCP only those that open a connection, there and back. */
  readonly only?: readonly Opening[] | undefined;
  /** The ports of the probe, where they are known before it is sent: then the rule that drops it ends the wait. */
  readonly ports?: ProbePorts | undefined;
}

/** What is known of the packets to trace. */
export interface Opening {
  readonly source?: string;
  readonly sourcePort?: number;
  readonly destination?: string;
  readonly destinationPort?: number;
}

/**
 * What checks send meanwhile would be told of in megabytes, and what is wanted after them. Only some of it is told all the
 * same: masquerading may give a probe any port. What bears a port of the probe is never passed over.
 */
export const PASS_OVER_CHECKS: readonly string[] = ['sport', 'dport'].map((side) => {
  const ofProbes = `${FIRST_PROBE_PORT}-65535`;
  const ofChecks = `${PORTS_OF_CHECKS.first}-${PORTS_OF_CHECKS.last}`;
  return `ip protocol { tcp, udp } th sport != ${ofProbes} th dport != ${ofProbes} th ${side} ${ofChecks} limit rate over 10/second burst 20 packets accept`;
});

/** Which tables have to be watched, given what `nft list ruleset` prints. */
export function familiesIn(ruleset: string): string[] {
  const found = [...ruleset.matchAll(/^table (\w+) /gm)].map(([, family = '']) => family);
  // A chain of family inet at the ingress hook stands before all others too.
  if (/hook (ingress|egress)/.test(ruleset)) found.push('netdev');
  return [...new Set(found)].filter((family) => ['ip', 'inet', 'bridge', 'arp', 'netdev'].includes(family));
}

/** One command that adds our table of a family. Chains of netdev name the devices that they stand before. */
export function traceTable(
  family: string,
  name: string,
  { addresses, protocol, only }: Traced,
  devices: readonly string[],
): string {
  const set = `{ ${addresses.join(', ')} }`;
  const kind = protocol === undefined ? '' : ` meta l4proto ${protocol}`;
  const syn = protocol === 'tcp' ? ' tcp flags & syn == syn' : '';
  const ip = only
    ? only.map((each) => `${describeOpening(each)}${kind}${syn} meta nftrace set 1`)
    : ['saddr', 'daddr'].map((side) => `ip ${side} ${set}${kind} meta nftrace set 1`);
  const arp = 'ether type arp meta nftrace set 1';
  const marking = layer(family) === 2 ? [...ip, arp] : ip;
  const rules = family === 'arp' ? ['meta nftrace set 1'] : [...PASS_OVER_CHECKS, ...marking];
  const chains = hooksOf(family, devices).map(
    ([chain, hook]) => `chain ${chain} { type filter hook ${hook} priority -1000; ${rules.join('; ')}; };`,
  );
  return `add table ${family} ${name} { flags owner; ${chains.join(' ')} }\n`;
}

function describeOpening({ source, sourcePort, destination, destinationPort }: Opening): string {
  return [
    source && `ip saddr ${source}`,
    destination && `ip daddr ${destination}`,
    sourcePort && `th sport ${sourcePort}`,
    destinationPort && `th dport ${destinationPort}`,
  ]
    .filter(Boolean)
    .join(' ');
}

/** Tables of these families see whole frames, so that they see ARP. */
function layer(family: string): 2 | 3 {
  return family === 'bridge' || family === 'netdev' ? 2 : 3;
}

export function hooksOf(family: string, devices: readonly string[]): [string, string][] {
  if (family === 'arp') return [['input', 'input'], ['output', 'output']]; // biome-ignore format: pairs
  if (family !== 'netdev') return [['prerouting', 'prerouting'], ['output', 'output']]; // biome-ignore format: pairs
  const list = `devices = { ${devices.map((device) => `"${device}"`).join(', ')} }`;
  return [['ingress', `ingress ${list}`], ['egress', `egress ${list}`]]; // biome-ignore format: pairs
}
