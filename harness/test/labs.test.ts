import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { CAUSES } from '../src/diagnosis/causes.ts';
import { lintLab } from '../src/lab/lint-lab.ts';
import { listLabs, loadLab, readAnswers, readFaults, WORKBOOK } from '../src/lab/load-lab.ts';

const folders = await listLabs();

test.each(folders.map((folder) => [`${folder.number}-${folder.slug}`, folder] as const))(
  'lab %s keeps to the lab format',
  async (_name, folder) => {
    const files = {
      lab: await loadLab(folder),
      answers: await readAnswers(folder),
      faults: await readFaults(folder),
    };
    expect(lintLab({ ...files, causes: Object.keys(CAUSES) })).toEqual([]);
  },
);

test('every lab has its npm script', async () => {
  const { scripts } = JSON.parse(await readFile(path.join(WORKBOOK, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const wanted = Object.fromEntries(
    folders.map(({ number }) => [`lab:${number}`, `harness/bin/podwire lab ${number}`]),
  );
  expect(Object.fromEntries(Object.entries(scripts).filter(([name]) => name.startsWith('lab:')))).toEqual(
    wanted,
  );
});
