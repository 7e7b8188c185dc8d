import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { WORKBOOK } from '../../lab/load-lab.ts';
import { planAddresses } from '../../topology/plan.ts';
import { readTopology } from '../../topology/read-topology.ts';
import { readSubmission } from './read-submission.ts';
import { digestOf } from './submission.ts';

const plan = planAddresses(await readTopology(path.join(WORKBOOK, 'topologies/one-node.yaml')));

function read(files: Readonly<Record<string, string | Buffer>>) {
  return readSubmission(
    new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content)])),
    plan,
  );
}

function zip(files: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const archive = new ZipFile();
  for (const [name, content] of Object.entries(files)) archive.addBuffer(content, name);
  archive.end();
  return buffer(archive.outputStream as NodeJS.ReadableStream);
}

test('a digest tells commands apart, and takes more than a string can hold', () => {
  const script = (commands: string) => ({ host: 'node1', commands, source: 'a.md, line 1' });
  const digest = (...commands: string[]) => digestOf({ scripts: commands.map(script), notes: [] });
  expect(digest('a', 'b')).not.toBe(digest('ab', ''));
  const large = 'x'.repeat(1 << 20);
  expect(digest(...Array.from({ length: 600 }, () => large))).toMatch(/^[0-9a-f]{16}$/);
});

test('a Markdown file gives its fences in order; those without a host are for reading', async () => {
  const text =
    '# Mine\r\n\r\n```sh node1\r\nip link\r\n```\r\n\r\n```sh\r\nno\r\n```\r\n\r\n```bash pod/a\r\nip a\r\n```\r\n';
  expect(await read({ 'alice.md': text })).toEqual({
    scripts: [
      { host: 'node1', commands: 'ip link\n', source: 'alice.md, line 4' },
      { host: 'pod/a', commands: 'ip a\n', source: 'alice.md, line 12' },
    ],
    notes: [],
  });
});

test('a fence names its hosts as people write them', async () => {
  const fences = ['Bash Node1', 'sh pod-a, C', 'SHELL node1/mine'].map(
    (info) => `\`\`\`${info}\nid\n\`\`\`\n`,
  );
  const { scripts } = await read({ 'a.md': fences.join('\n') });
  expect(scripts.map(({ host }) => host)).toEqual(['node1', 'pod/a', 'pod/c', 'node1/mine']);
});

test('where a script stands is told without what its author hid in a name', async () => {
  const { scripts } = await read({ 'a\n\u001b[31m::error::.md': '```sh node1\nid\n```\n' });
  expect(scripts[0]?.source).toBe('a ::error::.md, line 2');
});

test('front matter is passed over, and lines still count from the top', async () => {
  const text = '---\ntitle: [broken\n---\n```sh node1\nip link\n```\n';
  expect((await read({ 'a.md': text })).scripts[0]?.source).toBe('a.md, line 5');
});

test('HOST.sh files run nodes first; a file named after no host is left aside with a note', async () => {
  const files = { 'pod-a.sh': '1', 'node1.sh': '2', 'B.sh': '3', 'setup.sh': '4', 'README.md': 'words' };
  expect(await read(files)).toEqual({
    scripts: [
      { host: 'node1', commands: '2', source: 'node1.sh' },
      { host: 'pod/a', commands: '1', source: 'pod-a.sh' },
      { host: 'pod/b', commands: '3', source: 'B.sh' },
    ],
    notes: ['"setup.sh" was left aside: it is named after no host of this lab'],
  });
});

test('a host that a fence names again and again is one', async () => {
  const text = `\`\`\`sh ${'node1,'.repeat(18_000)}\nip link\n\`\`\`\n`;
  expect((await read({ 'a.md': text })).scripts).toHaveLength(1);
});

test('an archive in an archive is read, and no deeper', async () => {
  let files: Record<string, Buffer> = { 'node1.sh': Buffer.from('ip link') };
  for (let depth = 1; depth <= 3; depth++) {
    files = { 'a.zip': await zip(files) };
    if (depth < 3) expect((await read(files)).scripts).toHaveLength(1);
    else await expect(read(files)).rejects.toThrow('it holds archives in archives, more than 2 deep');
  }
});

test.each<[string, Readonly<Record<string, string | Buffer>>, string]>([
  [
    'an empty folder',
    {},
    'it is empty; wanted a Markdown file with fences like "```sh node1", or files like node1.sh',
  ],
  [
    'another file',
    { 'notes.txt': 'x' },
    'it holds only "notes.txt"; wanted a Markdown file with fences like "```sh node1", or files like node1.sh',
  ],
  [
    'Markdown without commands',
    { 'a.md': 'words\n```sh\nip link\n```\n' },
    '"a.md" has no commands: wanted fences that name a host, like "```sh node1"',
  ],
  [
    'an unknown host',
    { 'a.md': '```sh node7\nip link\n```\n' },
    'line 1 of "a.md": There is no host "node7" in this lab. There are: node1, pod/a, pod/b, pod/c.',
  ],
  [
    'a script for no host',
    { 'solution.sh': 'x' },
    '"solution.sh" is named after no host; wanted some of: node1.sh, pod-a.sh, pod-b.sh, pod-c.sh',
  ],
  ...['pod/constructor', 'toString', '__proto__'].map(
    (host): [string, Readonly<Record<string, string>>, string] => [
      `the host ${host}`,
      { 'a.md': `\`\`\`sh ${host}\nip link\n\`\`\`\n` },
      `line 1 of "a.md": There is no host "${host}" in this lab.`,
    ],
  ),
  [
    'a name that fills a page',
    { 'a.md': `\`\`\`sh ${'x'.repeat(9_000)}\nip link\n\`\`\`\n` },
    `line 1 of "a.md": There is no host "${'x'.repeat(60)}..." in this lab.`,
  ],
  [
    'more commands than anybody needs',
    { 'a.md': '```sh node1,pod/a\nip link\n```\n'.repeat(251) },
    '"a.md" has 502 commands to run, counted for each host of a fence; a submission may have 500',
  ],
  ['two files for one host', { 'a.sh': 'x', 'pod-a.sh': 'x' }, 'it holds two files for pod/a'],
  [
    'what is no text',
    { 'node1.sh': Buffer.from([0xff, 0xfe, 0x69, 0]) },
    '"node1.sh" is not a text in UTF-8',
  ],
  [
    'two answers',
    { 'a.md': '```sh node1\nx\n```\n', 'b.md': '```sh node1\nx\n```\n' },
    'it holds two files with commands: "a.md", "b.md"; wanted one',
  ],
])('%s is refused in one line', async (_title, files, message) => {
  await expect(read(files)).rejects.toThrow(message);
});
