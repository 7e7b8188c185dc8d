/** Whether a submission that ran out of time was kept from running: by locks of the kernel, or by others' work. */
import { setTimeout as delay } from 'node:timers/promises';
import { isLeftRunning, type RunningProcess, readProcesses } from '../probes/left-running.ts';
import type { Testbed } from '../testbed/testbed.ts';

export interface StallWatch {
  /** Ends the looking. @returns whether most looks saw somebody who wanted to run and could not. */
  end(): Promise<boolean>;
}

/** In the second half of the time, since hardly any submission gets so far. */
const BEGIN_AT = 0.5;
const LOOKS = 10;
const ENOUGH_LOOKS = 3;

export function watchForStalls(testbed: Testbed, since: number, timeLimitMs: number): StallWatch {
  const ended = new AbortController();
  const { signal } = ended;
  const looks: boolean[] = [];
  const looking = (async () => {
    await delay(BEGIN_AT * timeLimitMs, undefined, { signal });
    for (;;) {
      looks.push(isStalled(await readProcesses(testbed, since)));
      await delay(((1 - BEGIN_AT) * timeLimitMs) / LOOKS, undefined, { signal });
    }
  })();
  // It ends by being called off; what else became of the testbed, the submission's own commands tell.
  const over = looking.catch(() => {});
  return {
    end: async () => {
      ended.abort();
      await over;
      return mostlyStalled(looks);
    },
  };
}

/** Somebody waits for a processor, or in the kernel where no signal reaches. Who sleeps, or waits for an answer, does not. */
export function isStalled(processes: readonly RunningProcess[]): boolean {
  return processes.some((each) => isLeftRunning(each) && (each.state === 'D' || each.state === 'R'));
}

export function mostlyStalled(looks: readonly boolean[]): boolean {
  return looks.length >= ENOUGH_LOOKS && looks.filter(Boolean).length >= looks.length / 2;
}
