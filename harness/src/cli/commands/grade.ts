/** `podwire grade`: submissions, each in its own testbed. Status 0 when all pass, 1, 2 for bad input, 3 when ungraded. */
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { styleText } from 'node:util';
import { fileErrorText, UsageError } from '../../errors.ts';
import { FORMATS } from '../../grading/formats/format.ts';
import { classroomResult } from '../../grading/formats/github.ts';
import { table } from '../../grading/formats/table.ts';
import { gradeAll } from '../../grading/grade-all.ts';
import type { Graded } from '../../grading/graded.ts';
import { type GradingPlan, planGrading } from '../../grading/plan-grading.ts';
import { VerdictFiles } from '../../grading/verdict-files.ts';
import { findLab, type LoadedLab, loadLab } from '../../lab/load-lab.ts';
import { lockFile } from '../../setup/file-lock.ts';
import { prepare } from '../../setup/prepare.ts';
import { stderrTerminal, type Terminal } from '../../setup/terminal.ts';
import { sweep } from '../../testbed/clear-away.ts';
import { defaultJobs } from '../default-jobs.ts';
import { GradingProgress } from '../grading-progress.ts';
import { onInterrupt } from '../interrupt.ts';
import { drawMatrix, type Paint } from '../print-report.ts';

export interface GradeOptions {
  readonly seed?: string;
  readonly seedFrom?: string;
  readonly roster?: string;
  readonly jobs?: string;
  readonly timeLimit?: string;
  readonly format?: string;
  readonly json?: boolean;
  readonly out?: string;
  readonly resume?: boolean;
}

/** Every command of a guide together takes a few seconds. */
const TIME_LIMIT_S = 60;

export async function grade(
  number: string,
  answers: readonly string[],
  options: GradeOptions,
): Promise<number> {
  const formats = formatsOf(options);
  const timeLimitMs = 1000 * positive('--time-limit', options.timeLimit ?? String(TIME_LIMIT_S));
  if (options.resume && !options.out)
    throw new UsageError('--resume goes on with the verdicts in a folder: name it with --out DIR.');
  const lab = await loadLab(await findLab(number));
  const jobs = options.jobs === undefined ? defaultJobs(lab.topology) : positive('--jobs', options.jobs);
  const terminal = stderrTerminal();
  const planned = await planGrading(lab, answers, options);
  const results = options.out === undefined ? null : await holdFolder(options.out, terminal);
  try {
    const report = await gradePlanned(lab, planned, options, { jobs, timeLimitMs, terminal });
    await publish(report, formats, options.out);
    return statusOf(report);
  } finally {
    results?.release();
  }
}

const LOCK = '.grading';

/** One run at a time writes into a folder of results. */
async function holdFolder(folder: string, terminal: Terminal): Promise<{ release(): void }> {
  return writeInto(folder, async () => {
    await mkdir(folder, { recursive: true });
    return lockFile(path.join(folder, LOCK), (holder) =>
      terminal.line(
        `Waiting for process ${holder}, which grades into ${folder} too. If there is none: rm ${path.join(folder, LOCK)}`,
      ),
    );
  });
}

async function writeInto<T>(folder: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw new UsageError(`Could not write into ${folder}: ${fileErrorText(error)}`, { cause: error });
  }
}

async function gradePlanned(
  lab: LoadedLab,
  planned: GradingPlan,
  options: GradeOptions,
  {
    jobs,
    timeLimitMs,
    terminal,
  }: { readonly jobs: number; readonly timeLimitMs: number; readonly terminal: Terminal },
): Promise<Graded[]> {
  const graded = new Map<string, Graded>();
  for (const refused of planned.refused) graded.set(refused.submission, refused);
  let tasks = planned.tasks;
  const kept = options.out ? new VerdictFiles(options.out) : null;
  if (tasks.length > 0) {
    const { docker, image } = await prepare(terminal);
    terminal.clear();
    const keyOf = (task: (typeof tasks)[number]) => planned.keyOf(task, { image, timeLimitMs });
    if (kept && options.resume) {
      for (const task of tasks) {
        const { submission, student } = task.subject;
        const known = await kept.read(submission, keyOf(task));
        // The roster may have learned a student's name since.
        if (known) graded.set(submission, { ...known, student });
      }
      tasks = tasks.filter(({ subject }) => !graded.has(subject.submission));
    }
    const progress = new GradingProgress(terminal, tasks.length, planned.tasks.length - tasks.length);
    await sweep(docker);
    const { signal, release } = onInterrupt();
    try {
      await gradeAll(docker, tasks, {
        lab,
        image,
        jobs,
        timeLimitMs,
        signal,
        onTrouble: (text) => terminal.line(text),
        onVerdict: async (task, verdict) => {
          await kept?.write(keyOf(task), verdict);
          graded.set(verdict.submission, verdict);
          progress.tell(verdict);
        },
      });
    } finally {
      terminal.clear();
      release();
    }
  }
  return planned.order.flatMap((name) => graded.get(name) ?? []);
}

function formatsOf({ format = '', json = false, out }: GradeOptions): string[] {
  const names = [...(format === '' ? [] : format.split(',')), ...(json ? ['json'] : [])].map((name) =>
    name.trim(),
  );
  for (const name of names) {
    if (!Object.hasOwn(FORMATS, name) && name !== 'table')
      throw new UsageError(
        `There is no format "${name.slice(0, 40)}". There are: table, ${Object.keys(FORMATS).join(', ')}.`,
      );
  }
  const formats = [...new Set(names)];
  if (formats.length > 1 && !out)
    throw new UsageError('Several formats need a folder to be written to: name it with --out DIR.');
  return formats;
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UsageError(`Wanted a whole number above 0 after ${option}, found "${text}".`);
}

/** Without a folder, the one format on stdout; with one, each in its file, and the table on stdout. */
async function publish(
  report: readonly Graded[],
  formats: readonly string[],
  out: string | undefined,
): Promise<void> {
  if (formats.includes('github')) await tellGithub(report);
  if (out) {
    for (const name of new Set(['json', 'csv', ...formats])) {
      const format = FORMATS[name];
      if (format) await writeInto(out, () => writeFile(path.join(out, format.file), format.write(report)));
    }
  }
  const format = FORMATS[out && formats.length !== 1 ? '' : (formats[0] ?? '')];
  process.stdout.write(format ? format.write(report) : table(report) + matrixOf(report));
}

/** Of one submission alone: who reached whom. For a class it is in the JSON. */
function matrixOf(report: readonly Graded[]): string {
  const [only, ...others] = report;
  if (!only?.matrix || others.length > 0) return '';
  const paint: Paint = (style, text) => styleText(style, text, { stream: process.stdout });
  return `\n${drawMatrix(only.matrix, paint).join('\n')}\n`;
}

/** Inside a workflow: the job's summary, and the output that Classroom's reporter reads. */
async function tellGithub(report: readonly Graded[]): Promise<void> {
  const { GITHUB_STEP_SUMMARY: summary, GITHUB_OUTPUT: output } = process.env;
  if (summary) await appendFile(summary, FORMATS.github?.write(report) ?? '');
  const result = Buffer.from(JSON.stringify(classroomResult(report))).toString('base64');
  if (output) await appendFile(output, `result=${result}\n`);
}

function statusOf(report: readonly Graded[]): number {
  if (report.some(({ status }) => status === 'ungraded')) return 3;
  if (report.some(({ status }) => status === 'refused')) return 2;
  const whole = report.every(({ checks }) =>
    checks.every(({ verdict }) => verdict === 'pass' || verdict === 'skipped'),
  );
  return whole ? 0 : 1;
}
