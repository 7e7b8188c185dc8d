/**
 * The token of `podwire serve`. The printed URL hands it over in its fragment; it is kept for this origin and
 * taken out of the URL at once, so that it is in no history, screenshot or copied link. Loaded on every page.
 */
import { recall, remember } from './storage';

const KEY = 'podwire.token';
const changes = new EventTarget();

if (typeof window !== 'undefined') {
  takeFromUrl();
  // The URL of another start, pasted into a tab that is open, loads no page anew.
  window.addEventListener('hashchange', takeFromUrl);
  // Another tab was given one.
  window.addEventListener('storage', ({ key }) => {
    if (key === KEY) changes.dispatchEvent(new Event('token'));
  });
}

function takeFromUrl(): void {
  const [, token] = /^#token=([A-Za-z0-9_-]+)$/.exec(window.location.hash) ?? [];
  if (!token) return;
  remember('local', KEY, token);
  window.history.replaceState(window.history.state, '', window.location.pathname + window.location.search);
  changes.dispatchEvent(new Event('token'));
}

export function readToken(): string {
  return recall('local', KEY) ?? '';
}

/** Calls when this page, or another tab, was given a token. Returns the way to call it off. */
export function onToken(listener: () => void): () => void {
  changes.addEventListener('token', listener);
  return () => changes.removeEventListener('token', listener);
}
