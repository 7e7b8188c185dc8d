/** The terminal as the board uses it: a screen of its own, single keys, and everything given back afterwards. */
import type { ReadStream, WriteStream } from 'node:tty';
import { guardTerminal } from '../../terminal-guard.ts';

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
/** Terminals that know it show the frame at once, others ignore it. */
const [BEGIN_FRAME, END_FRAME] = ['\x1b[?2026h\x1b[H', '\x1b[J\x1b[?2026l'];
const KEYS = /\p{Cc}\[[0-9;]*[A-Za-z~]|\p{Cc}O[A-Z]|[\s\S]/gu;
const SUSPEND = '\x1a';

export interface ScreenEvents {
  onKey(key: string): void;
  onResize(): void;
}

export class Screen {
  readonly #stdin: ReadStream;
  readonly #stdout: WriteStream;
  readonly #events: ScreenEvents;
  #frame: string | null = null;
  #release: (() => void) | null = null;

  constructor(stdin: ReadStream, stdout: WriteStream, events: ScreenEvents) {
    this.#stdin = stdin;
    this.#stdout = stdout;
    this.#events = events;
  }

  get columns(): number {
    return this.#stdout.columns || 80;
  }

  get rows(): number {
    return this.#stdout.rows || 24;
  }

  open(): void {
    if (this.#release) return;
    this.#release = guardTerminal(() => this.close());
    this.#frame = null;
    this.#stdout.write(ENTER);
    this.#stdin.setRawMode(true);
    this.#stdin.setEncoding('utf8');
    this.#stdin.on('data', this.#onData);
    this.#stdin.resume();
    this.#stdout.on('resize', this.#onResize);
  }

  close(): void {
    if (!this.#release) return;
    this.#release();
    this.#release = null;
    this.#stdout.off('resize', this.#onResize);
    this.#stdin.off('data', this.#onData);
    this.#stdin.pause();
    if (this.#stdin.isTTY) this.#stdin.setRawMode(false);
    this.#stdout.write(LEAVE);
  }

  paint(frame: string): void {
    if (!this.#release || frame === this.#frame) return;
    this.#frame = frame;
    const lines = frame.split('\n').map((line) => `${line}\x1b[K`);
    this.#stdout.write(`${BEGIN_FRAME}${lines.join('\r\n')}${END_FRAME}`);
  }

  readonly #onData = (data: Buffer | string): void => {
    for (const [key] of data.toString().matchAll(KEYS)) {
      if (key === SUSPEND) this.#suspend();
      else this.#events.onKey(key.replace('\x1bO', '\x1b['));
    }
  };

  readonly #onResize = (): void => {
    this.#frame = null;
    this.#events.onResize();
  };

  /** Ctrl-Z, which a terminal in raw mode does not turn into a signal. */
  #suspend(): void {
    process.once('SIGCONT', () => {
      this.open();
      this.#events.onResize();
    });
    this.close();
    process.kill(0, 'SIGTSTP');
  }
}
