/** Work that goes on after the answer which it was begun for has come. */
export class Unfinished {
  readonly #going = new Set<Promise<unknown>>();

  /** Whether it fails is nobody's concern. */
  add(work: Promise<unknown>): void {
    this.#going.add(work);
    const end = () => this.#going.delete(work);
    work.then(end, end);
  }

  /** Resolves when nothing goes on any more, nor what that began in its turn. */
  async ended(): Promise<void> {
    while (this.#going.size > 0) await Promise.allSettled(this.#going);
  }
}
