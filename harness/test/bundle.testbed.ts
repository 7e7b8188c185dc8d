/** The file from which machines without a network are set up: whole or not at all, and refused where it does not fit. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { execa } from 'execa';
import { loadBundle, writeBundle } from '../src/setup/bundle.ts';
import { prepare } from '../src/setup/prepare.ts';
import { stderrTerminal } from '../src/setup/terminal.ts';

const { docker } = await prepare(stderrTerminal());
const directory = await mkdtemp(path.join(tmpdir(), 'podwire-bundle-'));
const IMAGE = `podwire-test/empty:${process.pid}`;
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
  await docker
    .getImage(IMAGE)
    .remove()
    .catch(() => {});
});

test('it holds the image and every installed package, those of the workspace too', async () => {
  const root = path.join(directory, 'workbook');
  for (const folder of ['node_modules/a', 'harness/node_modules/b', 'harness/runtime/node_modules/c']) {
    await mkdir(path.join(root, folder), { recursive: true });
    await writeFile(path.join(root, folder, 'package.json'), '{}');
  }
  const empty = Buffer.alloc(10_240);
  const [repo = '', tag = ''] = IMAGE.split(':');
  await text(await docker.importImage(Readable.from([empty]) as never, { repo, tag }));
  const made = path.join(directory, 'made');
  await mkdir(made);
  const file = path.join(made, 'bundle.tar.gz');
  expect(await writeBundle(docker, IMAGE, root, file)).toBeGreaterThan(0);
  expect(await readdir(made)).toEqual(['bundle.tar.gz']);
  const { stdout } = await execa('tar', ['-tzf', file]);
  expect(stdout.split('\n')).toEqual(
    expect.arrayContaining([
      'bundle.json',
      'image.tar',
      'node_modules/a/package.json',
      'harness/node_modules/b/package.json',
      'harness/runtime/node_modules/c/package.json',
    ]),
  );
  await expect(loadBundle(docker, file)).rejects.toThrow(`holds the image ${IMAGE}; this version`);
});

test('what is no bundle is told in one line', async () => {
  const file = path.join(directory, 'other.tar.gz');
  await expect(loadBundle(docker, file)).rejects.toThrow(`There is no bundle ${file}.`);
  await writeFile(file, 'no');
  await expect(loadBundle(docker, file)).rejects.toThrow(`${file} is no bundle: wanted a file made by`);
});
