/** Joins an xterm to a shell of the server: output, input, size, and what happens when the line breaks. */
import type { Terminal } from '@xterm/xterm';
import { LIMITS, TerminalMessage, type TerminalRequest } from '../../../harness/src/server/api';
import { openSocket } from './api-client';
import { isLineUp } from './live-store';

export interface ShellName {
  readonly lab: string;
  readonly host: string;
  /** 1 for the first shell of a host. */
  readonly number: number;
}

export interface ShellEvents {
  /** `broken`: it was open, and comes back. Keys that are pressed meanwhile go nowhere. */
  onLine(line: 'connecting' | 'open' | 'broken'): void;
  /** Commands wait until the shell asks for one. */
  onWaiting(waiting: boolean): void;
  onEnd(text: string): void;
  /** What a helper key makes of what is typed. */
  translate(data: string): string;
}

export interface TerminalConnection {
  /** Types commands and Enter, as soon as the shell asks for some. */
  type(commands: string): void;
  /** Types what waits, whether the shell asks for it or not. */
  typeNow(): void;
  close(): void;
}

const AGAIN_MS = 1_000;
/** A shell that has never asked as bash does is another one, which takes what is typed at any time. */
const FIRST_PROMPT_WITHIN_MS = 3_000;
/** Set by bash while it asks for a command (bracketed paste, xterm's mode 2004). */
const BRACKETED_PASTE = 2004;

export function connectTerminal(
  { lab, host, number }: ShellName,
  terminal: Terminal,
  events: ShellEvents,
): TerminalConnection {
  let socket: WebSocket | null = null;
  let ready = false;
  let everReady = false;
  let closed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Keys that were pressed before the first shell was there. */
  let early = '';

  let waiting: readonly string[] = [];
  let asks = false;
  let everAsked = false;
  let late: ReturnType<typeof setTimeout> | undefined;

  const send = (request: TerminalRequest) => {
    if (ready && socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(request));
  };
  const input = (data: string) => {
    for (let at = 0; at < data.length; at += LIMITS.messageBytes / 4)
      send({ type: 'input', data: data.slice(at, at + LIMITS.messageBytes / 4) });
  };
  const resize = () => send({ type: 'resize', columns: terminal.cols, rows: terminal.rows });

  /** A fence of several lines is one input; the next one waits until the shell asks again. */
  const typeNext = () => {
    const [next, ...rest] = waiting;
    if (!ready || next === undefined || !asks) return;
    clearTimeout(late);
    waiting = rest;
    asks = false;
    terminal.paste(next.replace(/\n+$/, ''));
    input('\r');
    events.onWaiting(waiting.length > 0);
  };
  const typeNow = () => {
    asks = true;
    typeNext();
  };
  const typeWhenAsked = () => {
    typeNext();
    if (!ready || waiting.length === 0) return;
    if (everAsked) events.onWaiting(true);
    else late = setTimeout(typeNow, FIRST_PROMPT_WITHIN_MS);
  };
  const forgetCommands = () => {
    clearTimeout(late);
    waiting = [];
    asks = false;
    events.onWaiting(false);
  };

  const connect = () => {
    if (everReady && !isLineUp()) {
      timer = setTimeout(connect, AGAIN_MS);
      return;
    }
    const query = new URLSearchParams({
      host,
      number: String(number),
      columns: String(terminal.cols),
      rows: String(terminal.rows),
    });
    socket = openSocket(`labs/${lab}/terminal?${query}`);
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) {
        terminal.write(new Uint8Array(data), () => send({ type: 'ack', bytes: data.byteLength }));
        return;
      }
      hear(TerminalMessage.parse(JSON.parse(String(data))));
    };
    socket.onclose = () => {
      ready = false;
      if (closed) return;
      if (everReady) {
        terminal.options.disableStdin = true;
        events.onLine('broken');
      }
      timer = setTimeout(connect, AGAIN_MS);
    };
  };

  const hear = (message: TerminalMessage) => {
    if (message.type === 'resized') {
      // The size of the tab that was resized last holds for all.
      terminal.resize(message.columns, message.rows);
    } else if (message.type === 'closed') {
      if (message.reason === 'slow' || message.reason === 'server') return;
      closed = true;
      forgetCommands();
      terminal.options.disableStdin = true;
      events.onEnd(message.text);
    } else {
      ready = true;
      if (message.restored) terminal.reset();
      // Whoever typed into the shell before must see that this is none of its own.
      else if (everReady)
        terminal.write('\r\n\x1b[0m\x1b[7m A new shell: the one above has ended. \x1b[0m\r\n');
      asks = false;
      everAsked &&= message.restored;
      everReady = true;
      terminal.options.disableStdin = false;
      events.onLine('open');
      if (message.columns !== terminal.cols || message.rows !== terminal.rows) resize();
      input(early);
      early = '';
      typeWhenAsked();
    }
  };

  const listeners = [
    terminal.onData((data) => {
      const typed = events.translate(data);
      if (ready) input(typed);
      else if (!everReady) early += typed;
    }),
    terminal.onResize(resize),
    terminal.parser.registerCsiHandler({ prefix: '?', final: 'h' }, (modes) => {
      if (modes.includes(BRACKETED_PASTE)) {
        asks = true;
        everAsked = true;
      }
      return false;
    }),
    terminal.parser.registerCsiHandler({ prefix: '?', final: 'l' }, (modes) => {
      if (modes.includes(BRACKETED_PASTE)) asks = false;
      return false;
    }),
    // Not in the handler: xterm itself sets the mode only after it.
    terminal.onWriteParsed(typeNext),
  ];
  connect();
  return {
    type: (commands) => {
      waiting = [...waiting, commands];
      typeWhenAsked();
    },
    typeNow,
    close: () => {
      closed = true;
      clearTimeout(timer);
      clearTimeout(late);
      for (const listener of listeners) listener.dispose();
      socket?.close();
    },
  };
}
