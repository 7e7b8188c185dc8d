/** Rounds of checks: a change ends the round under way and begins a new one. */
import type { CheckResult, LabReport } from '../grading/verdict.ts';

export type RunRound = (options: {
  readonly signal: AbortSignal;
  readonly onResult: (result: CheckResult) => void;
}) => Promise<LabReport>;

export interface RoundEvents {
  onBegin(): void;
  onResult(result: CheckResult): void;
  /** All verdicts are there, and nothing changed meanwhile. */
  onEnd(): void;
  onError(error: unknown): void;
}

/** While changes never cease, a round is let run to its end after this time: old verdicts are better than none. */
const PATIENCE_MS = 1_500;

export class Rounds {
  readonly #run: RunRound;
  readonly #events: RoundEvents;
  #current: AbortController | null = null;
  #running: Promise<void> = Promise.resolve();
  #wanted = false;
  #paused = false;
  #lastWhole = performance.now();

  constructor(run: RunRound, events: RoundEvents) {
    this.#run = run;
    this.#events = events;
  }

  /** Something changed: what is known is old. */
  request(): void {
    this.#wanted = true;
    if (this.#paused) return;
    if (!this.#current) this.#begin();
    else if (performance.now() - this.#lastWhole < PATIENCE_MS) this.#current.abort();
  }

  /** Ends the round under way, and begins no other until {@link resume}. */
  async pause(): Promise<void> {
    this.#paused = true;
    this.#current?.abort();
    await this.#running;
  }

  resume(): void {
    this.#paused = false;
    this.#lastWhole = performance.now();
    this.request();
  }

  #begin(): void {
    this.#wanted = false;
    const controller = new AbortController();
    const { signal } = controller;
    this.#current = controller;
    this.#events.onBegin();
    const onResult = (result: CheckResult): void => {
      if (!signal.aborted) this.#events.onResult(result);
    };
    this.#running = this.#run({ signal, onResult }).then(
      () => this.#end(),
      (error: unknown) => {
        if (!signal.aborted) this.#events.onError(error);
        this.#end();
      },
    );
  }

  #end(): void {
    const whole = this.#current?.signal.aborted === false;
    this.#current = null;
    if (whole) this.#lastWhole = performance.now();
    if (this.#paused) return;
    if (this.#wanted) this.#begin();
    else this.#events.onEnd();
  }
}
