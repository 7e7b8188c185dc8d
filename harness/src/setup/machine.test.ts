/** Reading what a machine is. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findProgram, isDebianLike, parseOsRelease } from './machine.ts';

test('os-release is read with and without quotes', () => {
  expect(
    parseOsRelease('PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nID_LIKE=debian\n\n# a comment\n'),
  ).toEqual({
    PRETTY_NAME: 'Ubuntu 24.04 LTS',
    ID: 'ubuntu',
    ID_LIKE: 'debian',
  });
});

test.each([
  ['Debian', { ID: 'debian' }, true],
  ['Ubuntu', { ID: 'ubuntu', ID_LIKE: 'debian' }, true],
  ['Linux Mint', { ID: 'linuxmint', ID_LIKE: 'ubuntu debian' }, true],
  ['Fedora', { ID: 'fedora' }, false],
  ['a machine without os-release', {}, false],
])('%s: its packages are named as in Debian, or not', (_, release, expected) => {
  expect(isDebianLike(release)).toBe(expected);
});

test('a program is found on the PATH only if it may be run', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'podwire-path-'));
  const program = path.join(folder, 'podwire-none-such');
  try {
    writeFileSync(program, '', { mode: 0o644 });
    expect(findProgram('podwire-none-such', `/nowhere:${folder}`)).toBeUndefined();
    chmodSync(program, 0o755);
    expect(findProgram('podwire-none-such', `/nowhere:${folder}`)).toBe(program);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
