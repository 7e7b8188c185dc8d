import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { WORKBOOK } from '../lab/load-lab.ts';
import { parseTopology, readTopology } from './read-topology.ts';
import { TopologySchema } from './topology.ts';

test('every topology of the workbook is valid', async () => {
  const directory = path.join(WORKBOOK, 'topologies');
  const files = (await readdir(directory)).filter((name) => name.endsWith('.yaml'));
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) await expect(readTopology(path.join(directory, file))).resolves.toBeDefined();
});

// A bad topology and the message it has to give are a pair of files.
const pairs = path.join(import.meta.dirname, 'bad-topologies');
const bad = (await readdir(pairs)).filter((name) => name.endsWith('.yaml'));

test.each(bad)('%s is refused with every problem and its line', async (name) => {
  const [text, expected] = await Promise.all([
    readFile(path.join(pairs, name), 'utf8'),
    readFile(path.join(pairs, name.replace('.yaml', '.txt')), 'utf8'),
  ]);
  expect(() => parseTopology(text, name)).toThrow(
    expect.objectContaining({ name: 'LabError', message: expected.trimEnd() }),
  );
});

test('the JSON Schema for editors is the one that the code checks', async () => {
  const file = path.join(WORKBOOK, 'topologies/topology.schema.json');
  const written: unknown = JSON.parse(await readFile(file, 'utf8'));
  expect(written).toEqual(z.toJSONSchema(TopologySchema, { io: 'input', target: 'draft-7' }));
});
