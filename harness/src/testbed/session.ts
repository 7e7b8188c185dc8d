/**
 * The one long-lived session with a testbed's fabric: everything that is run in a testbed goes through it.
 * The other end is harness/image/agent/session.c; the frames are described there.
 */
import { PassThrough } from 'node:stream';
import { TestbedError } from '../errors.ts';
import type { Docker } from './docker.ts';

const FRAME = {
  run: 1,
  input: 2,
  kill: 3,
  node: 4,
  output: 16,
  errors: 17,
  exit: 18,
  refused: 19,
  answer: 20,
} as const;
const HEADER_BYTES = 12;
const LARGEST_INPUT = 1 << 16;

/**
 * Where a command runs: in the fabric itself; as the fabric's own program in the network namespace of a
 * node (`pod` empty) or pod; or as the learner's program in a node's world. `init` is the pid of the
 * node container's first process, as the engine's host numbers it.
 */
export type Place =
  | { readonly kind: 'fabric' }
  | { readonly kind: 'network'; readonly init: number; readonly pod: string }
  | { readonly kind: 'world'; readonly init: number; readonly pod: string };

export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The deadline passed and the command was ended. */
  readonly timedOut: boolean;
  /** It wrote more than it was allowed to and was ended. */
  readonly overflowed: boolean;
  /** What it wrote in all, kept or not. */
  readonly outputBytes: number;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The command is ended after this time. */
  readonly deadlineMs?: number;
  /** Of each stream, more output than this is cut off. */
  readonly keepBytes?: number;
  /** A command that writes more than this in all is ended. */
  readonly limitBytes?: number;
  readonly onOutput?: (text: string) => void;
  /** Ends the command, and the wait for it. */
  readonly signal?: AbortSignal;
  /** It gets the processor before commands without this; of no effect on a learner’s. */
  readonly ahead?: boolean;
}

/** A command that could not be started, with the reason's id: `no-namespace`, `foreign-namespace`, `node-gone` ... */
export class RefusedError extends TestbedError {
  override name = 'RefusedError';
  readonly reason: string;

  constructor(text: string) {
    super(text.replace(/^[a-z-]+: /, ''));
    this.reason = text.split(':', 1)[0] ?? '';
  }
}

/** A command under way. */
export interface Job {
  readonly done: Promise<Finished>;
  write(text: string): void;
  endInput(): void;
  kill(): void;
}

interface Waiting {
  onFrame(type: number, payload: Buffer): void;
  onLost(error: TestbedError): void;
}

/** None of our probes takes long; a machine that is busy with a class may. */
const DEFAULT_DEADLINE_MS = 30_000;
const DEFAULT_KEEP_BYTES = 1 << 24;
/** A command that was ended is gone at once; after this time its fabric does not answer any more. */
const KILLED_WITHIN_MS = 10_000;

/** The beginning of a stream. */
class Kept {
  readonly #parts: Buffer[] = [];
  #room: number;

  constructor(bytes: number) {
    this.#room = bytes;
  }

  add(payload: Buffer): void {
    if (this.#room > 0) this.#parts.push(payload.subarray(0, this.#room));
    this.#room -= payload.length;
  }

  text(): string {
    return Buffer.concat(this.#parts).toString();
  }
}

export class FabricSession {
  readonly #stream: NodeJS.ReadWriteStream;
  readonly #waiting = new Map<number, Waiting>();
  #buffer: Buffer = Buffer.alloc(0);
  #last = 0;
  #lost: TestbedError | null = null;
  readonly #closed: Promise<void>;

  /** @throws {TestbedError} when the fabric is not running. */
  static async open(docker: Docker, fabricId: string): Promise<FabricSession> {
    const fabric = docker.getContainer(fabricId);
    const exec = await fabric.exec({
      Cmd: ['/usr/lib/podwire/agent', 'session'],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    });
    const stream = await exec.start({ hijack: true, stdin: true });
    // The engine leaves the stream open when the container ends under the session.
    const listening = new AbortController();
    const ended = fabric.wait({ condition: 'not-running', abortSignal: listening.signal }).then(
      () => {},
      () => {},
    );
    const session = new FabricSession(docker, stream, ended);
    session.closed.then(() => listening.abort());
    return session;
  }

  private constructor(docker: Docker, stream: NodeJS.ReadWriteStream, ended: Promise<void>) {
    this.#stream = stream;
    const output = new PassThrough();
    const errors = new PassThrough();
    let complaint = '';
    docker.modem.demuxStream(stream, output, errors);
    output.on('data', (chunk: Buffer) => this.#receive(chunk));
    errors.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    this.#closed = new Promise((resolve) => {
      const lose = (error?: Error) => {
        this.#lose(
          new TestbedError(
            `Lost the testbed's fabric${complaint || error ? `: ${complaint || error}` : '.'}`,
          ),
        );
        resolve();
      };
      stream.on('end', () => lose());
      stream.on('close', () => lose());
      stream.on('error', lose);
      ended.then(() => {
        lose();
        (stream as unknown as { destroy(): void }).destroy();
      });
    });
  }

  /** Resolves when the session has ended, by {@link close} or because the fabric went away. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Runs a command to its end. A status other than 0 is an answer, not an error. */
  run(place: Place, argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const job = this.start(place, argv, options);
    if (options.input !== undefined) job.write(options.input);
    job.endInput();
    return job.done;
  }

