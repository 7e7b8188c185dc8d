/** Makes sure that the node image of this very source is in the engine. */
import path from 'node:path';
import type { Docker } from '../testbed/docker.ts';
import { hasImage } from '../testbed/images.ts';
import { packImageContext } from './image-context.ts';
import type { Terminal } from './terminal.ts';

export const IMAGE_FOLDER = path.resolve(import.meta.dirname, '../../image');

/** The reference of the image of this very source. */
export function imageReference(): string {
  return `podwire/node:${packImageContext(IMAGE_FOLDER).hash}`;
}

/** Returns the image's reference, which names its content: it is built once and never without need. */
export async function ensureImage(docker: Docker, terminal: Terminal, signal?: AbortSignal): Promise<string> {
  const context = packImageContext(IMAGE_FOLDER);
  const reference = `podwire/node:${context.hash}`;
  if (await hasImage(docker, reference)) return reference;
  // Needed once for each version of the image.
  const { makeImage } = await import('./make-image.ts');
  await makeImage(docker, terminal, { reference, tar: context.tar, signal });
  return reference;
}
