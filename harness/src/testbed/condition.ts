/** What the kernel counts of a testbed's containers when nothing goes on in them: whether one is as it was when it was made. */
import { setTimeout as delay } from 'node:timers/promises';
import { READ_TASKS_AND_CPU } from './node-use.ts';
import type { Testbed } from './testbed.ts';

/** Of one container; not a number where its kernel does not tell. */
interface Counts {
  /** Threads, and zombies that nobody has reaped. */
  readonly tasks: number;
  /** In the mount namespace of its first process. */
  readonly mounts: number;
  /** How many processes were killed in it for lack of memory. */
  readonly oomKills: number;
  readonly memoryBytes: number;
  readonly cpuMs: number;
}

/** The fabric's is the first, then those of the nodes in their order. */
export type Condition = readonly Counts[];

const MIB = 1024 * 1024;

/** The kernel frees some of a namespace later, and keeps some in stock: a sixteenth of what a container may have. */
const MORE_MEMORY = 16 * MIB;
/** Who was killed is reaped at once; on a machine that is busy with a class, somewhat later. */
const REAPED_WITHIN_MS = 1_000;
const LOOK_AGAIN_MS = 5;

const READ = `
tell() {
  groups=$1/sys/fs/cgroup
  tasks=? usage=? memory=? kills=?
  ${READ_TASKS_AND_CPU}
  read -r memory <$groups/memory/memory.usage_in_bytes || read -r memory <$groups/memory.current
  events=$groups/memory/memory.oom_control
  [ -e $events ] || events=$groups/memory.events
  while read -r event count; do [ $event != oom_kill ] || kills=$count; done <$events
  echo "$tasks $(grep -c '' $2) $kills $memory $usage"
}
tell '' /proc/self/mountinfo
for init in "$@"; do tell /proc/$init/root /proc/$init/mountinfo; done 2>/dev/null
exit 0`;

export async function readCondition(testbed: Testbed): Promise<Condition> {
  const { nodes } = testbed;
  const inits = nodes.map((node) => String(testbed.initOf(node)));
  const { stdout } = await testbed.runInFabric(['sh', '-c', READ, '-', ...inits]);
  const lines = stdout.trim().split('\n');
  return Array.from({ length: 1 + nodes.length }, (_, index) => {
    const numbers = (lines[index] ?? '').split(' ').map(Number);
    const [tasks = Number.NaN, mounts = Number.NaN, oomKills = Number.NaN, memoryBytes = Number.NaN] =
      numbers;
    return { tasks, mounts, oomKills, memoryBytes, cpuMs: (numbers[4] ?? Number.NaN) / 1e6 };
  });
}

/**
 * Waits until the testbed has the processes, the mounts and the memory in use that it had when it was made: what was in
 * it since is gone.
 *
 * @returns its condition then, or null when that does not come to be, or the kernel does not tell.
 */
export async function untilAsMade(testbed: Testbed, made: Condition): Promise<Condition | null> {
  const deadline = performance.now() + REAPED_WITHIN_MS;
  for (;;) {
    const now = await readCondition(testbed);
    if (isAsMade(now, made)) return now;
    if (performance.now() > deadline) return null;
    await delay(LOOK_AGAIN_MS);
  }
}

/** Exported for its test. */
export function isAsMade(now: Condition, made: Condition): boolean {
  return (
    now.length === made.length &&
    now.every((each, index) => {
      const then = made[index];
      return (
        then !== undefined &&
        each.tasks === then.tasks &&
        each.mounts === then.mounts &&
        each.oomKills === then.oomKills &&
        each.memoryBytes <= then.memoryBytes + MORE_MEMORY
      );
    })
  );
}

/** What a testbed's nodes have used of the processors in all. */
export function cpuTimeIn([, ...nodes]: Condition): number {
  return nodes.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}
