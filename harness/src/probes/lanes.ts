/** Work of which only so much may be under way at once; the rest waits its turn. */
export class Lanes {
  #free: number;
  readonly #holdMs: number;
  readonly #waiting: (() => void)[] = [];

  /** Work that takes longer than `holdMs` goes on, and its lane is free for the next. */
  constructor(lanes: number, holdMs = Number.POSITIVE_INFINITY) {
    this.#free = lanes;
    this.#holdMs = holdMs;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    };
    const timer = Number.isFinite(this.#holdMs) ? setTimeout(release, this.#holdMs) : undefined;
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      release();
    }
  }
}
