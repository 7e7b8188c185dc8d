/** Runs a shell script as root: as ourselves where we are, by sudo elsewhere. */
import { spawn } from 'node:child_process';
import { TestbedError } from '../errors.ts';
import type { Machine } from './machine.ts';

const KEPT_LINES = 20;

export interface RootScript {
  /** What it is for, as in "Could not ...". */
  readonly purpose: string;
  readonly script: string;
  /** Positional parameters of the script. */
  readonly parameters?: readonly string[];
  readonly onLine?: (line: string) => void;
  /** Aborted, it ends the script, and waits until it has tidied up. */
  readonly signal?: AbortSignal | undefined;
}

/** @throws {TestbedError} with the last lines the script wrote; or the signal's reason. */
export async function runAsRoot(machine: Machine, what: RootScript): Promise<string> {
  const child = startAsRoot(machine, what);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await child.done;
  return output;
}

/** Starts it with its output to be read: what is written to stderr is kept for a failure's text. */
export function startAsRoot(
  machine: Machine,
  { purpose, script, parameters = [], onLine, signal }: RootScript,
) {
  signal?.throwIfAborted();
  const shell = ['/bin/sh', '-c', script, 'podwire', ...parameters];
  const [program = '', ...rest] = machine.privilege === 'root' ? shell : ['sudo', ...shell];
  // sudo asks for a password on the terminal itself.
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n').filter((part) => part.trim() !== '')) {
      lines.push(line);
      onLine?.(line);
    }
    lines.splice(0, lines.length - KEPT_LINES);
  });
  const end = () => child.kill();
  process.once('exit', end);
  signal?.addEventListener('abort', end, { once: true });
  const done = new Promise<void>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new TestbedError(`Could not ${purpose}: ${program} could not be started (${cause.message}).`, {
          cause,
        }),
      ),
    );
    child.once('close', (status) => {
      process.off('exit', end);
      signal?.removeEventListener('abort', end);
      if (status === 0) resolve();
      else if (signal?.aborted) reject(signal.reason);
      else
        reject(
          new TestbedError(
            `Could not ${purpose}: the command ended with status ${status}, saying:\n` +
              `${lines.map((line) => `  ${line}`).join('\n')}\n${adviceFor(lines.join('\n'))}`,
          ),
        );
    });
  });
  return { stdout: child.stdout, done };
}

function adviceFor(output: string): string {
  if (/No space left|You don't have enough free space/i.test(output))
    return 'The disk is full. Make room and run the same command again.';
  if (
    /Temporary failure resolving|Could not resolve|Failed to fetch|Could not connect|Unable to connect/i.test(
      output,
    )
  )
    return 'The package server cannot be reached. Check the network (and the proxy of apt) and run the same command again.';
  if (/Could not get lock|is held by process/i.test(output))
    return 'Another program is installing packages. When it has finished, run the same command again.';
  return 'Run the same command again once that is repaired.';
}
