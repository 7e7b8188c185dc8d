/** Connects one client with a terminal: output as bytes, everything else as JSON. */
import type { WebSocket } from 'ws';
import { type TerminalMessage, TerminalRequest } from './api.ts';
import type { Bench } from './bench.ts';
import { problemOf } from './problems.ts';
import type { TerminalWish } from './sockets.ts';
import type { Terminal, Viewer } from './terminal.ts';

/** RFC 6455, section 7.4.1. */
const NORMAL = 1000;
const INVALID_DATA = 1007;

export function serveTerminal(
  socket: WebSocket,
  bench: Bench,
  wish: TerminalWish,
  onUnforeseen: (error: unknown) => void,
): void {
  const tell = (message: TerminalMessage) => socket.send(JSON.stringify(message));
  const viewer: Viewer = {
    tell,
    output: (bytes) => socket.send(bytes),
    leave: () => socket.close(NORMAL),
  };
  let terminal: Terminal | null = null;
  // What is typed before the shell stands waits in the connection.
  socket.pause();
  bench.join(wish, wish, viewer).then(
    (joined) => {
      terminal = joined;
      socket.resume();
      if (socket.readyState !== socket.OPEN) joined.leave(viewer);
    },
    (error) => {
      tell({ type: 'closed', reason: 'failed', status: null, text: problemOf(error, onUnforeseen).text });
      socket.close(NORMAL);
      socket.resume();
    },
  );
  socket.on('close', () => terminal?.leave(viewer));
  socket.on('message', (data, isBinary) => {
    const request = isBinary ? null : readRequest(data.toString());
    if (!request || !terminal) socket.close(INVALID_DATA, 'not a message of a terminal');
    else obey(request, terminal, viewer, socket);
  });
}

function obey(request: TerminalRequest, terminal: Terminal, viewer: Viewer, socket: WebSocket): void {
  switch (request.type) {
    case 'input':
      if (terminal.type(request.data)) return;
      socket.pause();
      terminal.onDrain(() => socket.resume());
      return;
    case 'resize':
      terminal.resize(request, viewer);
      return;
    case 'ack':
      terminal.acknowledge(viewer, request.bytes);
      return;
    case 'end':
      terminal.end('end');
  }
}

function readRequest(text: string): TerminalRequest | null {
  try {
    return TerminalRequest.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
