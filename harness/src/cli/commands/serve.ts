/** `podwire serve`: the site and its API, until Ctrl-C. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { TestbedError, UsageError } from '../../errors.ts';
import { WORKBOOK } from '../../lab/load-lab.ts';
import { serve as startServer } from '../../server/serve.ts';
import { USUAL_TIMES } from '../../server/terminal.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { ensureImage } from '../../setup/image.ts';
import { stderrTerminal, type Terminal } from '../../setup/terminal.ts';
import { type Docker, expectDocker } from '../../testbed/docker.ts';
import { INTERRUPTED } from '../interrupt.ts';

export const USUAL_PORT = 4680;

export interface ServeOptions {
  readonly port?: string;
  readonly host?: string;
  readonly origin?: readonly string[];
  readonly idle?: string;
  readonly json?: boolean;
}

const SITE = path.join(WORKBOOK, 'site/build');
const MINUTE_MS = 60_000;
const CLOSES_WITHIN_MS = 5_000;

/** Status 0 when it was ended by Ctrl-C; labs stay as they are. Without an engine the site is served to be read. */
export async function serve(options: ServeOptions): Promise<number> {
  const port = readNumber('--port', options.port ?? String(USUAL_PORT), 0, 65535);
  const unusedMs = readNumber('--idle', options.idle ?? '30', 1, 24 * 60) * MINUTE_MS;
  const origins = (options.origin ?? []).map(readOrigin);
  const terminal = stderrTerminal();
  const { docker, lacks } = await engineIfAny(terminal);
  const making = imageMaker(docker, terminal);
  await using server = await startServer({
    docker,
    ensureImage: making,
    address: options.host ?? '127.0.0.1',
    port,
    origins,
    site: existsSync(path.join(SITE, 'index.html')) ? SITE : null,
    times: { ...USUAL_TIMES, unusedMs },
    ...(process.env.PODWIRE_TOKEN ? { token: readToken(process.env.PODWIRE_TOKEN) } : {}),
    onUnforeseen: (error) => terminal.line(`podwire: ${error instanceof Error ? error.stack : error}`),
  });
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ url: server.url, token: server.token, entrance: server.entrance })}\n`
      : `The workbook is open at:\n\n  ${server.entrance}\n\nWhoever has this address can open root shells in labs. End with Ctrl-C; labs stay open.\n`,
  );
  // The first lab is to open at once.
  if (lacks === null) making(() => {}).catch((error: Error) => terminal.line(`podwire: ${error.message}`));
  else terminal.line(`${lacks}\nUntil then the labs can be read, and not opened.`);
  await untilStopped();
  terminal.line('Closing terminals. Labs stay open: npx podwire status');
  return 0;
}

/** `lacks`: why there is no engine, and what to do. It may come while we serve. */
async function engineIfAny(
  terminal: Terminal,
): Promise<{ readonly docker: Docker; readonly lacks: string | null }> {
  try {
    return { docker: await ensureEngine(terminal), lacks: null };
  } catch (error) {
    if (!(error instanceof TestbedError)) throw error;
    return { docker: expectDocker(), lacks: error.message };
  }
}

/**
 * Resolves at the first signal. Ctrl-C comes several times where npm stands between, so the next ones do not cut
 * the closing short; it has its own deadline.
 */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        setTimeout(() => process.exit(INTERRUPTED), CLOSES_WITHIN_MS).unref();
        resolve();
      });
    }
  });
}

/** Makes sure of the image, for all who ask at once; each is told how it goes. */
function imageMaker(docker: Docker, terminal: Terminal): (tell: (text: string) => void) => Promise<string> {
  const listeners = new Set<(text: string) => void>();
  const telling: Terminal = {
    interactive: false,
    line: (text) => terminal.line(text),
    progress: (text, detail) => {
      terminal.progress(text, detail);
      for (const tell of listeners) tell(detail ? `${text}: ${detail}` : text);
    },
    clear: () => terminal.clear(),
    ask: async () => false,
  };
  let making: Promise<string> | null = null;
  return async (tell) => {
    listeners.add(tell);
    // Asked anew each time: an image that is there costs one call, and one that was removed is made again.
    making ??= ensureImage(docker, telling).finally(() => {
      making = null;
      telling.clear();
    });
    try {
      return await making;
    } finally {
      listeners.delete(tell);
    }
  };
}

function readNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`Wanted a number from ${least} to ${most} for ${option}, found "${text}".`);
}

function readOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash)
    return url.origin;
  throw new UsageError(`Wanted an address like http://workshop.example:4680 for --origin, found "${text}".`);
}

function readToken(text: string): string {
  if (/^[A-Za-z0-9_-]{32,128}$/.test(text)) return text;
  throw new UsageError('Wanted at least 32 letters, digits, "-" or "_" in PODWIRE_TOKEN.');
}
