/** What can still change a network when the commands of a submission have ended. */
import { setTimeout as delay } from 'node:timers/promises';
import { isLeftRunning, type RunningProcess, readProcesses } from '../probes/left-running.ts';
import { type NodeUse, readUse } from '../testbed/node-use.ts';
import type { Testbed } from '../testbed/testbed.ts';

/** What ends at this moment is let end: how often we look, and how far apart. */
const LOOKS = 4;
const LOOK_AGAIN_MS = 25;

export interface LeftRunning {
  /** Each once; empty when nothing was. */
  readonly names: readonly string[];
  /** Threads of each node, as the kernel counts them. */
  readonly use: ReadonlyMap<string, Pick<NodeUse, 'tasks'>>;
}

/** Processes that come and go, each too short to be seen, are counted by the kernel all the same. */
export async function findLeftRunning(testbed: Testbed, since: number): Promise<LeftRunning> {
  for (let look = 1; ; look++) {
    const [processes, use] = await Promise.all([readProcesses(testbed, since), readUse(testbed)]);
    const names = namesOf(processes, use);
    if (names.length === 0 || look === LOOKS) return { names, use };
    await delay(LOOK_AGAIN_MS);
  }
}

/** Whether somebody runs now who did not then. */
export async function hasGrown(testbed: Testbed, { use }: LeftRunning): Promise<boolean> {
  const now = await readUse(testbed);
  return [...now].some(([node, { tasks }]) => tasks > (use.get(node)?.tasks ?? 0));
}

/** Those that were seen, and a word for those that were only counted. */
export function namesOf(
  processes: readonly RunningProcess[],
  use: ReadonlyMap<string, Pick<NodeUse, 'tasks'>>,
): string[] {
  const names = new Set(processes.filter(isLeftRunning).map(({ command }) => command));
  const sorted = [...names].sort();
  const hidden = [...use].some(([node, { tasks }]) => tasks > threadsOf(processes, node));
  return hidden ? [...sorted, SHORT_LIVED] : sorted;
}

export const SHORT_LIVED = 'processes that start one another';

function threadsOf(processes: readonly RunningProcess[], node: string): number {
  return processes.filter((each) => each.node === node).reduce((sum, { threads }) => sum + threads, 0);
}
