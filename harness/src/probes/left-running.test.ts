import { isLeftRunning, parseProcesses } from './left-running.ts';

/** The fields of /proc/PID/stat from the state on; the 18th of them is the number of threads, the 20th the start. */
function stat(pid: number, command: string, state: string, threads: number, start: number): string {
  const fields = Array.from({ length: 40 }, () => '0');
  [fields[0], fields[17], fields[19]] = [state, String(threads), String(start)];
  return `/proc/${pid}/stat:${pid} (${command}) ${fields.join(' ')}`;
}

const PRINTED = [
  '100',
  '/proc/100/cgroup:12:pids:/docker/one',
  '/proc/101/cgroup:12:pids:/docker/one',
  '/proc/102/cgroup:12:pids:/docker/one',
  '/proc/103/cgroup:12:pids:/docker/one',
  '/proc/104/cgroup:12:pids:/docker/one',
  '/proc/200/cgroup:12:pids:/docker/other',
  stat(100, 'agent', 'S', 1, 400),
  stat(101, 'a (name) ', 'S', 3, 500),
  stat(102, 'sleep', 'Z', 1, 501),
  stat(103, 'led', 'Z', 2, 502),
  stat(200, 'foreign', 'S', 1, 600),
].join('\n');

test('what was started later and still runs is left; a group whose leader has ended runs on', () => {
  const processes = parseProcesses(PRINTED, ['node1'], 500);
  expect(processes.map(({ command, older, threads }) => [command, older, threads])).toEqual([
    ['agent', true, 1],
    ['a (name) ', false, 3],
    ['sleep', false, 1],
    ['led', false, 2],
    // Its name has several lines, so its status could not be read: it counts.
    ['?', false, 1],
  ]);
  expect(processes.filter(isLeftRunning).map(({ command }) => command)).toEqual(['a (name) ', 'led', '?']);
});
