/** Where setting up says what it does: lines, one line of progress, a question. Always stderr, never stdout. */
import { createInterface } from 'node:readline/promises';

export interface Terminal {
  /** Whether somebody sits there who can answer. */
  readonly interactive: boolean;
  /** A line that stays. */
  line(text: string): void;
  /**
   * What is being done. On a terminal one line, with the detail and the seconds it takes; elsewhere a
   * line for each new text.
   */
  progress(text: string, detail?: string): void;
  /** Takes the line of progress away. */
  clear(): void;
  /** A yes-or-no question whose default is yes. Only where `interactive`. @throws the signal's reason. */
  ask(question: string, signal?: AbortSignal): Promise<boolean>;
}

export function stderrTerminal(): Terminal {
  return new StreamTerminal(process.stderr, process.stdin, process.env);
}

/** What a terminal is made of, narrow enough for a test to bring its own. */
export interface TerminalOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class StreamTerminal implements Terminal {
  readonly interactive: boolean;
  readonly #output: TerminalOutput;
  readonly #input: NodeJS.ReadStream;
  readonly #dim: (text: string) => string;
  #text = '';
  #detail = '';
  #began = 0;
  #ticking: NodeJS.Timeout | undefined;

  constructor(output: TerminalOutput, input: NodeJS.ReadStream, env: NodeJS.ProcessEnv) {
    this.#output = output;
    this.#input = input;
    this.interactive = output.isTTY === true && input.isTTY === true;
    this.#dim = env.NO_COLOR ? (text) => text : (text) => `\x1b[2m${text}\x1b[22m`;
  }

  line(text: string): void {
    this.clear();
    this.#output.write(`${text}\n`);
  }

  progress(text: string, detail = ''): void {
    if (!this.#output.isTTY) {
      if (text !== this.#text) this.#output.write(`${text}...\n`);
    } else if (text !== this.#text) {
      this.#began = performance.now();
      this.#ticking ??= setInterval(() => this.#draw(), 1000).unref();
    }
    this.#text = text;
    this.#detail = detail;
    this.#draw();
  }

  clear(): void {
    clearInterval(this.#ticking);
    this.#ticking = undefined;
    if (this.#text !== '' && this.#output.isTTY) this.#output.write('\r\x1b[K');
    this.#text = '';
  }

  async ask(question: string, signal?: AbortSignal): Promise<boolean> {
    this.clear();
    const prompt = createInterface({ input: this.#input, output: this.#output as NodeJS.WritableStream });
    // Ctrl-C at a question means what it means anywhere; the end of input is no yes.
    prompt.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    const ended = new Promise<string>((resolve) => prompt.once('close', () => resolve('n')));
    const close = () => prompt.close();
    signal?.addEventListener('abort', close, { once: true });
    try {
      const answer = await Promise.race([prompt.question(`${question} [Y/n] `), ended]);
      signal?.throwIfAborted();
      return /^(y|yes)?$/i.test(answer.trim());
    } finally {
      signal?.removeEventListener('abort', close);
      prompt.close();
    }
  }

  #draw(): void {
    if (!this.#output.isTTY) return;
    const seconds = Math.round((performance.now() - this.#began) / 1000);
    const detail = this.#detail && `: ${this.#detail}`;
    const line = `${this.#text}${detail}... ${seconds} s`.slice(0, (this.#output.columns ?? 80) - 1);
    this.#output.write(`\r\x1b[K${this.#dim(line)}`);
  }
}
