import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sampleGraded } from './sample-graded.ts';
import { VerdictFiles } from './verdict-files.ts';

const directory = await mkdtemp(path.join(tmpdir(), 'podwire-verdicts-'));
afterAll(() => rm(directory, { recursive: true, force: true }));
const files = new VerdictFiles(directory);

test('a verdict is read again on the same grounds, and on no others', async () => {
  const graded = sampleGraded('alice');
  await files.write('key', graded);
  expect(await files.read('alice', 'key')).toEqual(graded);
  expect(await files.read('alice', 'other')).toBeNull();
  expect(await files.read('bob', 'key')).toBeNull();
});

test('what is ungraded is graded again, and a damaged file is none', async () => {
  await files.write('key', { ...sampleGraded('carol'), status: 'ungraded', score: null });
  expect(await files.read('carol', 'key')).toBeNull();
  await writeFile(path.join(directory, 'verdicts/dave.json'), '{"key":"key","graded":{"score":1}}');
  expect(await files.read('dave', 'key')).toBeNull();
});

test('two that write the same verdict at once leave one that is whole, and nothing beside it', async () => {
  const graded = sampleGraded('erin');
  await Promise.all(Array.from({ length: 8 }, (_, index) => files.write(`key-${index}`, graded)));
  const names = (await readdir(path.join(directory, 'verdicts'))).filter((name) => name.startsWith('erin'));
  expect(names).toEqual(['erin.json']);
  const read = await Promise.all(Array.from({ length: 8 }, (_, index) => files.read('erin', `key-${index}`)));
  expect(read.filter(Boolean)).toEqual([graded]);
});

test('a name that is no file name leads nowhere else', async () => {
  const graded = sampleGraded('../../etc/passwd');
  await files.write('key', graded);
  expect(await files.read('../../etc/passwd', 'key')).toEqual(graded);
  expect((await readdir(directory)).sort()).toEqual(['verdicts']);
});
