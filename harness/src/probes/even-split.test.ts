import { chiSquaredTail, judgeSplit, requestsToMeetAll, splitInGoes } from './even-split.ts';

test('the tail of the chi-squared distribution is that of the tables', () => {
  // Abramowitz and Stegun, table 26.8.
  expect(chiSquaredTail(3.841, 1)).toBeCloseTo(0.05, 4);
  expect(chiSquaredTail(10.828, 1)).toBeCloseTo(0.001, 5);
  expect(chiSquaredTail(5.991, 2)).toBeCloseTo(0.05, 4);
  expect(chiSquaredTail(7.815, 3)).toBeCloseTo(0.05, 4);
  expect(chiSquaredTail(18.307, 10)).toBeCloseTo(0.05, 4);
  expect(chiSquaredTail(36.84, 2)).toBeCloseTo(1e-8, 10);
});

/** Answers each go with these shares, and counts what it was asked. */
function servers(shares: readonly number[]) {
  const asked: number[] = [];
  const ask = async (requests: number) => {
    asked.push(requests);
    return shares.map((share, index) => [`server ${index}`, Math.round(share * requests)] as const);
  };
  return { asked, ask };
}

test('shares that take turns are even at once', async () => {
  expect(judgeSplit([200, 200, 200], 0)).toBe('even');
  expect(judgeSplit([300, 300], 0)).toBe('even');
  const { asked, ask } = servers([1 / 3, 1 / 3, 1 / 3]);
  expect((await splitInGoes(ask)).even).toBe(true);
  expect(asked).toEqual([600]);
});

test('the usual mistakes are uneven, and known after the second go at the latest', async () => {
  for (const shares of [
    [1 / 3, 2 / 9, 4 / 9],
    [1 / 2, 1 / 6, 1 / 3],
    [1 / 3, 2 / 3],
    [1 / 2, 1 / 2, 0],
  ]) {
    const { asked, ask } = servers(shares);
    expect((await splitInGoes(ask)).even).toBe(false);
    expect(asked.length).toBeLessThanOrEqual(2);
  }
});

test('what chance gives once in a hundred is looked at again, and then believed', () => {
  expect(judgeSplit([235, 185, 180], 0)).toBe('doubtful');
  expect(judgeSplit([570, 520, 510], 1)).toBe('even');
});

test('a smaller skew is looked at three times, and all requests count', async () => {
  const { asked, ask } = servers([0.4, 0.3, 0.3]);
  expect(await splitInGoes(ask)).toEqual({
    even: false,
    shares: [
      ['server 0', 3040],
      ['server 1', 2280],
      ['server 2', 2280],
    ],
  });
  expect(asked).toEqual([600, 1000, 6000]);
});

test('what is still in doubt after all requests is taken for even', () => {
  expect(judgeSplit([2630, 2490, 2480], 2)).toBe('even');
});

test('one server needs one request, three need 47', () => {
  expect(requestsToMeetAll(1)).toBe(1);
  expect(requestsToMeetAll(3)).toBe(47);
});
