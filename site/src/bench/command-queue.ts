/**
 * Commands of fences on their way to terminals. A terminal takes each of them once; what waits when a lab is reset,
 * closed or left is dropped, so nothing is ever typed into another testbed than the one it was meant for.
 */
let waiting: readonly { readonly host: string; readonly commands: string }[] = [];
const arrivals = new EventTarget();

export function queueCommands(host: string, commands: string): void {
  waiting = [...waiting, { host, commands }];
  arrivals.dispatchEvent(new CustomEvent('arrival', { detail: host }));
}

/** The commands for a host, in order; they wait no longer. */
export function takeCommands(host: string): string[] {
  const taken = waiting.filter((each) => each.host === host);
  waiting = waiting.filter((each) => each.host !== host);
  return taken.map(({ commands }) => commands);
}

export function dropCommands(): void {
  waiting = [];
}

/** The hosts that commands wait for, in the order of their arrival. */
export function hostsWithCommands(): readonly string[] {
  return [...new Set(waiting.map(({ host }) => host))];
}

/** Calls with the host whenever commands arrive. Returns the way to call it off. */
export function onCommands(listener: (host: string) => void): () => void {
  const call = (event: Event) => listener((event as CustomEvent<string>).detail);
  arrivals.addEventListener('arrival', call);
  return () => arrivals.removeEventListener('arrival', call);
}
