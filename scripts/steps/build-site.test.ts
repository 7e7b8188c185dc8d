import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { folderOf, standsAs } from './build-site.ts';

describe('where a site is built', () => {
  const nameOf = (settings: Parameters<typeof folderOf>[0]) => path.basename(folderOf(settings));

  test('what `podwire serve` shows is in site/build', () => {
    expect(nameOf({})).toBe('build');
    expect(nameOf({ basePath: '/', url: undefined })).toBe('build');
  });

  test('a site for another server is elsewhere, so that `podwire serve` never shows it', () => {
    expect(nameOf({ basePath: '/podwire/' })).toBe('export');
    expect(nameOf({ url: 'https://example.org' })).toBe('export');
    expect(nameOf({ repository: 'https://example.org/podwire' })).toBe('export');
  });
});

describe('whether a site stands', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'podwire-site-'));
    await writeFile(path.join(folder, 'index.html'), '<!doctype html>');
    await writeFile(path.join(folder, '.built-of'), 'these sources');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('it stands when it was built of the same sources', async () => {
    expect(await standsAs(folder, 'these sources')).toBe(true);
    expect(await standsAs(folder, 'others')).toBe(false);
  });

  test('it does not when its pages were removed, or all of it', async () => {
    await rm(path.join(folder, 'index.html'));
    expect(await standsAs(folder, 'these sources')).toBe(false);
    await rm(folder, { recursive: true });
    expect(await standsAs(folder, 'these sources')).toBe(false);
  });

  test('it does not when its build was cut short', async () => {
    await rm(path.join(folder, '.built-of'));
    expect(await standsAs(folder, 'these sources')).toBe(false);
  });
});
