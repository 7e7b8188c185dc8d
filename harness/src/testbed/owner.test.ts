/** Whose a container is, and whether that process is gone. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
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

test('one that has ended is gone, also while its parent has not asked how', async () => {
  // `cat` knows nothing of the child that it was given with its process.
  const parent = spawn('sh', ['-c', 'tail -f /dev/null & echo $!; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const pid = Number(String((await once(parent.stdout, 'data'))[0]));
    // The shell would ask: only when an echo comes has `cat` taken its place.
    parent.stdin.write('echo');
    await once(parent.stdout, 'data');
    const described = describeProcess(pid);
    process.kill(pid);
    for (let tries = 0; tries < 200; tries++) {
      if (/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) break;
      await delay(10);
    }
    expect(isGone(described)).toBe(true);
  } finally {
    parent.kill();
  }
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
