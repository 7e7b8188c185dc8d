/** Speaks to `podwire serve`, which serves this page too: HTTP for commands, WebSockets for the rest. */
import { PROTOCOL, Problem, ServerInfo, tokenProtocol } from '../../../harness/src/server/api';
import { readToken } from './token';

/** What the page tells the learner, in the server's words where it has some. */
export class ApiError extends Error {
  readonly kind: Problem['error'] | null;

  constructor(text: string, kind: Problem['error'] | null) {
    super(text);
    this.kind = kind;
  }
}

/**
 * `ready`: a server of ours lets this page in. `unauthorized`: it does not know the page's token. `busy`: it has too
 * much to do now. `refused`: it was started for another address. `elsewhere`: whoever serves this page is none of
 * ours. `silent`: nobody answers.
 */
export type Reachability = 'ready' | 'unauthorized' | 'busy' | 'refused' | 'elsewhere' | 'silent';

export async function findServer(): Promise<Reachability> {
  let response: Response;
  try {
    response = await fetch('/api/server', { headers: authorization() });
  } catch {
    return 'silent';
  }
  if (response.status === 429) return 'busy';
  const answer: unknown = await response.json().catch(() => null);
  if (response.status === 403 && Problem.safeParse(answer).success) return 'refused';
  const info = ServerInfo.safeParse(answer);
  if (!response.ok || !info.success) return 'elsewhere';
  return info.data.authorized ? 'ready' : 'unauthorized';
}

interface Schema<T> {
  parse(value: unknown): T;
}

/** @throws {ApiError} with the server's own words where it refuses. */
export async function ask<T>(path: string, schema: Schema<T>, body?: object): Promise<T> {
  const response = await fetch(withSeed(`/api/${path}`), {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    headers: { ...authorization(), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
  });
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return schema.parse(answer);
  const problem = Problem.safeParse(answer);
  if (problem.success) throw new ApiError(problem.data.text, problem.data.error);
  throw new ApiError(`The server answered with status ${response.status}.`, null);
}

export function openSocket(path: string): WebSocket {
  const url = new URL(withSeed(`/api/${path}`), window.location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  const socket = new WebSocket(url, [PROTOCOL, tokenProtocol(readToken())]);
  socket.binaryType = 'arraybuffer';
  return socket;
}

/** `?seed=NAME` in the page's address chooses another address plan, and with it another testbed. */
export function readSeed(): string | null {
  return new URLSearchParams(window.location.search).get('seed') || null;
}

function withSeed(path: string): string {
  const seed = readSeed();
  if (seed === null) return path;
  return `${path}${path.includes('?') ? '&' : '?'}seed=${encodeURIComponent(seed)}`;
}

function authorization(): Record<string, string> {
  const token = readToken();
  return token === '' ? {} : { Authorization: `Bearer ${token}` };
}

/** Puts the words of a failure where they are shown. */
export function tell(show: (text: string) => void): (error: unknown) => void {
  return (error) => show(wordsOf(error));
}

export function wordsOf(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  return `The server did not answer: ${error instanceof Error ? error.message : error}`;
}
