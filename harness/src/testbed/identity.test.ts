/** Which testbed is meant. */
import { commandWords, learnersTestbed } from './identity.ts';

test.each([
  [null, '03'],
  ['alice', '03 --seed alice'],
  ['alice@uni.example', '03 --seed alice@uni.example'],
  ['Alice B', "03 --seed 'Alice B'"],
  ["it's $HOME", "03 --seed 'it'\\''s $HOME'"],
  ['', "03 --seed ''"],
])('the seed %j is written as a shell takes it', (seed, words) => {
  expect(commandWords({ lab: '03', seed })).toBe(words);
});

test('seeds that read alike have testbeds of their own', () => {
  const ids = ['Alice B', 'alice-b', 'alice b'].map((seed) => learnersTestbed('03', seed).id);
  expect(new Set(ids).size).toBe(3);
});
