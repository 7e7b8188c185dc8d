/** Everything a testbed needs before it can be brought up. When all stands, this costs two calls to the engine. */
import type { Docker } from '../testbed/docker.ts';
import { ensureEngine } from './engine.ts';
import { ensureImage } from './image.ts';
import type { Terminal } from './terminal.ts';

export interface Prepared {
  readonly docker: Docker;
  /** The reference of the node image. */
  readonly image: string;
}

/** @throws the signal's reason when it is aborted; then nothing half made is left. */
export async function prepare(terminal: Terminal, signal?: AbortSignal): Promise<Prepared> {
  const docker = await ensureEngine(terminal, signal);
  return { docker, image: await ensureImage(docker, terminal, signal) };
}
