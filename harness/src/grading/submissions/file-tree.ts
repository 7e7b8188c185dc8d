/** The files of a submission in memory, by path. Nothing of a submission is ever unpacked to a disk. */
import path from 'node:path';
import { LARGEST_FILE, LARGEST_SUBMISSION, LONGEST_PATH, MOST_FILES } from './limits.ts';
import { NotASubmission } from './not-a-submission.ts';

/** What operating systems and editors leave beside the files that somebody meant to hand in. */
const LITTER = /(^|\/)(__MACOSX|Thumbs\.db|desktop\.ini|\.(?!\.?(\/|$))[^/]*|[^/]*~)(\/|$)/i;

export function isLitter(name: string): boolean {
  return LITTER.test(name.replaceAll('\\', '/'));
}

export class FileTree {
  readonly #files = new Map<string, Buffer>();
  #bytes = 0;

  /** @throws {NotASubmission} for a path that leads out, and beyond the limits. */
  add(name: string, content: Buffer): void {
    if (name.length > LONGEST_PATH)
      throw new NotASubmission(
        `it holds a file whose path ${quote(name)} has more than ${LONGEST_PATH} characters`,
      );
    const place = tidy(name);
    if (isLitter(place)) return;
    if (this.#files.has(place)) throw new NotASubmission(`it holds ${quote(place)} twice`);
    this.#files.set(place, content);
    this.#bytes += content.length;
    if (content.length > LARGEST_FILE) throw tooLarge(place);
    if (this.#bytes > LARGEST_SUBMISSION) {
      throw new NotASubmission(`its files are larger than ${LARGEST_SUBMISSION / 1024} KiB together`);
    }
    if (this.#files.size > MOST_FILES) throw new NotASubmission(`it holds more than ${MOST_FILES} files`);
  }

  /** The files, without a folder that holds all of them. */
  files(): ReadonlyMap<string, Buffer> {
    const names = [...this.#files.keys()];
    const [folder = ''] = names[0]?.split('/') ?? [];
    const wrapped = names.length > 0 && names.every((name) => name.startsWith(`${folder}/`));
    if (!wrapped || folder === 'pod') return this.#files;
    const inner = new FileTree();
    for (const [name, content] of this.#files) inner.add(name.slice(folder.length + 1), content);
    return inner.files();
  }
}

export function tooLarge(name: string, limit = LARGEST_FILE): NotASubmission {
  return new NotASubmission(`${quote(name)} is larger than ${limit / 1024} KiB`);
}

/** @throws {NotASubmission} when the path is absolute or leads upwards ("zip slip"). */
function tidy(name: string): string {
  const unix = name.replaceAll('\\', '/');
  const place = path.posix.normalize(unix);
  if (
    place.startsWith('/') ||
    /^[A-Za-z]:/.test(place) ||
    place.split('/').includes('..') ||
    /\0/.test(place)
  )
    throw new NotASubmission(`it holds a file with the path ${quote(name)}, which leads out of it`);
  return place;
}

/** A name that somebody else chose, in a line that we print. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name);
}

/** @throws {NotASubmission} when the bytes are no UTF-8 text. */
export function decodeText(name: string, content: Buffer): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(content);
    if (text.includes('\0')) throw new TypeError('NUL');
    return text.replaceAll('\r\n', '\n');
  } catch {
    throw new NotASubmission(`${quote(name)} is not a text in UTF-8`);
  }
}
