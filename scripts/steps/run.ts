/** Runs one part of a developer's task: says which, shows its output, ends the task when it fails. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { WORKBOOK } from '../../harness/src/lab/load-lab.ts';

export async function run(
  title: string,
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  process.stderr.write(`\n${title}\n`);
  const { exitCode } = await execa(command, args, {
    cwd: WORKBOOK,
    stdio: 'inherit',
    reject: false,
    preferLocal: true,
    env: { PATH: `${path.dirname(process.execPath)}:${process.env.PATH}`, ...env },
  });
  if (exitCode !== 0) {
    process.stderr.write(`\n${title}: failed.\n`);
    process.exit(1);
  }
}

/** What jest writes with --json, as far as it is read here. */
interface JestResult {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Lines of a failure that are shown where all failures are told again, at the end. */
const LINES_OF_A_FAILURE = 40;

/** The failures of a long run, where they can be found: at its end. */
function describeFailures({ testResults }: JestResult): string[] {
  const lines: string[] = [];
  for (const { name, status, message, assertionResults } of testResults) {
    const failed = assertionResults.filter((each) => each.status === 'failed');
    const file = path.relative(WORKBOOK, name);
    for (const { fullName, failureMessages } of failed) {
      lines.push('', `Failed: ${file}: ${fullName}`, ...failureMessages.flatMap(firstLines));
    }
    if (status === 'failed' && failed.length === 0) lines.push('', `Failed: ${file}`, ...firstLines(message));
  }
  return lines;
}

function firstLines(text: string): string[] {
  return text
    .split('\n')
    .slice(0, LINES_OF_A_FAILURE)
    .map((line) => `  ${line}`);
}

/**
 * Runs jest for one part after the other, names what failed, and prints, as the last line, `N passed, N failed`.
 *
 * @param parts jest's arguments, for each
 */
export async function runJest(
  title: string,
  parts: readonly (readonly string[])[],
  env: Record<string, string> = {},
): Promise<void> {
  process.stderr.write(`\n${title}\n`);
  const results: JestResult[] = [];
  for (const args of parts) results.push(await runPart(args, env));
  const sum = (count: (result: JestResult) => number) =>
    results.reduce((total, each) => total + count(each), 0);
  const failed = sum(
    ({ numFailedTests, numRuntimeErrorTestSuites }) => numFailedTests + numRuntimeErrorTestSuites,
  );
  for (const line of results.flatMap(describeFailures)) process.stdout.write(`${line}\n`);
  process.stdout.write(`\n${sum(({ numPassedTests }) => numPassedTests)} passed, ${failed} failed\n`);
}

async function runPart(args: readonly string[], env: Record<string, string>): Promise<JestResult> {
  const directory = await mkdtemp(path.join(tmpdir(), 'podwire-jest-'));
  const outputFile = path.join(directory, 'result.json');
  try {
    const { exitCode } = await execa(
      process.execPath,
      [
        '--experimental-vm-modules',
        '--disable-warning=ExperimentalWarning',
        path.join(WORKBOOK, 'node_modules/jest/bin/jest.js'),
        '--json',
        `--outputFile=${outputFile}`,
        ...args,
      ],
      {
        cwd: WORKBOOK,
        stdio: ['inherit', 'ignore', 'inherit'],
        reject: false,
        env: { ...env, TESTCONTAINERS_RYUK_DISABLED: 'true' },
      },
    );
    if (exitCode !== 0) process.exitCode = 1;
    return JSON.parse(await readFile(outputFile, 'utf8')) as JestResult;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
