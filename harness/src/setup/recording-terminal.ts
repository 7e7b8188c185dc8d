/** A terminal for tests: keeps what was said and answers as told. */
import type { Terminal } from './terminal.ts';

export class RecordingTerminal implements Terminal {
  readonly interactive: boolean;
  readonly lines: string[] = [];
  readonly steps: string[] = [];
  readonly questions: string[] = [];
  readonly #answer: boolean | null;

  /** `answer` is given to every question; without one nobody is there to be asked. */
  constructor(answer: boolean | null = null) {
    this.interactive = answer !== null;
    this.#answer = answer;
  }

  line(text: string): void {
    this.lines.push(text);
  }

  progress(text: string): void {
    if (this.steps.at(-1) !== text) this.steps.push(text);
  }

  clear(): void {}

  ask(question: string): Promise<boolean> {
    this.questions.push(question);
    if (this.#answer === null) throw new Error(`Asked "${question}" where nobody can answer.`);
    return Promise.resolve(this.#answer);
  }
}
