import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { ZipFile } from 'yazl';
import { readArchive } from './archive.ts';

type Files = Readonly<Record<string, string | Buffer>>;

function zip(files: Files, mode = 0o100644): Promise<Buffer> {
  const archive = new ZipFile();
  for (const [name, content] of Object.entries(files))
    archive.addBuffer(Buffer.from(content), name, { mode });
  archive.end();
  return buffer(archive.outputStream as NodeJS.ReadableStream);
}

async function tarGz(files: Files, links: Readonly<Record<string, string>> = {}): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files))
    archive.entry({ name }, Buffer.from(content).toString());
  for (const [name, linkname] of Object.entries(links)) archive.entry({ name, type: 'symlink', linkname });
  archive.finalize();
  return gzipSync(await buffer(archive));
}

async function read(name: string, content: Buffer): Promise<Record<string, string>> {
  const files = (await readArchive(name, content)).files();
  return Object.fromEntries([...files].map(([file, bytes]) => [file, bytes.toString()]));
}

test.each([
  ['a.zip', zip],
  ['a.tar.gz', tarGz],
])('%s gives its files, without the folder around them and what systems leave behind', async (name, make) => {
  const files = { 'alice/node1.sh': 'ip link', '__MACOSX/alice/._node1.sh': 'x', 'alice/.DS_Store': 'x' };
  expect(await read(name, await make(files))).toEqual({ 'node1.sh': 'ip link' });
});

test('a tar that is not packed is read too', async () => {
  const archive = pack();
  archive.entry({ name: './node1.sh' }, 'ip link');
  archive.finalize();
  expect(await read('a.tar', await buffer(archive))).toEqual({ 'node1.sh': 'ip link' });
});

test('a path that leads out is refused, in a zip', async () => {
  const slip = Buffer.from(
    (await zip({ 'xx/node1.sh': 'x' })).toString('latin1').replaceAll('xx/', '../'),
    'latin1',
  );
  await expect(read('a.zip', slip)).rejects.toThrow(/invalid relative path|leads out of it/);
});

test.each(['../node1.sh', '/etc/node1.sh', 'a/../../node1.sh', '..\\node1.sh', 'C:\\node1.sh'])(
  'the path %s is refused, in a tar',
  async (name) => {
    await expect(read('a.tar.gz', await tarGz({ [name]: 'x' }))).rejects.toThrow(
      `it holds a file with the path ${JSON.stringify(name)}, which leads out of it`,
    );
  },
);

test('links are refused, in both', async () => {
  const wanted = '"node1.sh" is a link or a device; wanted plain files';
  await expect(read('a.zip', await zip({ 'node1.sh': '/etc/passwd' }, 0o120777))).rejects.toThrow(wanted);
  await expect(read('a.tar.gz', await tarGz({}, { 'node1.sh': '/etc/passwd' }))).rejects.toThrow(wanted);
});

test('what unpacks to more than a submission may be is refused before it is unpacked whole', async () => {
  const bomb = Buffer.alloc(8 << 20);
  await expect(read('a.zip', await zip({ 'node1.sh': bomb }))).rejects.toThrow(
    '"node1.sh" is larger than 256 KiB',
  );
  const many = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`${index}.txt`, 'x']));
  await expect(read('a.zip', await zip(many))).rejects.toThrow('it holds more than 200 files');
  await expect(read('a.tar.gz', await tarGz(many))).rejects.toThrow('it holds more than 200 files');
  await expect(read('a.tar.gz', gzipSync(bomb))).rejects.toThrow(/unpacks to more than|cannot be unpacked/);
});

test('a damaged archive says so', async () => {
  await expect(read('a.zip', Buffer.from('PK no'))).rejects.toThrow(/^it cannot be unpacked: /);
  await expect(read('a.tar.gz', Buffer.from('no tar at all'))).rejects.toThrow(/^it cannot be unpacked: /);
  const half = (await tarGz({ 'node1.sh': 'x'.repeat(5000) })).subarray(0, 60);
  await expect(read('a.tar.gz', half)).rejects.toThrow(/^it cannot be unpacked: /);
});
