import { type Condition, cpuTimeIn, isAsMade } from './condition.ts';

const FABRIC = { tasks: 5, mounts: 20, oomKills: 0, memoryBytes: 4e6, cpuMs: 9 };
const NODE = { tasks: 2, mounts: 30, oomKills: 0, memoryBytes: 5e6, cpuMs: 40 };
const MADE: Condition = [FABRIC, NODE, NODE];

test('is as it was made with another time of the processors, and some more memory or less', () => {
  expect(isAsMade(MADE, MADE)).toBe(true);
  expect(isAsMade([FABRIC, NODE, { ...NODE, cpuMs: 7_000, memoryBytes: 9e6 }], MADE)).toBe(true);
  expect(isAsMade([FABRIC, NODE, { ...NODE, memoryBytes: 1e6 }], MADE)).toBe(true);
});

test.each([
  ['a process', { tasks: 3 }],
  ['a process that is missing', { tasks: 1 }],
  ['a mount', { mounts: 31 }],
  ['one that was killed for lack of memory', { oomKills: 1 }],
  ['much memory', { memoryBytes: 60e6 }],
  ['what the kernel does not tell', { memoryBytes: Number.NaN }],
  ['nor this', { tasks: Number.NaN }],
])('is not with %s, in a node or in the fabric', (_what, found) => {
  expect(isAsMade([FABRIC, NODE, { ...NODE, ...found }], MADE)).toBe(false);
  expect(isAsMade([{ ...FABRIC, ...found }, NODE, NODE], MADE)).toBe(false);
  expect(isAsMade([FABRIC, NODE], MADE)).toBe(false);
});

test('what the kernel did not tell when it was made is no measure', () => {
  const untold = [FABRIC, NODE, { ...NODE, oomKills: Number.NaN }];
  expect(isAsMade(untold, untold)).toBe(false);
});

test('of the processors’ time the fabric’s own is not the submission’s', () => {
  expect(cpuTimeIn(MADE)).toBe(80);
});
