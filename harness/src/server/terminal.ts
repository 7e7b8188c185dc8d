/** One shell and all who look at it: what it shows is kept, and given to whoever comes or comes back. */
import serializeAddon from '@xterm/addon-serialize';
import headless from '@xterm/headless';
import { errorText } from '../errors.ts';
import type { ShellTerminal, Size } from '../testbed/terminal.ts';
import { LIMITS, type TerminalInfo, type TerminalMessage } from './api.ts';

/** Somebody who looks: a connection. */
export interface Viewer {
  tell(message: TerminalMessage): void;
  output(bytes: Uint8Array): void;
  /** Nothing more will be said. */
  leave(): void;
}

export type CloseReason = Extract<TerminalMessage, { type: 'closed' }>['reason'];

export interface TerminalTimes {
  /** Closed when nobody typed for so long. */
  readonly unusedMs: number;
  /** Closed when nobody looked for so long. */
  readonly unseenMs: number;
  /** Whoever does not acknowledge output for so long is sent away. */
  readonly slowMs: number;
}

export const USUAL_TIMES: TerminalTimes = { unusedMs: 30 * 60_000, unseenMs: 10 * 60_000, slowMs: 30_000 };

interface Seat {
  unacknowledged: number;
  /** Output that came while the screen so far was being written out for this viewer. */
  waiting: Uint8Array[] | null;
  slow: NodeJS.Timeout | undefined;
}

const SCROLLBACK_LINES = 2_000;

const WORDS: Readonly<Record<CloseReason, string>> = {
  exit: 'The shell has ended.',
  end: 'The shell was ended.',
  idle: 'Nobody used this shell for a while, so it was closed.',
  lab: 'The lab was reset or closed, and this shell with it.',
  server: '`podwire serve` has ended, and this shell with it.',
  slow: 'This page did not keep up with the output. The shell goes on: connect again.',
  failed: 'The shell could not be opened.',
};

/** bash prints it whenever it asks for a command: what was asked of it is done. */
const ASKS = '\x1b[?2004h';

/** What its owner is told. */
export interface TerminalEvents {
  /** It was closed, or who looks, or its size changed. */
  onChange(): void;
  /** The shell asks for a command. */
  onPrompt(): void;
}

