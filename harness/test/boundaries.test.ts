/** Arrows point one way. What a folder may import, itself aside; docs/ARCHITECTURE.md draws the same. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { WORKBOOK } from '../src/lab/load-lab.ts';

const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  topology: [],
  testbed: ['topology'],
  probes: ['testbed', 'topology'],
  lab: ['probes', 'testbed', 'topology'],
  diagnosis: ['lab', 'probes', 'testbed', 'topology'],
  grading: ['diagnosis', 'lab', 'probes', 'testbed', 'topology'],
  live: ['grading', 'diagnosis', 'lab', 'probes', 'testbed', 'topology'],
  server: ['live', 'grading', 'diagnosis', 'lab', 'probes', 'testbed', 'topology'],
  setup: ['testbed', 'topology'],
  cli: ['server', 'live', 'grading', 'diagnosis', 'lab', 'probes', 'setup', 'testbed', 'topology'],
};

const source = path.join(WORKBOOK, 'harness/src');
const files = (await readdir(source, { recursive: true })).filter(
  (name) => /\.ts$/.test(name) && !/\.test\.ts$/.test(name),
);

async function importsOf(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8');
  return [...text.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)';|\bimport\('([^']+)'\)/gm)].map(
    ([, from, dynamic]) => from ?? dynamic ?? '',
  );
}

test('inside the harness, arrows point one way', async () => {
  const wrong: string[] = [];
  for (const file of files) {
    const folder = file.includes('/') ? (file.split('/')[0] ?? '') : '';
    if (folder === '') continue;
    for (const name of await importsOf(path.join(source, file))) {
      if (!name.startsWith('.')) continue;
      const target = path.relative(source, path.resolve(source, path.dirname(file), name)).split('/');
      const to = target.length > 1 ? target[0] : '';
      if (to !== '' && to !== folder && !MAY_IMPORT[folder]?.includes(to ?? ''))
        wrong.push(`${file} imports ${name}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('only testbed/ knows the Docker client', async () => {
  const wrong: string[] = [];
  for (const file of files.filter((name) => !name.startsWith('testbed/'))) {
    if ((await importsOf(path.join(source, file))).includes('dockerode')) wrong.push(file);
  }
  expect(wrong).toEqual([]);
});

test("labs import the harness's public face only", async () => {
  const labs = path.join(WORKBOOK, 'labs');
  const wrong: string[] = [];
  for (const file of (await readdir(labs, { recursive: true })).filter((name) => name.endsWith('.ts'))) {
    const foreign = (await importsOf(path.join(labs, file))).filter(
      (name) => name !== 'podwire' && !name.startsWith('./'),
    );
    wrong.push(...foreign.map((name) => `${file} imports ${name}`));
  }
  expect(wrong).toEqual([]);
});
