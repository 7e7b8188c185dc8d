import { Unfinished } from './unfinished.ts';

test('what work begins before it ends is waited for too, and failures are nobody’s concern', async () => {
  const unfinished = new Unfinished();
  const [walk, tidying] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  unfinished.add(walk.promise.finally(() => unfinished.add(tidying.promise)));
  let ended = false;
  const waiting = unfinished.ended().then(() => {
    ended = true;
  });
  walk.reject(new Error('nobody hears of it'));
  await new Promise(setImmediate);
  expect(ended).toBe(false);
  tidying.resolve();
  await waiting;
});

test('where nothing goes on there is nothing to wait for', async () => {
  await expect(new Unfinished().ended()).resolves.toBeUndefined();
});
