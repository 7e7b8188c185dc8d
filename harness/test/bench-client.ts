/** A client of `podwire serve` for tests: what the site's bench does, without a browser. */
import { stripVTControlCharacters } from 'node:util';
import { WebSocket } from 'ws';
import { EventMessage, type LiveLab, PROTOCOL, TerminalMessage, tokenProtocol } from '../src/server/api.ts';
import type { RunningServer } from '../src/server/serve.ts';

const WITHIN_MS = 20_000;

/** Resolves when `look` gives something; `again` calls it whenever there is something new. */
class Watching<T> {
  readonly #looks = new Set<(value: T) => void>();
  #last: T | null = null;

  tell(value: T): void {
    this.#last = value;
    for (const look of [...this.#looks]) look(value);
  }

  async until(what: string, isThere: (value: T) => boolean): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const look = (value: T) => {
      if (isThere(value)) resolve(value);
    };
    const late = setTimeout(
      () =>
        reject(new Error(`Waited ${WITHIN_MS / 1000} s for ${what}; last: ${JSON.stringify(this.#last)}`)),
      WITHIN_MS,
    );
    this.#looks.add(look);
    if (this.#last !== null) look(this.#last);
    try {
      return await promise;
    } finally {
      clearTimeout(late);
      this.#looks.delete(look);
    }
  }
}

export class BenchClient {
  readonly server: Pick<RunningServer, 'url' | 'token'>;
  readonly lab: string;
  readonly #seed: string;

  constructor(server: Pick<RunningServer, 'url' | 'token'>, lab: string, seed: string) {
    this.server = server;
    this.lab = lab;
    this.#seed = seed;
  }

  async ask(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${this.server.url}/api/labs/${this.lab}${path}?seed=${this.#seed}`, {
      method,
      headers: {
        Authorization: `Bearer ${this.server.token}`,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  /** Asks until the lab is open: an engine that has much else to do takes longer than an answer waits. */
  async open(): Promise<{ status: number; body: unknown }> {
    for (;;) {
      const answer = await this.ask('POST', '/open');
      if (answer.status !== 202) return answer;
    }
  }

  socket(path: string): WebSocket {
    const url = `${this.server.url.replace('http', 'ws')}/api/labs/${this.lab}${path}`;
    return new WebSocket(
      `${url}${path.includes('?') ? '&' : '?'}seed=${this.#seed}`,
      [PROTOCOL, tokenProtocol(this.server.token)],
      { origin: this.server.url },
    );
  }

  events(): EventsClient {
    return new EventsClient(this.socket('/events'));
  }

  terminal(host: string, size = { columns: 100, rows: 30 }): TerminalClient {
    const { columns, rows } = size;
    return new TerminalClient(
      this.socket(`/terminal?host=${encodeURIComponent(host)}&columns=${columns}&rows=${rows}`),
    );
  }
}

export class EventsClient implements Disposable {
  readonly #socket: WebSocket;
  readonly #live = new Watching<LiveLab>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#live.tell(EventMessage.parse(JSON.parse(data.toString())).live));
  }

  until(what: string, isThere: (live: LiveLab) => boolean): Promise<LiveLab> {
    return this.#live.until(what, isThere);
  }

  untilPassed(id: string): Promise<LiveLab> {
    return this.until(`check ${id} to pass`, ({ checks }) =>
      checks.some((check) => check.id === id && check.result?.verdict === 'pass'),
    );
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }
}

export class TerminalClient implements Disposable {
  readonly socket: WebSocket;
  readonly #shown = new Watching<string>();
  readonly #messages = new Watching<readonly TerminalMessage[]>();
  #text = '';
  #bytes = 0;
  #all: readonly TerminalMessage[] = [];
  /** Whether output is acknowledged, as a page does that keeps up. */
  acknowledges = true;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) {
        this.#bytes += data.length;
        this.#text = (this.#text + stripVTControlCharacters(data.toString())).slice(-100_000);
        if (this.acknowledges) this.send({ type: 'ack', bytes: data.length });
        this.#shown.tell(this.#text);
      } else {
        this.#all = [...this.#all, TerminalMessage.parse(JSON.parse(data.toString()))];
        this.#messages.tell(this.#all);
      }
    });
  }

  get bytes(): number {
    return this.#bytes;
  }

  get text(): string {
    return this.#text;
  }

  send(message: object): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(JSON.stringify(message));
  }

  async type(text: string): Promise<void> {
    await this.told('ready');
    this.send({ type: 'input', data: text });
  }

  /** Waits until the terminal has shown something that matches. */
  shows(pattern: RegExp): Promise<string> {
    return this.#shown.until(`${pattern} on the terminal`, (text) => pattern.test(text));
  }

  async told<Type extends TerminalMessage['type']>(
    type: Type,
  ): Promise<Extract<TerminalMessage, { type: Type }>> {
    const all = await this.#messages.until(`the message "${type}"`, (messages) =>
      messages.some((message) => message.type === type),
    );
    return all.find((message) => message.type === type) as Extract<TerminalMessage, { type: Type }>;
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}
