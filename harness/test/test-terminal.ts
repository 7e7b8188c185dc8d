/** A program on a terminal of its own: what it draws as a screen of text, keys for it, and its size. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import headless from '@xterm/headless';
import { until } from './observe.ts';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

const run = promisify(execFile);

export class TestTerminal implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #screen: headless.Terminal;
  /** Resolves with the program's exit status. */
  readonly ended: Promise<number | null>;
  #drawn = '';

  /** Runs a command of the shell on a terminal that util-linux's script(1) makes. */
  constructor(command: string, { columns, rows }: TerminalSize, env: NodeJS.ProcessEnv) {
    this.#screen = new headless.Terminal({ cols: columns, rows, allowProposedApi: true });
    const script = `stty rows ${rows} cols ${columns}; tty; exec ${command}`;
    this.#child = spawn('script', ['-qefc', script, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...env, TERM: 'xterm-256color' },
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#drawn += chunk.toString();
      this.#screen.write(chunk);
    });
    // A key may come when the program has just ended.
    this.#child.stdin?.on('error', () => {});
    this.ended = new Promise((resolve) => this.#child.once('close', resolve));
  }

  /** All that was written to the terminal, escape sequences included. */
  get drawn(): string {
    return this.#drawn;
  }

  /** The lines as somebody before the terminal sees them. */
  get lines(): string[] {
    const { active } = this.#screen.buffer;
    return Array.from(
      { length: this.#screen.rows },
      (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? '',
    );
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Waits until the screen shows something; its text is part of the failure. */
  shows(what: RegExp): Promise<string> {
    return until(
      `the terminal shows ${what}`,
      () => this.lines.join('\n'),
      (text) => what.test(text),
    );
  }

  /** Like a window that is dragged: programs on it are told by SIGWINCH. */
  async resize({ columns, rows }: TerminalSize): Promise<void> {
    const [, device] = /^(\/dev\/pts\/\d+)\r?$/m.exec(this.#drawn) ?? [];
    if (!device) throw new Error(`The terminal has not told its name: ${JSON.stringify(this.#drawn)}`);
    this.#screen.resize(columns, rows);
    await run('stty', ['-F', device, 'rows', String(rows), 'cols', String(columns)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.ended;
    this.#screen.dispose();
  }
}
