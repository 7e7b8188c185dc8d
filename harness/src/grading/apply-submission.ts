/** Runs the commands of a submission as their learner, within its limits, and keeps what they said. */
import { RefusedError } from '../testbed/session.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { cleanText } from './clean-text.ts';
import type { Step } from './graded.ts';
import type { Script, Submission } from './submissions/submission.ts';

export interface ApplyOptions {
  /** For all commands of the submission together. */
  readonly timeLimitMs: number;
  readonly signal?: AbortSignal;
}

/** Of each stream, as evidence; and of all streams of a submission together. */
const KEPT_BYTES = 8 * 1024;
const KEPT_IN_ALL = 256 * 1024;
/** A command that writes more is ended: nobody reads it, and carrying it away takes time from others. */
const OUTPUT_LIMIT = 16 * 1024 * 1024;
const OUTPUT_IN_ALL = 64 * 1024 * 1024;
/** One argument of a command may have 128 KiB (MAX_ARG_STRLEN, linux/binfmts.h). */
const LONGEST_ARGUMENT = 100 * 1024;

/**
 * Runs all scripts in their order. A command that fails ends nothing, as in a shell: the network that stands
 * at the end is what is graded.
 */
export async function applySubmission(
  testbed: Testbed,
  submission: Submission,
  { timeLimitMs, signal }: ApplyOptions,
): Promise<Step[]> {
  const deadline = performance.now() + timeLimitMs;
  const steps: Step[] = [];
  for (const script of submission.scripts) {
    signal?.throwIfAborted();
    const leftMs = deadline - performance.now();
    steps.push(
      leftMs > 0 ? await runScript(testbed, script, { leftMs, ...roomAfter(steps) }, signal) : notRun(script),
    );
  }
  return steps;
}

interface Room {
  readonly leftMs: number;
  readonly keepBytes: number;
  readonly limitBytes: number;
}

/** What the next command may write, and how much of that is kept. */
function roomAfter(steps: readonly Step[]): Omit<Room, 'leftMs'> {
  const kept = steps.reduce((sum, { stdout, stderr }) => sum + stdout.length + stderr.length, 0);
  const written = steps.reduce((sum, { outputBytes }) => sum + outputBytes, 0);
  return {
    keepBytes: Math.max(0, Math.min(KEPT_BYTES, KEPT_IN_ALL - kept)),
    limitBytes: Math.max(0, Math.min(OUTPUT_LIMIT, OUTPUT_IN_ALL - written)),
  };
}

async function runScript(
  testbed: Testbed,
  script: Script,
  { leftMs, keepBytes, limitBytes }: Room,
  signal: AbortSignal | undefined,
): Promise<Step> {
  const began = performance.now();
  const { host, source } = script;
  const durationMs = () => Math.round(performance.now() - began);
  try {
    const place = testbed.host(host);
    const { argv, input } = commandOf(script);
    const ended = await testbed.runAsLearner(place, argv, {
      deadlineMs: leftMs,
      keepBytes,
      limitBytes,
      input,
      ...(signal ? { signal } : {}),
    });
    const stopped = ended.timedOut || ended.overflowed;
    return {
      host,
      source,
      outcome: ended.overflowed ? 'output-limit' : ended.timedOut ? 'time-limit' : 'ended',
      exitCode: stopped ? null : ended.exitCode,
      stdout: cleanText(ended.stdout),
      stderr: cleanText(ended.stderr),
      outputBytes: ended.outputBytes,
      durationMs: durationMs(),
    };
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return {
      ...notRun(script),
      outcome: 'node-ended',
      stderr: cleanText(error.message),
      durationMs: durationMs(),
    };
  }
}

/**
 * A script is bash's, unless its first line says otherwise. One that is long or has such a line is put into
 * a file of the learner's own.
 */
function commandOf({ commands }: Script): { readonly argv: readonly string[]; readonly input: string } {
  const interpreter = /^#!(.*)/.exec(commands)?.[1] ?? '';
  const foreign = interpreter !== '' && !/\b(ba|da)?sh\b/.test(interpreter);
  if (!foreign && Buffer.byteLength(commands) < LONGEST_ARGUMENT)
    return { argv: [/\/(da)?sh\b/.test(interpreter) ? 'sh' : 'bash', '-c', commands], input: '' };
  const run = foreign ? 'chmod +x "$file" && exec "$file"' : 'exec bash "$file"';
  const script = `file=$(mktemp /root/submission.XXXXXX) && cat >"$file" && ${run} </dev/null`;
  return { argv: ['bash', '-c', script], input: commands };
}

function notRun({ host, source }: Script): Step {
  return {
    host,
    source,
    outcome: 'not-run',
    exitCode: null,
    stdout: '',
    stderr: '',
    outputBytes: 0,
    durationMs: 0,
  };
}
