/** What the nodes of a testbed use of the machine, as the kernel counts it: nobody in a node can hide from that. */
import type { Testbed } from './testbed.ts';

const NANOSECONDS_PER_MS = 1_000_000;

export interface NodeUse {
  /** Threads, of all processes. */
  readonly tasks: number;
  readonly cpuMs: number;
}

/**
 * Reads `tasks` and `usage`, in nanoseconds, from the control groups of a container under `$groups`, of version 1 or 2:
 * as its first process sees them; a learner has other mounts. The engine would tell the same, but takes a second to do so.
 */
export const READ_TASKS_AND_CPU = `
  read -r tasks <$groups/pids/pids.current || read -r tasks <$groups/pids.current
  read -r usage <$groups/cpuacct/cpuacct.usage || { read -r _ usage <$groups/cpu.stat && usage=$((usage * 1000)); }`;

const READ = `
for init in "$@"; do
  groups=/proc/$init/root/sys/fs/cgroup
  tasks=0 usage=0
  ${READ_TASKS_AND_CPU}
  echo "\${tasks:-0} \${usage:-0}"
done 2>/dev/null
exit 0`;

/** By the name of the node; zeros for one that is gone. */
export async function readUse(testbed: Testbed): Promise<ReadonlyMap<string, NodeUse>> {
  const { nodes } = testbed;
  const inits = nodes.map((node) => String(testbed.initOf(node)));
  const { stdout } = await testbed.runInFabric(['sh', '-c', READ, '-', ...inits]);
  const lines = stdout.split('\n');
  return new Map(
    nodes.map((node, index) => {
      const [tasks = 0, usage = 0] = (lines[index] ?? '').split(' ').map(Number);
      return [node, { tasks, cpuMs: usage / NANOSECONDS_PER_MS }];
    }),
  );
}

export function cpuTimeOf(use: ReadonlyMap<string, NodeUse>): number {
  return [...use.values()].reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}
