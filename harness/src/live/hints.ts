/**
 * Which hints a learner has asked for. The testbed's fabric remembers it, a line for each, so that every board,
 * page and command tells the same; it is gone with the testbed, or at its start again.
 */
import type { Job } from '../testbed/session.ts';
import type { Testbed } from '../testbed/testbed.ts';

const LOG = '/tmp/hints';

/** Asks for one hint more of a check. Returns how many had been asked for before. */
export async function askHint(testbed: Testbed, checkId: string): Promise<number> {
  const script = 'grep -cxF -- "$1" "$2" 2>/dev/null; echo "$1" >>"$2"';
  const { stdout } = await testbed.runInFabric(['sh', '-c', script, '-', checkId, LOG]);
  return Number(stdout) || 0;
}

/** Calls `onAsked` with the check of every hint asked for so far, and then of each as it is asked for. */
export function followHints(testbed: Testbed, onAsked: (checkId: string) => void): Job {
  let rest = '';
  return testbed.startInFabric(['sh', '-c', ': >>"$0"; exec tail -n +1 -f "$0"', LOG], {
    deadlineMs: Number.POSITIVE_INFINITY,
    onOutput: (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onAsked(line);
    },
  });
}
