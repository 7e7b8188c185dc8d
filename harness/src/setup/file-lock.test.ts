/** One at a time, also after a crash. */
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeProcess } from '../testbed/owner.ts';
import { lockFile } from './file-lock.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'podwire-lock-'));
  file = path.join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true }));

const nobody = () => {
  throw new Error('waited for nobody');
};

test('a second one waits until the first lets go, and is told whom it waits for', async () => {
  const first = await lockFile(file, nobody);
  const told: string[] = [];
  const second = lockFile(file, (holder) => {
    told.push(holder);
    first.release();
  });
  (await second).release();
  expect(told).toEqual([`${process.pid}`]);
  expect(existsSync(file)).toBe(false);
});

test("a dead process's lock is taken over", async () => {
  const [, ...rest] = describeProcess().split(':');
  writeFileSync(file, ['4194305', ...rest].join(':'));
  (await lockFile(file, nobody)).release();
});

test('a lock that names nobody is taken over when it is old', async () => {
  writeFileSync(file, '');
  utimesSync(file, 0, 0);
  (await lockFile(file, nobody)).release();
});
