// A lock between processes, in a file that names its holder and the processes working for it. It is
// taken over when all of those are dead: after a kill -9, npm may go on for a while without us.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

// What a crash between making the file and writing into it leaves behind is old at once.
const EMPTY_IS_STALE_AFTER_MS = 2000;

/**
 * Takes the lock, waiting for a living holder; `onWait` is told its number once.
 *
 * @param {string} file
 * @param {(holder: string) => void} onWait
 */
export async function acquireLock(file, onWait) {
  mkdirSync(path.dirname(file), { recursive: true });
  for (let waiting = false; !tryLock(file); ) {
    const found = holderOf(file);
    if (found === null) continue;
    if (found.alive) {
      if (!waiting) onWait(found.pid);
      waiting = true;
      await wait(100);
    } else {
      removeStale(file, found.content);
    }
  }
  /** @type {number[]} */
  const companions = [];
  return {
    /** Names a process that works under this lock. */
    addCompanion(pid) {
      companions.push(pid);
      appendFileSync(file, `${pid} ${startOf(pid)}\n`);
    },
    /** Ends those at once: what they leave half done is begun anew. */
    endCompanions() {
      for (const pid of companions) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has ended by itself.
        }
      }
    },
    release() {
      rmSync(file, { force: true });
    },
  };
}

function tryLock(file) {
  try {
    const fd = openSync(file, 'wx');
    writeSync(fd, `${process.pid} ${startOf(process.pid)}\n`);
    closeSync(fd);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function holderOf(file) {
  try {
    const content = readFileSync(file, 'utf8');
    const processes = content
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
    const [living] = processes.filter(([pid, start]) => pid && startOf(Number(pid)) === start);
    const fresh = content === '' && Date.now() - statSync(file).mtimeMs < EMPTY_IS_STALE_AFTER_MS;
    return { content, pid: living?.[0] ?? processes[0]?.[0] ?? '', alive: living !== undefined || fresh };
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

// Two that find the same stale lock may not take each other's new one away: only the file whose content
// was judged is removed; any other is put back.
function removeStale(file, content) {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if (readFileSync(aside, 'utf8') === content) rmSync(aside);
  else renameSync(aside, file);
}

/** When the process began, or '' when there is none: its number alone may belong to another one by now. */
function startOf(pid) {
  try {
    if (process.platform !== 'linux')
      return execFileSync('ps', ['-o', 'lstart=', '-p', `${pid}`], { encoding: 'utf8' })
        .trim()
        .replace(/\s+/g, '_');
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? '' : fields[19];
  } catch {
    return '';
  }
}
