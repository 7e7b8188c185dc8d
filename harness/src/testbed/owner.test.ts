/** Whose a container is, and whether that process is gone. */
import { spawnSync } from 'node:child_process';
import { describeProcess, isGone } from './owner.ts';

const [PID = '', START = '', NAMESPACE = '', BOOT = '', HOST = ''] = describeProcess().split(':');
const owner = (fields: { pid?: string; start?: string; namespace?: string; boot?: string; host?: string }) =>
  [
    fields.pid ?? PID,
    fields.start ?? START,
    fields.namespace ?? NAMESPACE,
    fields.boot ?? BOOT,
    fields.host ?? HOST,
  ].join(':');

test('a process that runs is not gone; one that has ended is', () => {
  expect(isGone(describeProcess())).toBe(false);
  const { pid } = spawnSync('true');
  expect(isGone(owner({ pid: String(pid) }))).toBe(true);
});

test('a later process with the same number is not mistaken for it', () => {
  expect(isGone(owner({ start: '1' }))).toBe(true);
});

test('a process of before the last boot of this machine is gone', () => {
  expect(isGone(owner({ boot: 'another-boot' }))).toBe(true);
});

test('one in another pid namespace cannot be judged, whatever its container calls itself', () => {
  expect(isGone(owner({ namespace: '1', pid: '4194305' }))).toBe(false);
  expect(isGone(owner({ namespace: '1', pid: '4194305', host: 'container' }))).toBe(false);
});

test('one on another machine that uses the same engine cannot be judged', () => {
  expect(isGone(owner({ boot: 'another-boot', host: 'another-host' }))).toBe(false);
  expect(isGone(owner({ boot: '', host: 'another-host', pid: '4194305' }))).toBe(false);
});

test('of what was made before machines were told apart, the boot tells', () => {
  expect(isGone(`4194305:1:${NAMESPACE}:${BOOT}`)).toBe(true);
  expect(isGone(`${PID}:${START}:${NAMESPACE}:another-boot`)).toBe(true);
});
