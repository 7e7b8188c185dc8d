/** Builds the node image, one process at a time. */
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TestbedError } from '../errors.ts';
import type { Docker } from '../testbed/docker.ts';
import { buildImage, hasImage, ImageBuildError, removeOldImages } from '../testbed/images.ts';
import { ensureBase } from './base.ts';
import { lockFile } from './file-lock.ts';
import type { Terminal } from './terminal.ts';

const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];

export interface ImageToMake {
  readonly reference: string;
  readonly tar: Buffer;
  /** Aborted, it calls off whatever is under way, and the engine throws away what it had of it. */
  readonly signal?: AbortSignal | undefined;
}

/** @throws {TestbedError} with the end of the build's output and what to do; or the signal's reason. */
export async function makeImage(
  docker: Docker,
  terminal: Terminal,
  { reference, tar, signal }: ImageToMake,
): Promise<void> {
  const lock = await lockFile(
    path.join(tmpdir(), `podwire-image-${process.getuid?.() ?? 0}.lock`),
    (holder) => terminal.line(`Another process (${holder}) is making the node image: waiting for it.`),
    signal,
  );
  try {
    if (await hasImage(docker, reference)) return;
    const base = await ensureBase(docker, terminal, signal);
    const began = performance.now();
    terminal.progress('Building the node image (once)');
    const used = await buildImage(docker, {
      tar,
      reference,
      buildArguments: { BASE: base, ...proxies() },
      abortSignal: signal,
      onStep: (step, of) => terminal.progress('Building the node image (once)', `step ${step} of ${of}`),
    });
    await removeOldImages(docker, reference, used);
    terminal.line(`Built the node image in ${Math.round((performance.now() - began) / 1000)} s.`);
  } catch (error) {
    // Whatever was called off fails in its own words.
    signal?.throwIfAborted();
    if (error instanceof ImageBuildError) throw explain(error);
    throw error;
  } finally {
    terminal.clear();
    lock.release();
  }
}

function proxies(): Record<string, string> {
  return Object.fromEntries(
    PROXY_VARIABLES.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
  );
}

function explain(error: ImageBuildError): TestbedError {
  return new TestbedError(
    `${error.message}\nThe end of its output:\n${error.lines.map((line) => `  ${line}`).join('\n')}\n${adviceFor([error.message, ...error.lines].join('\n'))}`,
    { cause: error },
  );
}

export function adviceFor(output: string): string {
  if (/no space left|don't have enough free space/i.test(output))
    return 'The disk of the engine is full. Make room (the build needs about 1.5 GB) and run the same command again.';
  if (
    /Temporary failure resolving|Could not resolve|Failed to fetch|Could not connect|Unable to connect/i.test(
      output,
    )
  )
    return 'The Debian package server cannot be reached from the engine. Check the network (and http_proxy) and run the same command again.';
  return 'Run the same command again once that is repaired: it goes on from the step that failed.';
}
