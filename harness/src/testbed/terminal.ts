/** A learner's shell on a terminal that somebody else draws: bytes in, bytes out, and a size. */
import type { Duplex } from 'node:stream';
import { TestbedError } from '../errors.ts';
import { statusOf } from './containers.ts';
import type { Docker } from './docker.ts';
import { engineText } from './engine-error.ts';
import { ended, enterCommand, exitStatus, findNode, newMark } from './enter-world.ts';
import { type Host, hostName } from './host.ts';
import { describeProcess, isGone } from './owner.ts';
import type { Testbed } from './testbed.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface ShellTerminal {
  readonly stream: Duplex;
  /** Resolves with the exit status when the shell has ended, whoever ended it. */
  readonly done: Promise<number>;
  /** Resolves when programs in the shell are told. */
  resize(size: Size): Promise<void>;
  /** Ends the shell and what runs in its foreground, as closing a terminal's window does. */
  end(): Promise<void>;
}

/**
 * The process that leads the terminal's session. Jobs in its background have process groups of their own and
 * go on, as they do when a shell is left by `exit`: a server that a guide starts belongs to the lab, not to the
 * window. What was started by `setsid` has no terminal.
 */
const END_LEADER =
  'for p in /proc/[0-9]*; do grep -qz "^$0$" $p/environ || continue; ' +
  'read -r stat <$p/stat; set -- ${stat##*) }; [ $4 = ${p##*/} ] && [ $5 != 0 ] && kill -KILL $4; done 2>/dev/null';

const LIST_SHELLS =
  "for p in /proc/[0-9]*; do tr '\\0' '\\n' <$p/environ | grep '^PODWIRE_SHELL=.*@'; done 2>/dev/null | sort -u";

/** Ends the terminals of processes that were killed: the engine lets them go on. */
export async function endOrphanTerminals(testbed: Testbed): Promise<void> {
  await Promise.all(
    testbed.nodes.map(async (node) => {
      const host = { node, pod: '' };
      const { stdout } = await testbed.runAsLearner(host, ['sh', '-c', LIST_SHELLS]);
      const orphans = stdout.split('\n').filter((mark) => mark !== '' && isGone(mark.split('@')[1] ?? ''));
      for (const mark of orphans) await testbed.runAsLearner(host, ['sh', '-c', END_LEADER, mark]);
    }),
  );
}

/** Opens bash in the world of a host. @throws {TestbedError} when the node is not running. */
export async function openTerminal(
  docker: Docker,
  testbed: Pick<Testbed, 'identity' | 'plan'>,
  host: Host,
  size: Size,
): Promise<ShellTerminal> {
  const container = docker.getContainer(await findNode(docker, testbed, host));
  // Whose it is, so that what a killed process leaves can be told from what a living one uses.
  const mark = `${newMark()}@${describeProcess()}`;
  const variables = { TERM: 'xterm-256color', COLORTERM: 'truecolor' };
  try {
    const exec = await container.exec({
      Cmd: enterCommand(testbed, host, mark, ['bash'], variables),
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty: true,
      ConsoleSize: [size.rows, size.columns],
    });
    const stream = await exec.start({ hijack: true, stdin: true, Tty: true });
    // A shell that has ended meanwhile has no size.
    const resize = ({ columns, rows }: Size) => exec.resize({ h: rows, w: columns }).catch(() => {});
    // Engines before 23 do not know ConsoleSize.
    await resize(size);
    return {
      stream,
      resize,
      done: ended(stream).then(() => exitStatus(exec, host)),
      end: async () => {
        const ending = await container.exec({
          Cmd: ['/usr/lib/podwire/agent', 'enter', '--', 'sh', '-c', END_LEADER, mark],
        });
        (await ending.start({ Detach: true })).resume();
      },
    };
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    throw new TestbedError(`Could not open a terminal in ${hostName(host)}: ${engineText(error)}.`, {
      cause: error,
    });
  }
}
