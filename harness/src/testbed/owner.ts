/** Which process a container belongs to, so that what a dead process left can be told from what a living one uses. */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * A process, named so that a later one with the same number is not mistaken for it:
 * `PID:START:PIDNS:BOOT:HOST`, with the start time in clock ticks (man 5 proc, field 22 of stat), the pid
 * namespace, the boot id, and what tells this machine from others that use the same engine. On a system
 * without /proc only the number and the host are known.
 */
export function describeProcess(pid: number = process.pid): string {
  return [pid, startTime(pid) ?? '', pidNamespace(), bootId(), hostId()].join(':');
}

/**
 * Whether the process is gone for certain: its machine is this one, and it runs here no more. One in another
 * pid namespace, or on another machine, cannot be judged, so it is not.
 */
export function isGone(owner: string): boolean {
  const [pid = '', start = '', namespace = '', boot = '', host = hostId()] = owner.split(':');
  // Containers of one machine have one boot id, and names of their own.
  const bootedSince = boot !== bootId();
  if ((bootedSince || boot === '') && host !== hostId()) return false;
  if (bootedSince) return true;
  if (namespace !== pidNamespace()) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  return start !== '' && startTime(Number(pid)) !== start;
}

/** Null where it cannot be read, and of a process that has ended and is only waited for by its parent. */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the command in parentheses, may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
  } catch {
    return '';
  }
}

function bootId(): string {
  return readOrEmpty('/proc/sys/kernel/random/boot_id');
}

/** The same after a reboot. Machines made from one image may share an id, and have names of their own. */
function hostId(): string {
  return createHash('sha256')
    .update(`${readOrEmpty('/etc/machine-id')}\n${hostname()}`)
    .digest('hex')
    .slice(0, 12);
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
