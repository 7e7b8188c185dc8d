/** Ports that probes are sent from (ICMP: ids): by them their packets are told from those of others. */
import { randomInt } from 'node:crypto';

export interface ProbePorts {
  readonly first: number;
  readonly last: number;
}

/** Of what was not sent. */
export const NO_PORTS: ProbePorts = { first: 0, last: -1 };

/** Above the ports that the kernel gives to others (net.ipv4.ip_local_port_range). */
const FIRST_PORT = 61_000;
const LAST_PORT = 65_000;

export function takePorts(count = 1): ProbePorts {
  const first = randomInt(FIRST_PORT, LAST_PORT - count);
  return { first, last: first + count - 1 };
}

export function isWithin({ first, last }: ProbePorts, port: number | null): boolean {
  return port !== null && port >= first && port <= last;
}
