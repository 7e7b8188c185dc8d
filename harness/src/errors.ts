/** The errors that callers tell apart. Each text says what was attempted, what was found, what to do next. */

/** The command line, a topology, a lab or an answer is wrong. Exit status 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** A lab folder breaks the lab format: its author's mistake. Exit status 2. */
export class LabError extends Error {
  override name = 'LabError';
}

/** The machinery could not do its work: no engine, a testbed that is gone or broken. Exit status 3. */
export class TestbedError extends Error {
  override name = 'TestbedError';
}

/** A command of the harness inside a testbed failed, where it may not fail. Exit status 3. */
export class CommandError extends TestbedError {
  override name = 'CommandError';
  readonly command: readonly string[];
  readonly exitCode: number;
  readonly stderr: string;

  constructor(place: string, command: readonly string[], exitCode: number, stderr: string) {
    super(
      `Could not run \`${command.join(' ')}\` on ${place}: it ended with status ${exitCode}` +
        `${stderr.trim() ? `, saying: ${stderr.trim()}` : '.'}`,
    );
    this.command = command;
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** The text of anything that was thrown, for people. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same of an error of the file system, without the call and the path: the sentence around it names the file. */
export function fileErrorText(error: unknown): string {
  const text = errorText(error);
  const isOfSystem = error instanceof Error && 'syscall' in error;
  return isOfSystem ? text.replace(/^[A-Z0-9]+: /, '').replace(/, \w+(?: '.*')?$/s, '') : text;
}
