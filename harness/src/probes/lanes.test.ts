import { Lanes } from './lanes.ts';

test('no more work than lanes is under way, and all of it is done', async () => {
  const lanes = new Lanes(2);
  let [under, most] = [0, 0];
  const work = async (result: number) => {
    most = Math.max(most, ++under);
    await Promise.resolve();
    under--;
    if (result === 3) throw new Error('three');
    return result;
  };
  const done = await Promise.allSettled([1, 2, 3, 4, 5].map((each) => lanes.run(() => work(each))));
  expect(done.map(({ status }) => status === 'fulfilled')).toEqual([true, true, false, true, true]);
  expect(most).toBe(2);
});

test('work that takes long gives its lane to the next, and goes on', async () => {
  const lanes = new Lanes(1, 1);
  const long = Promise.withResolvers<string>();
  const first = lanes.run(() => long.promise);
  expect(await lanes.run(async () => 'second')).toBe('second');
  long.resolve('first');
  expect(await first).toBe('first');
  const order: number[] = [];
  await Promise.all([1, 2, 3].map((each) => lanes.run(async () => order.push(each))));
  expect(order).toEqual([1, 2, 3]);
});
