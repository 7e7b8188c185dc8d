/** The engine's images: look up, pull, import, build, remove. */
import { Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { TestbedError } from '../errors.ts';
import { LABEL, statusOf } from './containers.ts';
import type { Docker } from './docker.ts';
import { engineText } from './engine-error.ts';

/** Of an image's last lines, as many are shown when its build fails. */
const KEPT_LINES = 20;

/** The values of `podwire.role` on images of ours: the node image, and the stages of its build. */
const IMAGE_ROLE = { image: 'image', stage: 'stage' } as const;

/** One message of the engine's while it pulls, imports or builds. */
interface Progress {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly error?: string;
}

/** A build that failed; `lines` is the end of its output. */
export class ImageBuildError extends TestbedError {
  override name = 'ImageBuildError';
  readonly lines: readonly string[];

  constructor(reason: string, lines: readonly string[]) {
    super(`Could not build the node image: ${reason.trim()}`);
    this.lines = lines;
  }
}

export async function hasImage(docker: Docker, reference: string): Promise<boolean> {
  try {
    await docker.getImage(reference).inspect();
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}

export interface PullOptions {
  readonly onProgress?: (status: string) => void;
  /** How long the registry has to say its first word. */
  readonly firstWordMs: number;
  /** How long it may be silent after that. */
  readonly silenceMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Pulls an image. Returns null, or why it could not be pulled: a registry out of reach is nothing unusual.
 *
 * @throws the signal's reason when it is aborted meanwhile.
 */
export async function pullImage(
  docker: Docker,
  reference: string,
  options: PullOptions,
): Promise<string | null> {
  const abort = new AbortController();
  const silence = (ms: number) => setTimeout(() => abort.abort(), ms);
  let timer = silence(options.firstWordMs);
  try {
    const abortSignal = AbortSignal.any([abort.signal, ...(options.signal ? [options.signal] : [])]);
    const stream = (await docker.pull(reference, { abortSignal })) as Readable;
    for await (const message of messages(stream)) {
      clearTimeout(timer);
      if (message.error) return message.error;
      timer = silence(options.silenceMs);
      if (message.status) options.onProgress?.(message.status);
    }
    return null;
  } catch (error) {
    options.signal?.throwIfAborted();
    return abort.signal.aborted ? 'the registry does not answer' : engineText(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Makes an image of a file system's tar. Aborted, it makes none. */
export async function importImage(
  docker: Docker,
  tar: Readable,
  reference: string,
  abortSignal: AbortSignal,
): Promise<void> {
  const [repo, tag] = reference.split(':');
  const failed = (reason: string, cause?: unknown) =>
    new TestbedError(`Could not import ${reference} into the engine: ${reason}`, { cause });
  const stream = (await docker.importImage(tar, { repo, tag, abortSignal }).catch((error: unknown) => {
    throw failed(engineText(error), error);
  })) as Readable;
  for await (const message of messages(stream)) if (message.error) throw failed(message.error);
}

/** The image with its name, as `docker save` writes it. */
export async function saveImage(docker: Docker, reference: string): Promise<Readable> {
  return (await docker.getImage(reference).get()) as Readable;
}

/** What {@link saveImage} gave, into the engine. */
export async function loadSavedImage(docker: Docker, saved: Readable): Promise<void> {
  const stream = (await docker.loadImage(saved)) as Readable;
  for await (const message of messages(stream))
    if (message.error) throw new TestbedError(`Could not load the image into the engine: ${message.error}`);
}

export interface BuildOptions {
  readonly tar: Buffer;
  readonly reference: string;
  readonly buildArguments: Record<string, string>;
  readonly onStep?: (step: number, of: number) => void;
  /** Aborted, the engine ends the build and removes its containers; the name is not given to anything. */
  readonly abortSignal?: AbortSignal | undefined;
}

/**
 * Builds the node image on the host's network, which is what reaches the package server.
 * Returns the ids of the images it consists of and of its stages.
 *
 * @throws {ImageBuildError} when a step fails; any error when it is aborted.
 */
export async function buildImage(docker: Docker, options: BuildOptions): Promise<Set<string>> {
  const settings = {
    t: options.reference,
    buildargs: options.buildArguments,
    labels: { [LABEL.role]: IMAGE_ROLE.image },
    networkmode: 'host',
    rm: true,
    forcerm: true,
    ...(options.abortSignal ? { abortSignal: options.abortSignal } : {}),
  };
  const stream = (await docker.buildImage(Readable.from([options.tar]), settings).catch((error: unknown) => {
    throw new ImageBuildError(engineText(error), []);
  })) as Readable;
  const used = new Set<string>();
  const lines: string[] = [];
  for await (const message of messages(stream)) {
    if (message.error) throw new ImageBuildError(message.error, lines);
    for (const line of stripVTControlCharacters(message.stream ?? '').split(/[\r\n]+/)) {
      const [, step, of] = /^Step (\d+)\/(\d+) :/.exec(line) ?? [];
      if (step && of) options.onStep?.(Number(step), Number(of));
      const [, id] = /^ ---> ([0-9a-f]{12})$/.exec(line.trimEnd()) ?? [];
      if (id) used.add(id);
      if (!isBookkeeping(line)) lines.push(line);
    }
    lines.splice(0, lines.length - KEPT_LINES);
  }
  // A stream that is cut off may end like one that came to its end.
  options.abortSignal?.throwIfAborted();
  return used;
}

/**
 * Removes what earlier builds have left: images of the same name that no container uses, and stages that
 * the build just made does not consist of. The stages of that one stay: they make the next build fast.
 */
export async function removeOldImages(
  docker: Docker,
  current: string,
  used: ReadonlySet<string>,
): Promise<void> {
  const [name = ''] = current.split(':');
  const [images, stages, containers] = await Promise.all([
    docker.listImages({ filters: { reference: [name], label: [`${LABEL.role}=${IMAGE_ROLE.image}`] } }),
    docker.listImages({ filters: { dangling: ['true'], label: [`${LABEL.role}=${IMAGE_ROLE.stage}`] } }),
    docker.listContainers({ all: true }),
  ]);
  const inUse = new Set(containers.map((container) => container.ImageID));
  const old = [
    ...images.filter((image) => !image.RepoTags?.includes(current) && !inUse.has(image.Id)),
    ...stages.filter((stage) => !used.has(shortId(stage.Id))),
  ];
  for (const { Id } of old) {
    try {
      await docker.getImage(Id).remove({ force: true });
    } catch (error) {
      // Gone already, or a container or another image has begun to use it.
      if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error;
    }
  }
}

function isBookkeeping(line: string): boolean {
  return line.trim() === '' || /^ --->|^Removing intermediate container/.test(line);
}

function shortId(id: string): string {
  return id.replace('sha256:', '').slice(0, 12);
}

async function* messages(stream: Readable): AsyncGenerator<Progress> {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as Progress;
  }
  if (rest.trim() !== '') yield JSON.parse(rest) as Progress;
}