export class Terminal {
  readonly host: string;
  readonly number: number;
  readonly #shell: ShellTerminal;
  readonly #times: TerminalTimes;
  readonly #events: TerminalEvents;
  readonly #seats = new Map<Viewer, Seat>();
  readonly #screen: headless.Terminal;
  readonly #memory = new serializeAddon.SerializeAddon();
  /** Bytes that the screen has not read yet. */
  #unread = 0;
  /** The end of the output, where a prompt may begin that the next piece ends. */
  #end = '';
  #resizing: Promise<void> | null = null;
  #unused: NodeJS.Timeout | undefined;
  #unseen: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    name: { readonly host: string; readonly number: number },
    shell: ShellTerminal,
    size: Size,
    times: TerminalTimes,
    events: TerminalEvents,
  ) {
    this.host = name.host;
    this.number = name.number;
    this.#shell = shell;
    this.#times = times;
    this.#events = events;
    this.#screen = new headless.Terminal({
      cols: size.columns,
      rows: size.rows,
      scrollback: SCROLLBACK_LINES,
      allowProposedApi: true,
    });
    this.#screen.loadAddon(this.#memory);
    shell.stream.on('data', (chunk: Buffer) => this.#show(chunk));
    // What became of the connection is told by `done`.
    shell.stream.on('error', () => {});
    shell.done.then(
      (status) => this.#close('exit', status),
      (error) => this.#close('failed', null, errorText(error)),
    );
    this.#touch();
    this.#watchSeats();
  }

  get closed(): boolean {
    return this.#closed;
  }

  describe(): TerminalInfo {
    const { cols, rows } = this.#screen;
    return { host: this.host, number: this.number, columns: cols, rows, clients: this.#seats.size };
  }

  /** Shows the terminal to one more. `restored`: it was opened before. */
  join(viewer: Viewer, restored: boolean): void {
    const seat: Seat = { unacknowledged: 0, waiting: [], slow: undefined };
    this.#seats.set(viewer, seat);
    this.#watchSeats();
    this.#events.onChange();
    // All output so far goes through the screen first; what comes after it waits at the seat.
    this.#screen.write('', () => {
      if (!this.#seats.has(viewer)) return;
      const { cols: columns, rows } = this.#screen;
      viewer.tell({ type: 'ready', host: this.host, number: this.number, columns, rows, restored });
      const waiting = seat.waiting ?? [];
      seat.waiting = null;
      if (restored) this.#give(viewer, seat, Buffer.from(this.#memory.serialize()));
      for (const bytes of waiting) this.#give(viewer, seat, bytes);
      this.#flow();
    });
  }

  leave(viewer: Viewer): void {
    clearTimeout(this.#seats.get(viewer)?.slow);
    if (!this.#seats.delete(viewer) || this.#closed) return;
    this.#watchSeats();
    this.#flow();
    this.#events.onChange();
  }

  /** False when the shell does not read as fast as is typed: wait for {@link onDrain}. */
  type(data: string): boolean {
    if (this.#closed) return true;
    this.#touch();
    if (!this.#resizing) return this.#shell.stream.write(data);
    // What is typed after a new size is read by programs that know it.
    this.#resizing.then(() => this.#shell.stream.write(data));
    return true;
  }

  onDrain(listener: () => void): void {
    this.#shell.stream.once('drain', listener);
  }

  resize(size: Size, by: Viewer): void {
    const { columns, rows } = size;
    if (this.#closed || (columns === this.#screen.cols && rows === this.#screen.rows)) return;
    this.#screen.resize(columns, rows);
    const resizing = this.#shell.resize(size).then(() => {
      if (this.#resizing === resizing) this.#resizing = null;
    });
    this.#resizing = resizing;
    for (const viewer of this.#seats.keys())
      if (viewer !== by) viewer.tell({ type: 'resized', columns, rows });
    this.#events.onChange();
  }

  acknowledge(viewer: Viewer, bytes: number): void {
    const seat = this.#seats.get(viewer);
    if (!seat) return;
    seat.unacknowledged = Math.max(0, seat.unacknowledged - bytes);
    if (seat.unacknowledged < LIMITS.windowBytes) {
      clearTimeout(seat.slow);
      seat.slow = undefined;
    }
    this.#flow();
  }

  /** Ends the shell. What runs in its background goes on. */
  async end(reason: CloseReason): Promise<void> {
    if (this.#closed) return;
    this.#close(reason, null);
    // A node that is gone took its shells along.
    await this.#shell.end().catch(() => {});
    this.#shell.stream.destroy();
  }

  #show(chunk: Buffer): void {
    this.#unread += chunk.length;
    this.#lookForPrompt(chunk);
    this.#screen.write(chunk, () => {
      this.#unread -= chunk.length;
      this.#flow();
    });
    for (const [viewer, seat] of this.#seats) {
      if (seat.waiting) seat.waiting.push(chunk);
      else this.#give(viewer, seat, chunk);
    }
    this.#flow();
  }

  #lookForPrompt(chunk: Buffer): void {
    const text = this.#end + chunk.toString('latin1');
    if (text.includes(ASKS)) this.#events.onPrompt();
    this.#end = text.slice(-(ASKS.length - 1));
  }

  #give(viewer: Viewer, seat: Seat, bytes: Uint8Array): void {
    seat.unacknowledged += bytes.length;
    viewer.output(bytes);
    if (seat.unacknowledged < LIMITS.windowBytes) return;
    seat.slow ??= setTimeout(() => this.#dismiss(viewer, 'slow', null, WORDS.slow), this.#times.slowMs);
  }

  /** The shell waits while somebody has not read what it wrote. */
  #flow(): void {
    const full =
      this.#unread > LIMITS.windowBytes ||
      [...this.#seats.values()].some(({ unacknowledged }) => unacknowledged >= LIMITS.windowBytes);
    if (full) this.#shell.stream.pause();
    else if (this.#shell.stream.isPaused()) this.#shell.stream.resume();
  }

  #touch(): void {
    clearTimeout(this.#unused);
    if (!this.#closed) this.#unused = setTimeout(() => this.end('idle'), this.#times.unusedMs);
  }

  #watchSeats(): void {
    clearTimeout(this.#unseen);
    if (this.#seats.size === 0 && !this.#closed)
      this.#unseen = setTimeout(() => this.end('idle'), this.#times.unseenMs);
  }

  #dismiss(viewer: Viewer, reason: CloseReason, status: number | null, text: string): void {
    viewer.tell({ type: 'closed', reason, status, text });
    this.leave(viewer);
    viewer.leave();
  }

  #close(reason: CloseReason, status: number | null, text: string = WORDS[reason]): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#unused);
    clearTimeout(this.#unseen);
    for (const viewer of [...this.#seats.keys()]) this.#dismiss(viewer, reason, status, text);
    this.#screen.dispose();
    this.#events.onChange();
  }
}
