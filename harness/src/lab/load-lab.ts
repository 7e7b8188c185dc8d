/** Finds and reads lab folders: `labs/NN-slug/` with README.md, lab.ts, faults.ts and answers/. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { fileErrorText, LabError, UsageError } from '../errors.ts';
import type { StartCommands } from '../testbed/up.ts';
import { readTopology } from '../topology/read-topology.ts';
import type { Topology } from '../topology/topology.ts';
import type { Check, Fault, Lab, Matrix } from './define-lab.ts';
import { type Answer, type Fence, type Guide, parseAnswer, parseGuide, type Start } from './guide.ts';

/** The workbook's root: the folder that holds `labs/` and `topologies/`. */
export const WORKBOOK = path.resolve(import.meta.dirname, '../../..');

export interface LabFolder {
  /** Two digits: `03`. */
  readonly number: string;
  readonly slug: string;
  readonly directory: string;
}

export interface LoadedLab extends LabFolder {
  readonly guide: Guide;
  readonly topology: Topology;
  readonly checks: readonly Check[];
  readonly matrix: Matrix | null;
  /** What is run on the wired testbed before the lab begins. */
  readonly start: readonly StartCommands[];
}

export async function listLabs(root: string = WORKBOOK): Promise<LabFolder[]> {
  const directory = path.join(root, 'labs');
  const names = (await readdir(directory)).filter((name) => /^\d{2}-[a-z0-9-]+$/.test(name)).sort();
  return names.map((name) => ({
    number: name.slice(0, 2),
    slug: name.slice(3),
    directory: path.join(directory, name),
  }));
}

/** @throws {UsageError} when there is no such lab; `number` may be written `3` or `03`. */
export async function findLab(number: string, root: string = WORKBOOK): Promise<LabFolder> {
  const labs = await listLabs(root);
  const found = labs.find((lab) => lab.number === number.padStart(2, '0'));
  if (found) return found;
  const known = labs.map((lab) => `${lab.number} ${lab.slug.replaceAll('-', ' ')}`).join(', ');
  throw new UsageError(`There is no lab "${number}". There are: ${known}.`);
}

/** Reads what running a lab needs. @throws {LabError} naming what breaks the lab format. */
export async function loadLab(folder: LabFolder, root: string = WORKBOOK): Promise<LoadedLab> {
  const guide = await readGuide(folder);
  const [topology, { checks, matrix = null }] = await Promise.all([
    readTopology(path.join(root, 'topologies', `${guide.topology}.yaml`)),
    importDefault<Lab>(path.join(folder.directory, 'lab.ts')),
  ]);
  const start = (await Promise.all(guide.startsFrom.map((from) => readStart(from, folder, root)))).flat();
  return { ...folder, guide, topology, checks: checks.map(withFeaturesOf(guide)), matrix, start };
}

function withFeaturesOf({ needs }: Guide): (check: Check) => Check {
  return (check) => ({ ...check, features: [...needs, ...(check.features ?? [])] });
}

/** The commands of another lab, moved to the hosts of this one; or those of a file of this lab's. */
async function readStart(from: Start, folder: LabFolder, root: string): Promise<StartCommands[]> {
  if ('file' in from) return [...(await readFences(path.join(folder.directory, from.file)))];
  const other = await findLab(from.lab, root);
  const fences = from.answer
    ? await readFences(path.join(other.directory, 'answers', `${from.answer}.md`))
    : (await readGuide(other)).steps.flatMap((step) => step.fences).filter(({ look }) => !look);
  return fences.flatMap(({ host, commands }) => {
    const here = from.hosts ? from.hosts[host] : host;
    return here === undefined ? [] : [{ host: here, commands }];
  });
}

async function readFences(file: string): Promise<readonly Fence[]> {
  return parseAnswer(await readLabFile(file), file, path.basename(file, '.md')).fences;
}

export async function readGuide(folder: LabFolder): Promise<Guide> {
  const file = path.join(folder.directory, 'README.md');
  return parseGuide(await readLabFile(file), file);
}

export async function readAnswers(folder: LabFolder): Promise<Answer[]> {
  const directory = path.join(folder.directory, 'answers');
  const names = (await readdir(directory)).filter((name) => name.endsWith('.md')).sort();
  return Promise.all(
    names.map(async (name) => {
      const file = path.join(directory, name);
      return parseAnswer(await readLabFile(file), file, path.basename(name, '.md'));
    }),
  );
}

export async function readFaults(folder: LabFolder): Promise<readonly Fault[]> {
  return importDefault<readonly Fault[]>(path.join(folder.directory, 'faults.ts'));
}

async function readLabFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new LabError(`Could not read ${file}: ${fileErrorText(error)}`, { cause: error });
  }
}

async function importDefault<T>(file: string): Promise<T> {
  const module: { default?: T } = await import(pathToFileURL(file).href);
  if (module.default === undefined) throw new LabError(`${file} has no default export.`);
  return module.default;
}
