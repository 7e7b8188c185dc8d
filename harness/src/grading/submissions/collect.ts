/** What is to be graded: the files on the command line, and in a class's folder one entry for each student. */
import { constants } from 'node:fs';
import { lstat, open, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { fileErrorText, UsageError } from '../../errors.ts';
import type { AddressPlan } from '../../topology/plan.ts';
import { cleanLine } from '../clean-text.ts';
import { isArchive, withoutExtension } from './archive.ts';
import { FileTree, isLitter, quote, tooLarge } from './file-tree.ts';
import { LARGEST_ARCHIVE, LARGEST_FILE } from './limits.ts';
import { NotASubmission } from './not-a-submission.ts';
import { hostOfFile } from './read-submission.ts';
import { ROSTER } from './roster.ts';

/** Something that was handed in; whether it is a submission is seen when it is read. */
export interface HandedIn {
  /** Unique among those that are graded together. */
  readonly name: string;
  readonly place: string;
}

export interface Collected {
  readonly handedIn: readonly HandedIn[];
  /** The roster that lies beside them. */
  readonly roster: string | null;
}

/** @throws {UsageError} for a path that cannot be read. */
export async function collect(answers: readonly string[], plan: AddressPlan): Promise<Collected> {
  const places: string[] = [];
  let roster: string | null = null;
  for (const answer of answers) {
    const inside = await entriesOf(answer);
    if (inside === null || inside.some((name) => /\.sh$/i.test(name) && hostOfFile(name, plan) !== null)) {
      places.push(answer);
      continue;
    }
    const entries = inside.filter((name) => name.toLowerCase() !== ROSTER && !isLitter(name));
    places.push(...entries.map((name) => path.join(answer, name)));
    const found = inside.find((name) => name.toLowerCase() === ROSTER);
    if (found) roster = path.join(answer, found);
    else if (entries.length === 0)
      throw new UsageError(`The folder ${answer} is empty: wanted submissions, or HOST.sh files, in it.`);
  }
  return { handedIn: withUniqueNames(places), roster };
}

/** The names in a folder, or null for a file. */
async function entriesOf(answer: string): Promise<string[] | null> {
  try {
    const place = await realpath(answer);
    return (await lstat(place)).isDirectory() ? (await readdir(place)).sort() : null;
  } catch (error) {
    throw new UsageError(`Could not read the answer ${answer}: ${fileErrorText(error)}`, { cause: error });
  }
}

/** `alice.md` is called alice; where two would be called alike, both keep their whole names. */
function withUniqueNames(places: readonly string[]): HandedIn[] {
  // Names of files are their authors': they become words in reports, and names of files of ours.
  const all = places.map((place) => ({
    place,
    short: cleanLine(withoutExtension(path.basename(path.resolve(place)))),
  }));
  const named = all.map(({ place, short }) => {
    const alone = all.filter((other) => other.short === short).length === 1;
    return { place, name: alone ? short : cleanLine(path.basename(place)) };
  });
  const seen = new Map<string, number>();
  return named.map(({ place, name }) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return { place, name: count > 1 ? `${name}#${count}` : name };
  });
}

/**
 * The files of one entry. A link is not followed: it would lead whoever grades to files of their own.
 *
 * @throws {NotASubmission} with the reason.
 */
export async function readHandedInFiles({ place }: HandedIn): Promise<ReadonlyMap<string, Buffer>> {
  const tree = new FileTree();
  try {
    const stat = await lstat(place);
    if (stat.isDirectory()) await addFolder(tree, place, '', 0);
    else return new Map([[path.basename(place), await readPlainFile(place)]]);
  } catch (error) {
    if (error instanceof NotASubmission) throw error;
    throw new NotASubmission(`it cannot be read: ${fileErrorText(error)}`);
  }
  return tree.files();
}

const DEEPEST = 4;

async function addFolder(tree: FileTree, root: string, inside: string, depth: number): Promise<void> {
  if (depth > DEEPEST) throw new NotASubmission('its folders are nested too deep');
  for (const entry of await readdir(path.join(root, inside), { withFileTypes: true })) {
    const name = path.posix.join(inside, entry.name);
    if (isLitter(name)) continue;
    if (entry.isDirectory()) await addFolder(tree, root, name, depth + 1);
    else tree.add(name, await readPlainFile(path.join(root, name)));
  }
}

async function readPlainFile(file: string): Promise<Buffer> {
  const name = path.basename(file);
  const limit = isArchive(name) ? LARGEST_ARCHIVE : LARGEST_FILE;
  const stat = await lstat(file);
  if (!stat.isFile()) throw new NotASubmission(`${quote(name)} is a link or a device; wanted plain files`);
  if (stat.size > limit) throw tooLarge(name, limit);
  const opened = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return await opened.readFile();
  } finally {
    await opened.close();
  }
}
