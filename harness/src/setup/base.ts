/** The base of the node image: from a registry where one can be reached, else made of the same packages. */
import type { Docker } from '../testbed/docker.ts';
import { hasImage, pullImage } from '../testbed/images.ts';
import type { Terminal } from './terminal.ts';

export const REGISTRY_BASE = 'debian:bookworm-slim';
export const OWN_BASE = 'podwire/debian-base:bookworm';

/** A registry that has said nothing after this time is taken for one that cannot be reached. */
const FIRST_WORD_MS = 3000;
const SILENCE_MS = 30_000;

/** What the decision rests on; the engine and debootstrap, or a test's. */
export interface BaseSources {
  has(reference: string): Promise<boolean>;
  /** Null, or why it could not be pulled. */
  pull(reference: string): Promise<string | null>;
  make(reference: string, why: string): Promise<void>;
}

/** Returns the reference of a base that is in the engine. */
export async function chooseBase(sources: BaseSources): Promise<string> {
  for (const reference of [REGISTRY_BASE, OWN_BASE]) if (await sources.has(reference)) return reference;
  const why = await sources.pull(REGISTRY_BASE);
  if (why === null) return REGISTRY_BASE;
  await sources.make(OWN_BASE, why);
  return OWN_BASE;
}

/** @throws the signal's reason when it is aborted meanwhile. */
export function ensureBase(docker: Docker, terminal: Terminal, signal?: AbortSignal): Promise<string> {
  return chooseBase({
    has: (reference) => hasImage(docker, reference),
    pull: (reference) => {
      terminal.progress(`Looking for ${reference} in its registry`);
      return pullImage(docker, reference, {
        firstWordMs: FIRST_WORD_MS,
        silenceMs: SILENCE_MS,
        signal,
        onProgress: () => terminal.progress(`Pulling ${reference}`),
      });
    },
    make: async (reference, why) => {
      const { makeBase } = await import('./debootstrap.ts');
      await makeBase(docker, terminal, { reference, why, signal });
    },
  });
}
