/** What the browser keeps for us. Where it keeps nothing (blocked, or a private window), the page remembers. */
type Kind = 'local' | 'session';

const here = new Map<string, string>();

export function recall(kind: Kind, key: string): string | null {
  try {
    return storageOf(kind).getItem(key) ?? here.get(key) ?? null;
  } catch {
    return here.get(key) ?? null;
  }
}

export function remember(kind: Kind, key: string, value: string): void {
  try {
    storageOf(kind).setItem(key, value);
    here.delete(key);
  } catch {
    here.set(key, value);
  }
}

export function forget(kind: Kind, key: string): void {
  here.delete(key);
  try {
    storageOf(kind).removeItem(key);
  } catch {
    // Nothing was kept.
  }
}

/** @throws where the browser blocks it: the mere look at it is refused then. */
function storageOf(kind: Kind): Storage {
  return kind === 'local' ? window.localStorage : window.sessionStorage;
}
