/** Reads archives that strangers packed: in memory, file by file, and no further than the limits. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { type Entry, fromBufferPromise } from 'yauzl';
import { errorText } from '../../errors.ts';
import { FileTree, isLitter, quote, tooLarge } from './file-tree.ts';
import { LARGEST_FILE, LARGEST_SUBMISSION, MOST_FILES } from './limits.ts';
import { NotASubmission } from './not-a-submission.ts';

const ARCHIVE = /\.(zip|tar\.gz|tgz|tar)$/i;

export function isArchive(name: string): boolean {
  return ARCHIVE.test(name);
}

/** `alice` of `alice.tar.gz`. */
export function withoutExtension(name: string): string {
  return name.replace(ARCHIVE, '').replace(/\.(md|markdown|sh)$/i, '');
}

/** @throws {NotASubmission} when it is damaged, or holds what a submission may not. */
export async function readArchive(name: string, content: Buffer): Promise<FileTree> {
  try {
    return /\.zip$/i.test(name) ? await readZip(content) : await readTar(content);
  } catch (error) {
    if (error instanceof NotASubmission) throw error;
    throw new NotASubmission(`it cannot be unpacked: ${errorText(error)}`);
  }
}

async function readZip(content: Buffer): Promise<FileTree> {
  const tree = new FileTree();
  const zip = await fromBufferPromise(content);
  let entries = 0;
  for await (const entry of zip.eachEntry()) {
    if (++entries > 4 * MOST_FILES) throw tooMany();
    if (entry.fileName.endsWith('/') || isLitter(entry.fileName)) continue;
    refuseSpecial(entry);
    if (entry.uncompressedSize > LARGEST_FILE) throw tooLarge(entry.fileName);
    tree.add(entry.fileName, await gather(await zip.openReadStreamPromise(entry), entry.fileName));
  }
  return tree;
}

/** The upper half of the attributes is the mode, where a Unix made the archive (APPNOTE.TXT, 4.4.15). */
function refuseSpecial(entry: Entry): void {
  if (entry.isEncrypted()) throw new NotASubmission(`${quote(entry.fileName)} is encrypted`);
  const type = (entry.externalFileAttributes >>> 16) & 0o170000;
  if (type !== 0 && type !== 0o100000) throw special(entry.fileName);
}

async function readTar(content: Buffer): Promise<FileTree> {
  const tree = new FileTree();
  const zipped = content[0] === 0x1f && content[1] === 0x8b;
  const unpacker = extract();
  let entries = 0;
  let bytes = 0;
  const bounded = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      // A header and padding belong to each file, and pax headers to some.
      if (bytes > LARGEST_SUBMISSION + 4 * MOST_FILES * 2048)
        throw new NotASubmission(`it unpacks to more than ${LARGEST_SUBMISSION / 1024} KiB`);
      yield chunk;
    }
  };
  const source = Readable.from([content]);
  const feeding = zipped
    ? pipeline(source, createGunzip(), bounded, unpacker)
    : pipeline(source, bounded, unpacker);
  // Whatever ends the feeding also ends the loop below, which tells it.
  feeding.catch(() => {});
  for await (const entry of unpacker) {
    const { name, type, size = 0 } = entry.header;
    if (++entries > 4 * MOST_FILES) throw tooMany();
    const file = type === 'file' || type === 'contiguous-file';
    if (!file && type !== 'directory') throw special(name);
    if (size > LARGEST_FILE) throw tooLarge(name);
    if (file && !isLitter(name)) tree.add(name, await gather(entry as AsyncIterable<Buffer>, name));
    else entry.resume();
  }
  await feeding;
  return tree;
}

function special(name: string): NotASubmission {
  return new NotASubmission(`${quote(name)} is a link or a device; wanted plain files`);
}

function tooMany(): NotASubmission {
  return new NotASubmission(`it holds more than ${MOST_FILES} files`);
}

async function gather(stream: AsyncIterable<Buffer>, name: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    if (bytes > LARGEST_FILE) throw tooLarge(name);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
