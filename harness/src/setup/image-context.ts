/** The folder of the node image as the engine gets it: a tar that is the same wherever and whenever it is made. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

const BLOCK = 512;

export interface ImageContext {
  readonly tar: Buffer;
  /** The first twelve hexadecimal digits of the tar's SHA-256: another content, another image. */
  readonly hash: string;
}

export function packImageContext(folder: string): ImageContext {
  const tar = Buffer.concat([
    ...listFiles(folder).flatMap((name) => packFile(folder, name)),
    Buffer.alloc(2 * BLOCK),
  ]);
  return { tar, hash: createHash('sha256').update(tar).digest('hex').slice(0, 12) };
}

function listFiles(folder: string): string[] {
  const ignored = path.join(folder, '.dockerignore');
  const left = new Set(existsSync(ignored) ? readFileSync(ignored, 'utf8').split('\n') : []);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .filter((name) => name !== '.dockerignore' && !left.has(name))
    .sort();
}

/**
 * One member in ustar format (man 5 tar). Owner and times are nobody's and never; of the mode only "may
 * be run" counts, as in git: a clone made under another umask gives the same image.
 */
function packFile(folder: string, name: string): Buffer[] {
  if (Buffer.byteLength(name) > 100)
    throw new Error(`Cannot pack ${name}: its path is longer than 100 bytes.`);
  const file = path.join(folder, name);
  const content = readFileSync(file);
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0);
  header.write((statSync(file).mode & 0o111) !== 0 ? '0000755' : '0000644', 100);
  header.write('0000000', 108);
  header.write('0000000', 116);
  header.write(content.length.toString(8).padStart(11, '0'), 124);
  header.write('00000000000', 136);
  // The checksum counts itself as spaces.
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return [header, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)];
}
