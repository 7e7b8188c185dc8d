/** Tells which testbeds may have changed: containers of ours that the engine created, ended or removed. */
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { LABEL } from './containers.ts';
import type { Docker } from './docker.ts';

const OURS = JSON.stringify({
  type: ['container'],
  label: [LABEL.testbed],
  event: ['create', 'die', 'destroy'],
});

/** An engine that restarts is back after some seconds; every testbed may have changed meanwhile. */
const TRY_AGAIN_MS = 1_000;

/**
 * Calls `onChange` with the id of a testbed, or with null when any may have changed: at the beginning, and after
 * the engine was away. Ends with the signal.
 */
export async function watchTestbeds(
  docker: Docker,
  signal: AbortSignal,
  onChange: (testbedId: string | null) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const events = (await docker.getEvents({ filters: OURS })) as unknown as Readable;
      const stop = () => events.destroy();
      signal.addEventListener('abort', stop, { once: true });
      onChange(null);
      await readLines(events, (line) => {
        const { Actor } = JSON.parse(line) as { Actor?: { Attributes?: Record<string, string> } };
        const id = Actor?.Attributes?.[LABEL.testbed];
        if (id) onChange(id);
      });
      signal.removeEventListener('abort', stop);
    } catch {
      // No engine: what is asked of it says so; here it is waited for.
    }
    await delay(TRY_AGAIN_MS, undefined, { signal }).catch(() => {});
  }
}

function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim()) onLine(line);
  });
  return new Promise((resolve) => {
    for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve());
  });
}
