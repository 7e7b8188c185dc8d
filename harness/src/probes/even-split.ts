/**
 * Whether requests were split evenly among servers, or by chance only look so: Pearson's chi-squared test.
 *
 * Among n servers each gets its share with probability 1/n. With k requests, the sum of (count - k/n)² / (k/n) has
 * a chi-squared distribution with n-1 degrees of freedom. It is judged in goes, because most right answers are known
 * to be right after the first. The numbers below are for three servers; with two, the usual mistakes stand out more.
 *
 * - A right answer is refused when the value after a go is one that chance gives once in 10^8: above 36.8. (The
 *   distribution is only nearly chi-squared. Summed over all counts of the multinomial it is 1.04 · 10^-8 after 600
 *   requests, 1.02 after 1600, 1.01 after 7600.) That is 3.1 · 10^-8 over three goes.
 * - A skew of shares 1/n + δ has a noncentrality of k · n · Σδ². Of the usual mistakes the mildest is `1/3, 1/3, rest`
 *   among three: 33, 22 and 44 %, n · Σδ² = 0.074. It passes the first go (below 3.5) with a probability of 4 · 10^-7,
 *   the second (below 9.2) with 10^-15, the third (below 36.8) never. So of all skews with n · Σδ² ≥ 0.074, one of
 *   which is half as much again for one of three (46, 27, 27 %), less than one in a million is missed.
 * - Smaller ones are missed the more often the smaller they are, mostly in the first go: 43, 28.5 and 28.5 % with
 *   5 · 10^-4, 40, 30 and 30 % with 4 · 10^-2. The third go is for those: without it 40, 30 and 30 % would be told
 *   even by two runs in three. After 7600 requests it is taken for even with 10^-10.
 * - A right answer needs the second go once in six times, and the third at most once in a hundred.
 *
 * Rules that take turns (`statistic --mode nth`, `numgen inc`) are more even than chance, and pass in the first go.
 */

/** Of each go: its requests, and the probability from which on the split of all requests so far is taken for even. */
const GOES = [
  // A value of 3.5 at 2 degrees of freedom.
  { requests: 600, even: 0.174 },
  // 9.2.
  { requests: 1_000, even: 0.01 },
  { requests: 6_000, even: 0 },
] as const;
const SURELY_UNEVEN = 1e-8;

export type Split = 'even' | 'uneven' | 'doubtful';

/** How many each server got, also of those that got nothing. */
export type Shares = readonly (readonly [server: string, count: number])[];

/** Asks in goes, until there is no doubt left. `ask` makes so many requests, and says who answered how many of them. */
export async function splitInGoes(
  ask: (requests: number) => Promise<Shares>,
): Promise<{ readonly even: boolean; readonly shares: Shares }> {
  let shares: Shares = [];
  for (const [go, { requests }] of GOES.entries()) {
    const before = new Map(shares);
    shares = (await ask(requests)).map(([server, count]) => [server, count + (before.get(server) ?? 0)]);
    const split = judgeSplit(
      shares.map(([, count]) => count),
      go,
    );
    if (split !== 'doubtful') return { even: split === 'even', shares };
  }
  throw new Error('The last go leaves no doubt.');
}

/** Judges the counts of all servers, also of those that got nothing, after a go: 0, 1 or 2. */
export function judgeSplit(counts: readonly number[], go: number): Split {
  if (counts.length < 2) return 'even';
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const value = counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
  const probability = chiSquaredTail(value, counts.length - 1);
  if (probability < SURELY_UNEVEN) return 'uneven';
  return probability >= (GOES[go]?.even ?? 0) ? 'even' : 'doubtful';
}

/**
 * How many requests leave none of `n` servers out. The probability that one is left out is at most n(1 - 1/n)^k, and
 * below `missed`. That of a check is such that over all the fifty such questions of a lab it is below one in a million.
 */
export function requestsToMeetAll(n: number, missed = 2e-8): number {
  return n < 2 ? 1 : Math.ceil(Math.log(missed / n) / Math.log(1 - 1 / n));
}

/**
 * As many as a first go has, which often was made already. A server that gets 2 % of them is left out once in 200,000
 * times. Who is not met by these gets nothing; who was only not met by few is one of uneven shares.
 */
export const REQUESTS_TO_MEET_RARE = GOES[0].requests;

/** `b 201, c 199, d 200`. */
export function describeShares(shares: Shares): string {
  return shares.map(([name, count]) => `${name} ${count}`).join(', ');
}

/** The probability that a chi-squared variable of `degrees` is larger than `value` (Abramowitz and Stegun, 26.4.4-5). */
export function chiSquaredTail(value: number, degrees: number): number {
  const half = value / 2;
  let tail = degrees % 2 === 0 ? Math.exp(-half) : complementaryError(Math.sqrt(half));
  let term = degrees % 2 === 0 ? Math.exp(-half) : Math.exp(-half) / Math.sqrt(Math.PI * half);
  for (let step = degrees % 2 === 0 ? 1 : 0.5; step < degrees / 2; step++) {
    term *= half / step;
    tail += term;
  }
  return Math.min(1, tail);
}

/** erfc for x ≥ 0, to 1.2 · 10^-7 of its value (Numerical Recipes, section 6.2). */
function complementaryError(x: number): number {
  const t = 1 / (1 + x / 2);
  const factors = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
    -0.82215223, 0.17087277,
  ];
  const exponent = factors.reduceRight((sum, factor) => sum * t + factor, 0);
  return t * Math.exp(-x * x + exponent);
}
