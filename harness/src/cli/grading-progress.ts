/** How far a grading has come: a line for each verdict, and an estimate of what is left. */
import { cleanLine } from '../grading/clean-text.ts';
import type { Graded } from '../grading/graded.ts';
import type { Terminal } from '../setup/terminal.ts';

export class GradingProgress {
  readonly #terminal: Terminal;
  readonly #total: number;
  readonly #began = performance.now();
  #done = 0;

  /** `kept`: how many verdicts were there already. */
  constructor(terminal: Terminal, total: number, kept: number) {
    this.#terminal = terminal;
    this.#total = total;
    if (kept > 0) terminal.line(`${kept} verdict${kept === 1 ? ' is' : 's are'} there already.`);
    this.#show();
  }

  tell(graded: Graded): void {
    this.#done++;
    const { submission, status, passed, total, durationMs } = graded;
    const verdict = status === 'graded' ? `${passed} of ${total} checks` : 'not graded';
    const seconds = (durationMs / 1000).toFixed(1);
    this.#terminal.line(
      `[${this.#done}/${this.#total}] ${cleanLine(submission)}: ${verdict} (${seconds} s)${this.#left()}`,
    );
    this.#show();
  }

  #show(): void {
    if (this.#done < this.#total && this.#terminal.interactive)
      this.#terminal.progress('Grading', `${this.#done} of ${this.#total}${this.#left()}`);
  }

  #left(): string {
    const left = this.#total - this.#done;
    if (this.#done === 0 || left === 0) return '';
    const seconds = ((performance.now() - this.#began) / 1000 / this.#done) * left;
    return `, about ${seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`} left`;
  }
}
