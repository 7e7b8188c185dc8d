/** What the guide and the bench share in one page: the state of the lab, and the wish to see the bench. */
import { useSyncExternalStore } from 'react';
import type { LiveLab } from '../../../harness/src/server/api';
import { queueCommands } from './command-queue';

let live: LiveLab | null = null;
let lineIsUp = false;
const listeners = new Set<() => void>();

export function setLive(next: LiveLab | null): void {
  live = next;
  for (const listener of listeners) listener();
}

/** The lab as the server last told it; null while no bench is open. */
export function useLive(): LiveLab | null {
  return useSyncExternalStore(
    subscribe,
    () => live,
    () => null,
  );
}

/** Whether the server answers now. Terminals try to come back only while it does. */
export function setLine(isUp: boolean): void {
  lineIsUp = isUp;
}

export function isLineUp(): boolean {
  return lineIsUp;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const bench = new EventTarget();

/** False where nobody listens yet. */
export function openBench(): boolean {
  return !bench.dispatchEvent(new Event('open', { cancelable: true }));
}

export function onOpenBench(open: () => void): () => void {
  const heard = (event: Event) => {
    event.preventDefault();
    open();
  };
  bench.addEventListener('open', heard);
  return () => bench.removeEventListener('open', heard);
}

/** Types commands into the host's terminal, opening the bench first where it is not. */
export function typeInTerminal(host: string, commands: string): void {
  queueCommands(host, commands);
  openBench();
}
