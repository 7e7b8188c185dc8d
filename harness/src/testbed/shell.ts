/** A learner's shell, or command, in a node or pod: on a terminal as if sitting there, else with plain streams. */
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { ReadStream, WriteStream } from 'node:tty';
import type { Exec } from 'dockerode';
import { TestbedError } from '../errors.ts';
import { beforeSignals, guardTerminal } from '../terminal-guard.ts';
import { statusOf } from './containers.ts';
import type { Docker } from './docker.ts';
import { engineText } from './engine-error.ts';
import { ended, endProcesses, enterCommand, exitStatus, findNode, newMark } from './enter-world.ts';
import { type Host, hostName } from './host.ts';
import { commandWords } from './identity.ts';
import type { Testbed } from './testbed.ts';

export interface Streams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** What a program needs to know of the terminal it draws on. */
const TERMINAL_VARIABLES = ['TERM', 'COLORTERM', 'NO_COLOR'] as const;
const SIGPIPE = 13;
/**
 * Runs a command, or bash without one, in the world of a host.
 *
 * @returns its exit status.
 * @throws {TestbedError} when it cannot be started, because the node is not running.
 */
export async function openShell(
  docker: Docker,
  testbed: Pick<Testbed, 'identity' | 'plan'>,
  host: Host,
  command: readonly string[] | null,
  streams: Streams,
): Promise<number> {
  const { stdin, stdout } = streams;
  const terminal = stdin instanceof ReadStream && stdout instanceof WriteStream ? { stdin, stdout } : null;
  const container = docker.getContainer(await findNode(docker, testbed, host));
  const mark = newMark();
  const release = beforeSignals(() => endProcesses(container, mark));
  try {
    const exec = await container.exec({
      Cmd: enterCommand(testbed, host, mark, command ?? ['bash'], terminal ? terminalEnvironment() : {}),
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty: terminal !== null,
      ...(terminal ? { ConsoleSize: [terminal.stdout.rows, terminal.stdout.columns] } : {}),
    });
    const stream = await exec.start({ hijack: true, stdin: true, Tty: terminal !== null });
    if (terminal) {
      await attachTerminal(exec, stream, terminal.stdin, terminal.stdout);
    } else if ((await attachPipes(docker, stream, streams)) === 'nobody reads') {
      await endProcesses(container, mark);
      return 128 + SIGPIPE;
    }
    return await exitStatus(exec, host);
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    throw new TestbedError(
      `Could not open a shell in ${hostName(host)}: ${engineText(error)}. ` +
        `If its node has stopped, start over with: npx podwire reset ${commandWords(testbed.identity)}`,
      { cause: error },
    );
  } finally {
    release();
  }
}

function terminalEnvironment(): Record<string, string> {
  const known = TERMINAL_VARIABLES.flatMap((name) => {
    const value = process.env[name];
    return value ? [[name, value] as const] : [];
  });
  return { TERM: 'xterm-256color', ...Object.fromEntries(known) };
}

async function attachTerminal(
  exec: Exec,
  stream: NodeJS.ReadWriteStream,
  stdin: ReadStream,
  stdout: WriteStream,
): Promise<void> {
  // The size of the terminal belongs to the exec; one that has ended meanwhile has none.
  const resize = () => {
    exec.resize({ h: stdout.rows, w: stdout.columns }).catch(() => {});
  };
  const restore = () => {
    stdin.unpipe(stream);
    stdin.pause();
    if (stdin.isTTY) stdin.setRawMode(false);
  };
  const release = guardTerminal(restore);
  stdin.setRawMode(true);
  stdin.pipe(stream);
  stdin.resume();
  stdout.on('resize', resize);
  resize();
  try {
    stream.on('data', (chunk: Buffer) => stdout.write(chunk));
    await ended(stream);
  } finally {
    stdout.off('resize', resize);
    release();
    restore();
  }
}

async function attachPipes(
  docker: Docker,
  stream: NodeJS.ReadWriteStream,
  { stdin, stdout, stderr }: Streams,
): Promise<'ended' | 'nobody reads'> {
  const [output, errors] = [new PassThrough(), new PassThrough()];
  docker.modem.demuxStream(stream, output, errors);
  output.pipe(stdout, { end: false });
  errors.pipe(stderr, { end: false });
  // `podwire sh ... | head`: what SIGPIPE tells a program that writes.
  const hungUp = new Promise<'nobody reads'>((resolve) =>
    stdout.once('error', () => resolve('nobody reads')),
  );
  stdin.pipe(stream);
  try {
    return await Promise.race([ended(stream).then(() => 'ended' as const), hungUp]);
  } finally {
    stdin.unpipe(stream);
    stdin.pause();
    output.unpipe(stdout);
    (stream as unknown as { destroy(): void }).destroy();
  }
}
