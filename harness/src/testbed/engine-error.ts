/** What the Docker engine answers when it does not do what it was asked, told as an error of ours. */
import type Docker from 'dockerode';
import { errorText, TestbedError } from '../errors.ts';

/** The engine refused a request, or did not get it. */
export class EngineError extends TestbedError {
  override name = 'EngineError';
  /** The HTTP status; undefined where the engine did not answer. */
  readonly statusCode: number | undefined;
  /** What it said, without the client's words before it. */
  readonly said: string;

  constructor(attempted: string, error: Error & { statusCode?: number }) {
    const said = errorText(error)
      .replace(/^\(HTTP code \d+\) [\w ,/-]+ - /, '')
      .trim();
    super(
      error.statusCode === undefined
        ? `Could not ${attempted}: the connection to the Docker engine failed (${said}). ` +
            'See whether it runs with: npx podwire doctor'
        : `Could not ${attempted}: the Docker engine answered ${error.statusCode}, saying: ${said}`,
      { cause: error },
    );
    this.statusCode = error.statusCode;
    this.said = said;
  }
}

/** What the engine said, of an error of its own; else the error's text. */
export function engineText(error: unknown): string {
  return error instanceof EngineError ? error.said : errorText(error);
}

/** The requests that we make, in words: method and path (https://docs.docker.com/reference/api/engine/). */
const REQUESTS: readonly (readonly [RegExp, string])[] = [
  [/^GET \/containers\/json/, 'list the containers'],
  [/^POST \/containers\/create/, 'create a container'],
  [/^POST \/containers\/\w+\/start/, 'start a container'],
  [/^POST \/(containers\/\w+\/exec|exec\/\w+\/start)/, 'begin a command in a container'],
  [/^GET \/(containers|exec)\/\w+\/json/, 'look at a container'],
  [/^DELETE \/containers\//, 'remove a container'],
];

interface Request {
  readonly method?: string;
  readonly path?: string;
}

type Callback = (error: Error | null, result?: unknown) => void;

/** Every request of this client fails with an {@link EngineError} and with nothing else. */
export function tellEngineErrors(docker: Docker): Docker {
  const modem = docker.modem as { dial(request: Request, callback: Callback): void };
  const dial = modem.dial.bind(modem);
  modem.dial = (request, callback) =>
    dial(request, (error, result) =>
      callback(error ? new EngineError(wordsFor(request), error) : null, result),
    );
  return docker;
}

function wordsFor({ method = '', path = '' }: Request): string {
  const request = `${method} ${path.replace(/\?.*$/, '')}`;
  return REQUESTS.find(([pattern]) => pattern.test(request))?.[1] ?? `ask the engine for ${request}`;
}
