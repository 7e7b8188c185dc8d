/**
 * One file for machines without a network: the node image, the npm packages, and the Node that runs them. The
 * dependencies are unpacked before Node is there (harness/bin/bootstrap.sh), the image by {@link loadBundle}.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { fileErrorText, TestbedError, UsageError } from '../errors.ts';
import type { Docker } from '../testbed/docker.ts';
import { hasImage, loadSavedImage, saveImage } from '../testbed/images.ts';
import { imageReference } from './image.ts';

const IMAGE = 'image.tar';
const NOTE = 'bundle.json';
/** What npm has installed, relative to the workbook. */
const DEPENDENCIES = ['node_modules', 'harness/node_modules', 'harness/runtime/node_modules'];

/** What a bundle was made from, so that one that does not fit is told. */
interface Note {
  readonly image: string;
  readonly system: string;
}

const SYSTEM = `${process.platform}-${process.arch}`;

/** Writes the bundle; returns its size. The file is there whole or not at all. */
export async function writeBundle(
  docker: Docker,
  image: string,
  root: string,
  file: string,
): Promise<number> {
  const target = path.resolve(file);
  const work = await mkdtemp(path.join(path.dirname(target), '.podwire-bundle-')).catch((error: unknown) => {
    throw new UsageError(`Could not write ${file}: ${fileErrorText(error)}`, { cause: error });
  });
  try {
    const note: Note = { image, system: SYSTEM };
    await writeFile(path.join(work, NOTE), `${JSON.stringify(note)}\n`);
    await pipeline(await saveImage(docker, image), createWriteStream(path.join(work, IMAGE)));
    const present = DEPENDENCIES.filter((folder) => existsSync(path.join(root, folder)));
    const packed = path.join(work, 'bundle.tar.gz');
    // The stamp names a Node by its path on this machine; caches are made anew.
    const left = ['--exclude=node_modules/.podwire-node', '--exclude=node_modules/.cache'];
    await execa('tar', ['-czf', packed, ...left, '-C', work, NOTE, IMAGE, '-C', root, ...present]);
    await rename(packed, target);
    return (await stat(target)).size;
  } catch (error) {
    // The engine's errors say themselves what was attempted.
    if (error instanceof TestbedError) throw error;
    throw new UsageError(`Could not write ${file}: ${fileErrorText(error)}`, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Loads the image of a bundle into the engine. Returns its reference. */
export async function loadBundle(docker: Docker, file: string): Promise<string> {
  if (!existsSync(file)) throw new UsageError(`There is no bundle ${file}.`);
  const { image, system } = await readNote(file);
  const wanted = imageReference();
  if (system !== SYSTEM)
    throw new UsageError(`The bundle ${file} is for ${system}; this machine is ${SYSTEM}.`);
  if (image !== wanted) {
    throw new UsageError(
      `The bundle ${file} holds the image ${image}; this version of the workbook wants ${wanted}.\n` +
        'Check out the version that it was made with, or make it again.',
    );
  }
  if (await hasImage(docker, image)) return image;
  const unpacking = spawn('tar', ['-xOf', file, IMAGE], { stdio: ['ignore', 'pipe', 'inherit'] });
  await loadSavedImage(docker, unpacking.stdout);
  if (!(await hasImage(docker, image)))
    throw new TestbedError(`The bundle ${file} was read, but ${image} is not in the engine.`);
  return image;
}

async function readNote(file: string): Promise<Note> {
  const { stdout, failed } = await execa('tar', ['-xOf', file, NOTE], { reject: false });
  if (failed) throw new UsageError(`${file} is no bundle: wanted a file made by \`podwire bundle FILE\`.`);
  return JSON.parse(stdout) as Note;
}
