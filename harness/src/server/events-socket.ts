/** Tells one client the state of a lab, at once and whenever it changes. */
import type { WebSocket } from 'ws';
import type { EventMessage } from './api.ts';
import type { Bench } from './bench.ts';

/** A client that reads nothing gets no more; it is told all again when it comes back. */
const MOST_BUFFERED_BYTES = 1024 * 1024;

export function serveEvents(socket: WebSocket, bench: Bench): void {
  const unsubscribe = bench.subscribe((live) => {
    if (socket.bufferedAmount > MOST_BUFFERED_BYTES) {
      socket.terminate();
      return;
    }
    const message: EventMessage = { type: 'live', live };
    socket.send(JSON.stringify(message));
  });
  socket.on('close', unsubscribe);
  // Somebody looks now: what stands is to be watched.
  bench.refresh().catch(() => {});
}
