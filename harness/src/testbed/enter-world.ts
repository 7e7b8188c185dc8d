/** The way into the world of a host, by a `docker exec` of the node's own container. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Container, Exec } from 'dockerode';
import { TestbedError } from '../errors.ts';
import type { Docker } from './docker.ts';
import { type Host, hostName } from './host.ts';
import { commandWords } from './identity.ts';
import { findTestbed } from './inventory.ts';
import { learnerEnvironment, type Testbed } from './testbed.ts';

/** The image has this one locale; with it, every character of a learner's comes through. */
const LOCALE = { LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' };
/** The engine may tell of the end of the output a moment before it tells of that of the process. */
const EXIT_STATUS_WITHIN_MS = 5_000;

/** What processes are known by later: a variable in the environment of all that a command starts. */
export function newMark(): string {
  return `PODWIRE_SHELL=${randomBytes(8).toString('hex')}`;
}

export async function findNode(
  docker: Docker,
  { identity }: Pick<Testbed, 'identity'>,
  host: Host,
): Promise<string> {
  const found = await findTestbed(docker, identity.id);
  const node = found?.nodes[host.node];
  if (node?.State === 'running') return node.Id;
  const words = commandWords(identity);
  throw new TestbedError(
    node
      ? `Could not open a shell in ${hostName(host)}: ${host.node} has stopped. Start over with: npx podwire reset ${words}`
      : `Could not open a shell in ${hostName(host)}: lab ${identity.lab} is not open. Open it with: npx podwire up ${words}`,
  );
}

/**
 * See harness/image/agent/enter.c: nothing of the container's own environment goes along. `terminal` is what a
 * program needs to know of the terminal it draws on.
 */
export function enterCommand(
  { plan }: Pick<Testbed, 'plan'>,
  host: Host,
  mark: string,
  command: readonly string[],
  terminal: Readonly<Record<string, string>> = {},
): string[] {
  const environment = { ...learnerEnvironment(plan, host), ...LOCALE, ...terminal };
  return [
    '/usr/lib/podwire/agent',
    'enter',
    ...(host.pod ? ['--pod', host.pod] : []),
    '--env',
    mark,
    ...Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    '--',
    ...command,
  ];
}

/**
 * Ends what was started in the node: the engine lets it go on when the connection closes. The processes
 * are known by the mark in their environment.
 */
export async function endProcesses(container: Container, mark: string): Promise<void> {
  const script =
    'for p in /proc/[0-9]*; do grep -qz "^$0$" $p/environ && kill -KILL $(basename $p); done 2>/dev/null';
  const exec = await container.exec({
    Cmd: ['/usr/lib/podwire/agent', 'enter', '--', 'sh', '-c', script, mark],
  });
  const answer = await exec.start({ Detach: true });
  answer.resume();
}

/** A connection that breaks ends the shell too: its status tells what became of it. */
export function ended(stream: NodeJS.ReadWriteStream): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve());
  });
}

export async function exitStatus(exec: Exec, host: Host): Promise<number> {
  const deadline = performance.now() + EXIT_STATUS_WITHIN_MS;
  for (;;) {
    const { Running, ExitCode } = await exec.inspect();
    if (!Running && ExitCode !== null) return ExitCode;
    if (performance.now() > deadline) throw new TestbedError(`Lost the connection to ${hostName(host)}.`);
    await delay(20);
  }
}
