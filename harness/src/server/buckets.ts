/** Token buckets: so many at once, so many each second after that. One bucket for each key. */
import type { Rate } from './limits.ts';

interface Bucket {
  tokens: number;
  atMs: number;
}

/** A client that changes its address cannot fill the memory with buckets. */
const MOST_BUCKETS = 10_000;

export class Buckets {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor({ burst, perSecond }: Rate, now: () => number = () => performance.now()) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** Takes one. False when there is none left. */
  take(key = ''): boolean {
    const now = this.#now();
    const known = this.#buckets.get(key) ?? { tokens: this.#burst, atMs: now };
    const refilled = known.tokens + ((now - known.atMs) / 1000) * this.#perSecond;
    const tokens = Math.min(this.#burst, refilled);
    // The key used last is kept longest.
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: now });
    if (this.#buckets.size > MOST_BUCKETS) this.#buckets.delete(this.#buckets.keys().next().value ?? '');
    return tokens >= 1;
  }
}
