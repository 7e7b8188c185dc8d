/** The context of the node image, packed. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { packImageContext } from './image-context.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'podwire-context-'));
  mkdirSync(path.join(folder, 'files/usr'), { recursive: true });
  writeFileSync(path.join(folder, 'Dockerfile'), 'FROM scratch\n');
  writeFileSync(path.join(folder, 'files/usr/tool'), '#!/bin/sh\n', { mode: 0o755 });
});
afterEach(() => rmSync(folder, { recursive: true }));

const hash = () => packImageContext(folder).hash;

test('the hash is twelve hexadecimal digits and the same every time', () => {
  expect(hash()).toMatch(/^[0-9a-f]{12}$/);
  expect(hash()).toBe(hash());
});

test('neither times nor the umask of a clone change the hash', () => {
  const before = hash();
  utimesSync(path.join(folder, 'Dockerfile'), 0, 0);
  chmodSync(path.join(folder, 'Dockerfile'), 0o600);
  chmodSync(path.join(folder, 'files/usr/tool'), 0o700);
  expect(hash()).toBe(before);
});

test.each([
  ['content', () => writeFileSync(path.join(folder, 'Dockerfile'), 'FROM other\n')],
  ['a new file', () => writeFileSync(path.join(folder, 'files/usr/more'), '')],
  ['a file that may no longer be run', () => chmodSync(path.join(folder, 'files/usr/tool'), 0o644)],
])('%s changes the hash', (_, change) => {
  const before = hash();
  change();
  expect(hash()).not.toBe(before);
});

test('what .dockerignore names is left out', () => {
  const before = hash();
  writeFileSync(path.join(folder, '.dockerignore'), 'files/usr/built\n');
  writeFileSync(path.join(folder, 'files/usr/built'), 'by make');
  expect(hash()).toBe(before);
});

test('tar reads what was packed', () => {
  const listing = execFileSync('tar', ['-tv', '--numeric-owner'], {
    input: packImageContext(folder).tar,
    encoding: 'utf8',
  });
  expect(listing.split('\n').map((line) => line.replace(/ .* /, ' '))).toEqual([
    '-rw-r--r-- Dockerfile',
    '-rwxr-xr-x files/usr/tool',
    '',
  ]);
});
