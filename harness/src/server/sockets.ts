/** WebSockets: refused before they are opened when a stranger asks; afterwards bounded in size, pace and number. */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Access, offersToken, refuseStranger } from './access.ts';
import { HostName, LabNumber, LIMITS, PROTOCOL, type Problem, Seed } from './api.ts';
import type { Benches } from './benches.ts';
import { Buckets } from './buckets.ts';
import { serveEvents } from './events-socket.ts';
import type { ServerLimits } from './limits.ts';
import { problemOf, STATUS } from './problems.ts';
import { serveTerminal } from './terminal-socket.ts';

export interface Sockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): void;
}

const PATH = /^\/api\/labs\/(\d{2})\/(events|terminal)$/;
/** RFC 6455, section 7.4.1. */
const POLICY_VIOLATION = 1008;
const GOING_AWAY = 1001;

export function makeSockets(
  access: Access,
  benches: Benches,
  limits: ServerLimits,
  onUnforeseen: (error: unknown) => void,
): Sockets {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: LIMITS.messageBytes,
    perMessageDeflate: false,
    handleProtocols: () => PROTOCOL,
  });
  const openings = new Buckets(limits.openings);
  const wrongTokens = new Buckets(limits.wrongTokens);

  const judge = (request: IncomingMessage): Problem | null => {
    const address = request.socket.remoteAddress ?? '';
    const refused = refuseStranger(access, request.headers, { needsOrigin: true });
    if (refused) return refused;
    const tooMany: Problem = {
      error: 'too-many-requests',
      text: 'Too many connections at once. Wait a moment.',
    };
    if (!offersToken(access, request.headers['sec-websocket-protocol'])) {
      if (!wrongTokens.take(address)) return tooMany;
      return { error: 'unauthorized', text: 'This needs the token of the running server.' };
    }
    return server.clients.size >= limits.sockets || !openings.take(address) ? tooMany : null;
  };

  const open = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const problem = judge(request);
    if (problem) return refuse(socket, problem);
    const url = new URL(request.url ?? '', 'http://localhost');
    const [, lab = '', kind] = PATH.exec(url.pathname) ?? [];
    const seed = Seed.nullable().safeParse(url.searchParams.get('seed'));
    if (!LabNumber.safeParse(lab).success || !seed.success)
      return refuse(socket, { error: 'not-found', text: `There is no WebSocket at ${url.pathname}.` });
    const host = HostName.safeParse(url.searchParams.get('host') ?? '');
    if (kind === 'terminal' && !host.success)
      return refuse(socket, { error: 'bad-request', text: 'Wanted ?host=, a node or pod, like pod/a.' });
    const bench = await benches.find(lab, seed.data);
    server.handleUpgrade(request, socket, head, (client) => {
      bound(client);
      if (kind === 'events') serveEvents(client, bench);
      else serveTerminal(client, bench, terminalOf(url, host.data ?? ''), onUnforeseen);
    });
  };

  const pinging = setInterval(() => {
    for (const client of server.clients) {
      if (silent.has(client)) client.terminate();
      silent.add(client);
      client.ping();
    }
  }, limits.pingMs);
  const silent = new WeakSet<WebSocket>();

  const bound = (client: WebSocket): void => {
    const messages = new Buckets(limits.messages);
    client.on('pong', () => silent.delete(client));
    client.on('message', () => {
      if (!messages.take()) client.close(POLICY_VIOLATION, 'too many messages');
    });
    // A message too large, or one that is no message: ws closes the connection by itself.
    client.on('error', () => {});
  };

  return {
    upgrade: (request, socket, head) => {
      socket.on('error', () => {});
      open(request, socket, head).catch((error) => refuse(socket, problemOf(error, onUnforeseen)));
    },
    close: () => {
      clearInterval(pinging);
      for (const client of server.clients) client.close(GOING_AWAY, 'podwire serve has ended');
      server.close();
    },
  };
}

export interface TerminalWish {
  readonly host: string;
  readonly number: number;
  readonly columns: number;
  readonly rows: number;
}

function terminalOf(url: URL, host: string): TerminalWish {
  const number = (name: string, usual: number, most: number) => {
    const value = Number(url.searchParams.get(name) ?? usual);
    return Number.isInteger(value) && value >= 1 ? Math.min(value, most) : usual;
  };
  return {
    host,
    number: number('number', 1, 9),
    columns: number('columns', 80, LIMITS.columns),
    rows: number('rows', 24, LIMITS.rows),
  };
}

/** Answers the handshake as HTTP. */
function refuse(socket: Duplex, problem: Problem): void {
  const status = STATUS[problem.error];
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
