/** Errors of the API: what a client is told, and with which HTTP status. */
import { errorText, LabError, TestbedError, UsageError } from '../errors.ts';
import { EngineUnreachableError } from '../testbed/docker.ts';
import { EngineError } from '../testbed/engine-error.ts';
import type { Problem } from './api.ts';

export const STATUS = {
  'bad-request': 400,
  unauthorized: 401,
  'wrong-host': 403,
  'wrong-origin': 403,
  'not-found': 404,
  'wrong-method': 405,
  'not-open': 409,
  busy: 409,
  'too-large': 413,
  'too-many-requests': 429,
  failed: 500,
  'no-engine': 503,
} as const satisfies Record<Problem['error'], number>;

export class ApiError extends Error {
  override name = 'ApiError';
  readonly problem: Problem;

  constructor(error: Problem['error'], text: string) {
    super(text);
    this.problem = { error, text };
  }
}

/** What a learner sees in the page where no engine runs; the book can be read without one. */
const NO_ENGINE =
  'No Docker engine answers on the machine where Podwire runs, so no lab can be opened. Start it, and try again; ' +
  '`npx podwire doctor` tells what is missing.';

/** The words for what went wrong with a lab's testbed. */
export function labProblemText(error: unknown): string {
  return isEngineGone(error) ? NO_ENGINE : errorText(error);
}

/**
 * What to tell a client. An error that nobody foresaw may say something about this machine, so its text is for
 * `onUnforeseen` alone.
 */
export function problemOf(error: unknown, onUnforeseen: (error: unknown) => void): Problem {
  if (error instanceof ApiError) return error.problem;
  if (error instanceof UsageError) return { error: 'bad-request', text: error.message };
  if (isEngineGone(error)) return { error: 'no-engine', text: NO_ENGINE };
  if (error instanceof TestbedError || error instanceof LabError)
    return { error: 'failed', text: errorText(error) };
  onUnforeseen(error);
  return {
    error: 'failed',
    text: 'This failed in Podwire itself. What happened is told where it was started.',
  };
}

export function isEngineGone(error: unknown): boolean {
  if (error instanceof EngineError) return error.statusCode === undefined;
  return error instanceof EngineUnreachableError;
}
