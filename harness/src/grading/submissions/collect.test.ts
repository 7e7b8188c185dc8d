import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { WORKBOOK } from '../../lab/load-lab.ts';
import { planAddresses } from '../../topology/plan.ts';
import { readTopology } from '../../topology/read-topology.ts';
import { collect, readHandedInFiles } from './collect.ts';
import { readRoster } from './roster.ts';

const plan = planAddresses(await readTopology(path.join(WORKBOOK, 'topologies/one-node.yaml')));
const directory = await mkdtemp(path.join(tmpdir(), 'podwire-collect-'));
afterAll(() => rm(directory, { recursive: true, force: true }));

async function lay(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(path.join(directory, 'class-'));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), content);
  }
  return root;
}

test('a class folder has one entry for each student; the roster and hidden files are none', async () => {
  const root = await lay({
    'roster.csv': 'submission\n',
    'alice.md': '',
    'bob/node1.sh': '',
    '.git/x': '',
    'carol.tar.gz': '',
  });
  const { handedIn, roster } = await collect([root], plan);
  expect(handedIn.map(({ name }) => name)).toEqual(['alice', 'bob', 'carol']);
  expect(roster).toBe(path.join(root, 'roster.csv'));
});

test('a folder with files named after hosts is one submission', async () => {
  const root = await lay({ 'node1.sh': 'ip link', 'other.txt': '' });
  const { handedIn } = await collect([root], plan);
  expect(handedIn).toEqual([{ name: path.basename(root), place: root }]);
  expect([...(await readHandedInFiles(handedIn[0] ?? { name: '', place: '' })).keys()].sort()).toEqual([
    'node1.sh',
    'other.txt',
  ]);
});

test('two that would be called alike keep their whole names', async () => {
  const root = await lay({ 'alice.md': '', 'alice.zip': '', 'bob.md': '' });
  expect((await collect([root], plan)).handedIn.map(({ name }) => name)).toEqual([
    'alice.md',
    'alice.zip',
    'bob',
  ]);
});

test('a link in what was handed in is not followed', async () => {
  const root = await lay({ 'bob/README.md': '' });
  await symlink('/etc/passwd', path.join(root, 'bob/node1.sh'));
  await symlink('/etc/passwd', path.join(root, 'mallory.md'));
  for (const name of ['bob', 'mallory.md'])
    await expect(readHandedInFiles({ name, place: path.join(root, name) })).rejects.toThrow(
      'is a link or a device; wanted plain files',
    );
});

test('what does not exist is named', async () => {
  await expect(collect([path.join(directory, 'nobody.md')], plan)).rejects.toThrow(
    /^Could not read the answer .*nobody\.md: .*ENOENT/,
  );
});

test('a roster names submissions, students and seeds, by its header', async () => {
  const root = await lay({ 'roster.csv': '\ufeffName;File;Seed\nAlice A.;alice;s1\n"Bob, B.";bob;\n' });
  expect(await readRoster(path.join(root, 'roster.csv'))).toEqual([
    { submission: 'alice', name: 'Alice A.', seed: 's1' },
    { submission: 'bob', name: 'Bob, B.', seed: 'bob' },
  ]);
});

test.each([
  ['submission\nalice\nalice\n', 'names alice twice'],
  [
    'colour\nred\n',
    'has no column that names submissions: wanted a header like "submission,name,seed", found "colour"',
  ],
  ['submission,name\nalice\n', 'Could not read the roster'],
])('the roster %j is refused: %s', async (content, message) => {
  const root = await lay({ 'roster.csv': content });
  await expect(readRoster(path.join(root, 'roster.csv'))).rejects.toThrow(message);
});
