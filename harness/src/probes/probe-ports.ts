/** Ports that probes are sent from (ICMP: ids): by them their packets are told from those of others. */
import { randomInt } from 'node:crypto';

export interface ProbePorts {
  readonly first: number;
  readonly last: number;
}

/** Of what was not sent. */
export const NO_PORTS: ProbePorts = { first: 0, last: -1 };

// Below and above the ports that the kernel gives to others (net.ipv4.ip_local_port_range, man 7 ip).
/** Many are sent from these, when a check asks a Service. */
export const PORTS_OF_CHECKS: ProbePorts = { first: 10_000, last: 31_999 };
/** From here on they are a walk's or a diagnosis's. */
export const FIRST_PROBE_PORT = 61_000;
const PORTS_OF_SINGLE_PROBES: ProbePorts = { first: FIRST_PROBE_PORT, last: 62_999 };
/** Many again, in a diagnosis, which does not want to see what checks send meanwhile. */
export const PORTS_OF_DIAGNOSES: ProbePorts = { first: 63_000, last: 65_499 };

export function takePorts(count = 1): ProbePorts {
  const first = randomInt(PORTS_OF_SINGLE_PROBES.first, PORTS_OF_SINGLE_PROBES.last + 2 - count);
  return { first, last: first + count - 1 };
}

export function isWithin({ first, last }: ProbePorts, port: number | null): boolean {
  return port !== null && port >= first && port <= last;
}

/** Whether a probe may be sent from it; the kernel gives it to nobody who does not ask for it. */
export function mayBeProbePort(port: number): boolean {
  return [PORTS_OF_CHECKS, PORTS_OF_SINGLE_PROBES, PORTS_OF_DIAGNOSES].some((range) => isWithin(range, port));
}
