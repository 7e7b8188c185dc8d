/** The trials of doctor: their script and its reading. */
import { execFileSync } from 'node:child_process';
import type { Primitive } from './primitives.ts';
import { PRIMITIVES } from './primitives.ts';
import { ALONE, readTrials, trialScript } from './try-primitives.ts';

const primitive = (id: string, script = 'true'): Primitive => ({
  id,
  title: id,
  essential: false,
  labs: 'all',
  script,
  advice: 'none',
});

test('a trial that ended well works; another tells its last line', () => {
  const output = '@@ good 0\nfine\n@@ bad 2\nError: Unknown device type.\n';
  expect(
    readTrials([primitive('good'), primitive('bad')], output).map(({ works, found }) => [works, found]),
  ).toEqual([
    [true, 'fine'],
    [false, 'Error: Unknown device type.'],
  ]);
});

test('a trial of which nothing is said, or that did not end, is no success', () => {
  expect(
    readTrials([primitive('cut'), primitive('slow')], '@@ slow 124\n').map(({ works, found }) => [
      works,
      found,
    ]),
  ).toEqual([
    [false, 'its trial was cut off'],
    [false, 'no end within 15 s'],
  ]);
});

test('a script with quotes reaches the shell as it is', () => {
  const script = trialScript([primitive('quotes', `echo 'it'"'"'s'`)]).replace(ALONE, 'sh -ec');
  expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe("@@ quotes 0\nit's\n");
});

test('what is essential is needed by all labs, and nothing else is', () => {
  const ids = (list: readonly Primitive[]) => list.map(({ id }) => id);
  expect(ids(PRIMITIVES.filter(({ essential }) => essential))).toEqual(
    ids(PRIMITIVES.filter(({ labs }) => labs === 'all')),
  );
});

test('no two primitives have one id', () => {
  const ids = PRIMITIVES.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});
