import type { Testbed } from '../testbed/testbed.ts';
import { Network } from './network.ts';

const networkOf = (testbed: Testbed) =>
  new Network(testbed, { patienceMs: 1, eager: false, explain: async () => null });
const newTestbed = () => ({ plan: {} }) as Testbed;

function looks() {
  const each = [1, 2, 3].map(() => Promise.withResolvers<void>());
  return { promises: each.map(({ promise }) => promise), each };
}

test('of several failures the first in order is told, whichever came first', async () => {
  const { promises, each } = looks();
  const told = networkOf(newTestbed()).expectAll(promises);
  each[2]?.reject(new Error('third'));
  each[1]?.reject(new Error('second'));
  each[0]?.resolve();
  await expect(told).rejects.toThrow('second');
});

test('a failure is told while what comes after it goes on; only a later network waits for that', async () => {
  const testbed = newTestbed();
  const { promises, each } = looks();
  const first = networkOf(testbed);
  const told = first.expectAll(promises);
  each[0]?.reject(new Error('first'));
  await expect(told).rejects.toThrow('first');
  await first.earlierEnded();
  let ended = false;
  const waiting = networkOf(testbed)
    .earlierEnded()
    .then(() => {
      ended = true;
    });
  each[1]?.reject(new Error('nobody hears of it'));
  await Promise.resolve();
  expect(ended).toBe(false);
  each[2]?.resolve();
  await waiting;
});

test('the same of each item', async () => {
  const network = networkOf(newTestbed());
  await expect(network.expectEach([1, 2, 3], async (item) => item)).resolves.toBeUndefined();
  const odd = async (item: number) => {
    if (item % 2 === 1) throw new Error(`${item} is odd`);
  };
  await expect(network.expectEach([2, 3, 5], odd)).rejects.toThrow('3 is odd');
});
