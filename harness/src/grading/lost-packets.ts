/** Whether the kernel had no room for packets, of whatever testbed: what was asked meanwhile says nothing for sure. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Testbed } from '../testbed/testbed.ts';

/**
 * What is there once for the whole machine, and so for all testbeds. What comes out of a virtual cable waits in a queue,
 * one for each processor. The MAC addresses of neighbours are kept in a table, one for IPv4 and one for IPv6
 * (man 7 arp, gc_thresh3); only the machine's first network namespace tells how often it was full.
 */
const READ = `
cat /proc/net/softnet_stat
cat /proc/1/net/stat/arp_cache /proc/1/net/stat/ndisc_cache 2>/dev/null
exit 0`;

/** @returns how often a packet or a neighbour has found no room since the machine began. */
export async function readLostPackets(testbed: Testbed): Promise<number> {
  const { stdout } = await testbed.runInFabric(['sh', '-c', READ]);
  return parseLostPackets(stdout);
}

/** A loop of bridges fills a queue some hundred times in this time. */
const LOOK_AGAIN_MS = 300;
/** It is taken in a millisecond or two; a thousand interfaces that the kernel takes down keep it for seconds. */
const LOCK_WITHIN_MS = 150;
const WAIT_AT_MOST_MS = 180_000;

/**
 * Waits until the kernel has room for packets, and for whoever changes a network, for three minutes at most. It ends the
 * networks of a testbed some time after the containers are gone, one after another: what goes round in them goes round
 * until then, and the lock that every change needs (RTNL) is taken meanwhile.
 */
export async function untilKernelRests(testbed: Testbed, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + WAIT_AT_MOST_MS;
  let before: number;
  let now = await readLostPackets(testbed);
  let isFree: boolean;
  do {
    await delay(LOOK_AGAIN_MS, undefined, { signal });
    before = now;
    now = await readLostPackets(testbed);
    const began = performance.now();
    await testbed.runInFabric(['ip', 'link', 'set', 'dev', 'lo', 'up']);
    isFree = performance.now() - began < LOCK_WITHIN_MS;
  } while ((now > before || !isFree) && performance.now() < deadline);
}

/**
 * One line for each processor, all numbers in hexadecimal. The queues have no header, and their second number is
 * `dropped` (the kernel's net/core/net-procfs.c); a table of neighbours names its columns (net/core/neighbour.c).
 */
export function parseLostPackets(printed: string): number {
  let column = 1;
  let lost = 0;
  for (const line of printed.trim().split('\n')) {
    const fields = line.trim().split(/\s+/);
    const named = fields.indexOf('table_fulls');
    if (named >= 0) column = named;
    else lost += Number.parseInt(fields[column] ?? '0', 16);
  }
  return lost;
}
