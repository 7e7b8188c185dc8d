import type { RunningProcess } from '../probes/left-running.ts';
import { namesOf, SHORT_LIVED } from './unrest.ts';

const process = (command: string, older: boolean, threads = 1): RunningProcess => ({
  node: 'node1',
  command,
  state: 'S',
  threads,
  older,
});
const use = (tasks: number) => new Map([['node1', { tasks }]]);

test('processes that nobody sees are counted by the kernel', () => {
  const base = [process('agent', true), process('pause', true, 2)];
  expect(namesOf(base, use(3))).toEqual([]);
  expect(namesOf(base, use(4))).toEqual([SHORT_LIVED]);
  expect(namesOf([...base, process('sleep', false)], use(4))).toEqual(['sleep']);
  // One that was there before was ended in favour of another.
  expect(namesOf(base.slice(1), use(3))).toEqual([SHORT_LIVED]);
});
