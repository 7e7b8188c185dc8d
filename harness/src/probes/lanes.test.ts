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
