/** So many at once, so many each second. */
import { Buckets } from './buckets.ts';

test('a burst is let through, then what the second brings', () => {
  let now = 0;
  const buckets = new Buckets({ burst: 3, perSecond: 2 }, () => now);
  const take = (count: number) => Array.from({ length: count }, () => buckets.take('a'));
  expect(take(4)).toEqual([true, true, true, false]);
  now = 1_000;
  expect(take(3)).toEqual([true, true, false]);
  now = 60_000;
  expect(take(4)).toEqual([true, true, true, false]);
});

test('each key has its own', () => {
  const buckets = new Buckets({ burst: 1, perSecond: 1 }, () => 0);
  expect([buckets.take('a'), buckets.take('b'), buckets.take('a')]).toEqual([true, true, false]);
});
