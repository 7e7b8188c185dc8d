/** A lock between processes of one user, in a file that names its holder; a dead one's is taken over. */
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { describeProcess, isGone } from '../testbed/owner.ts';

const ASK_EVERY_MS = 100;
/** What a crash between making the file and writing into it leaves behind is taken for a dead one's after this time. */
const EMPTY_IS_STALE_AFTER_MS = 2000;

/**
 * Waits for a living holder, of whose process number `onWait` is told once.
 *
 * @throws the signal's reason when it is aborted meanwhile.
 */
export async function lockFile(
  file: string,
  onWait: (holder: string) => void,
  signal?: AbortSignal,
): Promise<{ release(): void }> {
  for (let waiting = false; ; ) {
    signal?.throwIfAborted();
    if (tryLock(file)) return { release: () => rmSync(file, { force: true }) };
    const holder = readHolder(file);
    if (holder === null) continue;
    if (holder.gone) {
      removeStale(file, holder.name);
      continue;
    }
    if (!waiting) onWait(holder.name.split(':')[0] ?? '');
    waiting = true;
    await wait(ASK_EVERY_MS);
  }
}

function tryLock(file: string): boolean {
  return unless('EEXIST', false, () => {
    const lock = openSync(file, 'wx');
    try {
      writeFileSync(lock, describeProcess());
      return true;
    } catch (error) {
      // A full disk leaves a lock that names nobody.
      rmSync(file, { force: true });
      throw error;
    } finally {
      closeSync(lock);
    }
  });
}

function readHolder(file: string): { name: string; gone: boolean } | null {
  return unless('ENOENT', null, () => {
    const name = readFileSync(file, 'utf8');
    const gone = name === '' ? Date.now() - statSync(file).mtimeMs > EMPTY_IS_STALE_AFTER_MS : isGone(name);
    return { name, gone };
  });
}

/** Of two that find the same dead holder, the later may not take the earlier one's new lock away. */
function removeStale(file: string, holder: string): void {
  const aside = `${file}.${process.pid}`;
  unless('ENOENT', undefined, () => {
    renameSync(file, aside);
    if (readFileSync(aside, 'utf8') === holder) rmSync(aside);
    else renameSync(aside, file);
  });
}

function unless<Value>(code: string, otherwise: Value, attempt: () => Value): Value {
  try {
    return attempt();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return otherwise;
    throw error;
  }
}