  /** Starts a command whose input stays open until {@link Job.endInput}. */
  start(place: Place, argv: readonly string[], options: RunOptions = {}): Job {
    const id = ++this.#last;
    const keepBytes = options.keepBytes ?? DEFAULT_KEEP_BYTES;
    const limitBytes = options.limitBytes ?? Number.POSITIVE_INFINITY;
    const kept = { stdout: new Kept(keepBytes), stderr: new Kept(keepBytes) };
    let outputBytes = 0;
    let timedOut = false;
    let overflowed = false;
    let kill = () => {};
    const count = (payload: Buffer) => {
      outputBytes += payload.length;
      if (outputBytes <= limitBytes || overflowed) return;
      overflowed = true;
      kill();
    };
    const done = new Promise<Finished>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      let killTimer: NodeJS.Timeout | undefined;
      const settle = () => {
        clearTimeout(timer);
        clearTimeout(killTimer);
        options.signal?.removeEventListener('abort', abort);
        this.#waiting.delete(id);
      };
      kill = () => {
        if (!this.#waiting.has(id)) return;
        this.#send(id, FRAME.kill, Buffer.alloc(0));
        killTimer ??= setTimeout(() => {
          settle();
          reject(
            new TestbedError(
              `Could not end "${argv[0]}": its fabric did not say within ${KILLED_WITHIN_MS / 1000} s that it has ended.`,
            ),
          );
        }, KILLED_WITHIN_MS);
      };
      const abort = () => {
        this.#send(id, FRAME.kill, Buffer.alloc(0));
        settle();
        reject(options.signal?.reason);
      };
      const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
      if (Number.isFinite(deadlineMs)) {
        timer = setTimeout(() => {
          timedOut = true;
          kill();
        }, deadlineMs);
      }
      this.#waiting.set(id, {
        onFrame: (type, payload) => {
          if (type === FRAME.output) {
            count(payload);
            if (options.onOutput) options.onOutput(payload.toString());
            else kept.stdout.add(payload);
          } else if (type === FRAME.errors) {
            count(payload);
            kept.stderr.add(payload);
          } else if (type === FRAME.exit) {
            settle();
            const exitCode = payload.readInt32LE(0);
            const [stdout, stderr] = [kept.stdout.text(), kept.stderr.text()];
            resolve({ exitCode, stdout, stderr, timedOut, overflowed, outputBytes });
          } else if (type === FRAME.refused) {
            settle();
            reject(new RefusedError(payload.toString()));
          }
        },
        onLost: (error) => {
          settle();
          reject(error);
        },
      });
      if (this.#lost) return this.#waiting.get(id)?.onLost(this.#lost);
      this.#send(id, FRAME.run, packRun(place, argv, options));
      if (options.signal?.aborted) abort();
      else options.signal?.addEventListener('abort', abort, { once: true });
    });
    return {
      done,
      write: (text) => {
        const bytes = Buffer.from(text);
        for (let at = 0; at < bytes.length; at += LARGEST_INPUT) {
          this.#send(id, FRAME.input, bytes.subarray(at, at + LARGEST_INPUT));
        }
      },
      endInput: () => this.#send(id, FRAME.input, Buffer.alloc(0)),
      kill: () => kill(),
    };
  }

  /** Asks a node's init; what it understands is listed in harness/image/agent/world.c. */
  askInit(init: number, request: string): Promise<string> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {
        onFrame: (type, payload) => {
          this.#waiting.delete(id);
          if (type === FRAME.answer) resolve(payload.toString());
          else reject(new RefusedError(payload.toString()));
        },
        onLost: reject,
      });
      if (this.#lost) this.#waiting.get(id)?.onLost(this.#lost);
      else this.#send(id, FRAME.node, Buffer.from(`${init}\0${request}`));
    });
  }

  /** Ends the session and, with it, whatever still runs in it. */
  async close(): Promise<void> {
    this.#stream.end();
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #send(id: number, type: number, payload: Buffer): void {
    if (this.#lost) return;
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(payload.length, 0);
    header.writeUInt32LE(id, 4);
    header.writeUInt32LE(type, 8);
    this.#stream.write(Buffer.concat([header, payload]));
  }

  #receive(chunk: Buffer): void {
    this.#buffer = this.#buffer.length > 0 ? Buffer.concat([this.#buffer, chunk]) : chunk;
    while (this.#buffer.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + this.#buffer.readUInt32LE(0);
      if (this.#buffer.length < end) return;
      const waiting = this.#waiting.get(this.#buffer.readUInt32LE(4));
      waiting?.onFrame(this.#buffer.readUInt32LE(8), this.#buffer.subarray(HEADER_BYTES, end));
      this.#buffer = this.#buffer.subarray(end);
    }
  }

  #lose(error: TestbedError): void {
    this.#lost ??= error;
    for (const waiting of [...this.#waiting.values()]) waiting.onLost(error);
    this.#waiting.clear();
  }
}

function packRun(place: Place, argv: readonly string[], { env = {}, ahead }: RunOptions): Buffer {
  const letter = { fabric: 'f', network: 'n', world: 'w' }[place.kind] + (ahead ? '!' : '');
  const target = place.kind === 'fabric' ? [letter, '0', ''] : [letter, String(place.init), place.pod];
  const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return Buffer.from([...target, String(argv.length), ...argv, ...pairs].map((text) => `${text}\0`).join(''));
}
