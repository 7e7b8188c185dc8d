/** `podwire serve`: the site and its API on one address, in one process. */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { errorText, TestbedError, UsageError } from '../errors.ts';
import { WORKBOOK } from '../lab/load-lab.ts';
import type { Docker } from '../testbed/docker.ts';
import { accessFor, newToken } from './access.ts';
import { answersOf } from './answers.ts';
import { TOKEN_FRAGMENT } from './api.ts';
import { makeApp } from './app.ts';
import type { Workshop } from './bench.ts';
import { Benches } from './benches.ts';
import { type ServerLimits, USUAL_LIMITS } from './limits.ts';
import { makeSockets } from './sockets.ts';
import { type TerminalTimes, USUAL_TIMES } from './terminal.ts';

export interface ServeOptions {
  readonly docker: Docker;
  readonly ensureImage: Workshop['ensureImage'];
  readonly address: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Other addresses by which browsers reach this server. */
  readonly origins?: readonly string[];
  /** The built site, when there is one. */
  readonly site?: string | null;
  /** Given by tests, and by who starts it where nobody reads what is printed. */
  readonly token?: string;
  readonly times?: TerminalTimes;
  readonly limits?: Partial<ServerLimits>;
  /** Testbeds end with this process: for tests. */
  readonly ephemeral?: boolean;
  readonly onUnforeseen?: (error: unknown) => void;
}

export interface RunningServer extends AsyncDisposable {
  /** Without the token. */
  readonly url: string;
  readonly port: number;
  readonly token: string;
  /** What to open in a browser: the page takes the token out of it. */
  readonly entrance: string;
}

const HEADERS_WITHIN_MS = 10_000;
const REQUEST_WITHIN_MS = 30_000;
const MOST_CONNECTIONS = 1_000;

/** @throws {UsageError} when it cannot listen there. */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const {
    docker,
    ensureImage,
    address,
    origins = [],
    site = null,
    times = USUAL_TIMES,
    ephemeral = false,
  } = options;
  const onUnforeseen = options.onUnforeseen ?? (() => {});
  const limits = { ...USUAL_LIMITS, ...options.limits };
  const stop = new AbortController();
  const http = createServer({ headersTimeout: HEADERS_WITHIN_MS, requestTimeout: REQUEST_WITHIN_MS });
  http.maxConnections = MOST_CONNECTIONS;
  const port = await listen(http, address, options.port);

  const token = options.token ?? newToken();
  const access = accessFor(token, address, port, origins);
  const benches = new Benches({ docker, ensureImage, times, limits, ephemeral, signal: stop.signal });
  const answers = answersOf(benches, await version());
  const app = makeApp({ access, answers, version: await version(), site, limits, onUnforeseen });
  const sockets = makeSockets(access, benches, limits, onUnforeseen);
  http.on('request', getRequestListener(app.fetch));
  http.on('upgrade', sockets.upgrade);

  const url = origins[0] ?? [...access.origins][0] ?? '';
  return {
    url,
    port,
    token,
    entrance: `${url}/#${TOKEN_FRAGMENT}=${token}`,
    [Symbol.asyncDispose]: async () => {
      http.close();
      stop.abort(new TestbedError('The server has ended.'));
      await benches.leave();
      sockets.close();
      http.closeAllConnections();
    },
  };
}

async function listen(http: Server, address: string, port: number): Promise<number> {
  const where = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const listening = Promise.withResolvers<void>();
  http.once('error', listening.reject);
  http.listen({ host: address, port }, listening.resolve);
  try {
    await listening.promise;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why: Readonly<Record<string, string>> = {
      EADDRINUSE: 'the port is taken, perhaps by another `podwire serve`. Choose another with --port.',
      EACCES: 'this user may not listen there. Choose a port above 1023 with --port.',
      EADDRNOTAVAIL: 'this machine has no such address. Choose one with --host.',
      ENOTFOUND: 'there is no such address. Choose one with --host.',
    };
    throw new UsageError(`Could not listen on ${where}: ${why[code ?? ''] ?? errorText(error)}`, {
      cause: error,
    });
  }
  const bound = http.address();
  return typeof bound === 'object' && bound ? bound.port : port;
}

export async function version(): Promise<string> {
  const text = await readFile(path.join(WORKBOOK, 'harness/package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
