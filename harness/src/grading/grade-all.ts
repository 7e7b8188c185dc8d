/** Grades many submissions side by side, each in a fresh testbed that is made ready while others are graded. */
import { errorText } from '../errors.ts';
import type { LoadedLab } from '../lab/load-lab.ts';
import type { Docker } from '../testbed/docker.ts';
import { type FreshTestbed, makeFresh } from '../testbed/ephemeral.ts';
import type { AddressPlan } from '../topology/plan.ts';
import { type Attempt, gradeOne, NOTHING } from './grade-one.ts';
import type { Graded } from './graded.ts';
import { judge, type Subject } from './judge.ts';
import { untilKernelRests } from './lost-packets.ts';
import { asOwnDoing, endedTwice, failedAlike, guideSubmission } from './second-verdict.ts';
import type { Submission } from './submissions/submission.ts';

export interface Task {
  readonly subject: Subject;
  readonly submission: Submission;
  readonly plan: AddressPlan;
}

export interface GradeAllOptions {
  readonly lab: LoadedLab;
  readonly image: string;
  readonly jobs: number;
  readonly timeLimitMs: number;
  readonly signal: AbortSignal;
  /** Told in the order in which verdicts are reached; the next is told after this one was taken in. */
  readonly onVerdict: (task: Task, graded: Graded) => Promise<void>;
  /** Told of what goes wrong beside the verdicts, such as a testbed that cannot be removed. */
  readonly onTrouble?: (text: string) => void;
}

/**
 * @throws the reason of `signal` when it is aborted. Whatever happens, nobody works on a testbed any more when it
 * returns, and none is left but those whose removal was told as trouble.
 */
export async function gradeAll(
  docker: Docker,
  tasks: readonly Task[],
  options: GradeAllOptions,
): Promise<void> {
  const waiting = [...tasks];
  await using testbeds = new Testbeds(docker, options, waiting);
  /** Whom others may have disturbed, with the attempt that counts as the first all the same. */
  const alone: { readonly task: Task; readonly first: Attempt | null; readonly spentMs: number }[] = [];
  const beside = options.jobs > 1 && tasks.length > 1;
  const tryAlone: Try = async (task, timeLimitMs = options.timeLimitMs) => {
    await testbeds.clear();
    const making = testbeds.take(task);
    // Its failure is told where it is waited for.
    await making.then(({ testbed }) => untilKernelRests(testbed, options.signal)).catch(() => {});
    return tryOnce(docker, task, making, testbeds, { ...options, timeLimitMs });
  };
  const finish = async (task: Task, first: Attempt, began: number, spentMs = 0) => {
    let attempt = first;
    if (first.error !== null) {
      const second = await tryAlone(task);
      attempt = await secondVerdict(task, first, second, tryAlone, options);
    }
    const durationMs = performance.now() - began + spentMs;
    const attempts = first.error === null ? 1 : 2;
    const more = { attempts, durationMs, notes: task.submission.notes, firstError: first.error };
    await options.onVerdict(task, judge(task.subject, options.lab, attempt, more));
  };
  const gradeTask = async (task: Task) => {
    const began = performance.now();
    const making = testbeds.take(task);
    const next = waiting[0];
    if (next) testbeds.prepare(next);
    const first = await tryOnce(docker, task, making, testbeds, options);
    if (!beside || !(first.disturbed || first.error !== null)) return finish(task, first, began);
    alone.push({ task, first: first.disturbed ? null : first, spentMs: performance.now() - began });
  };
  const work = async () => {
    for (let task = waiting.shift(); task; task = waiting.shift()) await gradeTask(task);
  };
  const worker = () =>
    work().catch((error: unknown) => {
      waiting.length = 0;
      throw error;
    });
  const ended = await Promise.allSettled(Array.from({ length: options.jobs }, worker));
  for (const each of ended) if (each.status === 'rejected') throw each.reason;
  // Processors, and the kernel's room for packets, are there once for the whole machine: whom others kept waiting, whose
  // packets may be lost, and what failed beside them, gets its next attempt alone.
  for (const { task, first, spentMs } of alone) {
    const began = performance.now();
    await finish(task, first ?? (await tryAlone(task)), began, spentMs);
  }
}

/** Grades when all other testbeds are gone. */
type Try = (task: Task, timeLimitMs?: number) => Promise<Attempt>;

async function tryOnce(
  docker: Docker,
  task: Task,
  making: Promise<FreshTestbed>,
  testbeds: Testbeds,
  { lab, timeLimitMs, signal }: GradeAllOptions,
): Promise<Attempt> {
  let fresh: FreshTestbed;
  try {
    fresh = await making;
  } catch (error) {
    signal.throwIfAborted();
    return { ...NOTHING, error: errorText(error) };
  }
  let clean = false;
  try {
    const attempt = await gradeOne(docker, lab, fresh, task.submission, { timeLimitMs, signal });
    clean = attempt.clean;
    return attempt;
  } finally {
    testbeds.giveBack(making, fresh, clean);
  }
}

/**
 * Two attempts that fail in the same way say something of the submission, where the grader can check the guide's
 * network at the same time: nobody gets around a verdict by what the grader cannot bear.
 */
async function secondVerdict(
  task: Task,
  first: Attempt,
  second: Attempt,
  tryAlone: Try,
  { lab, timeLimitMs }: GradeAllOptions,
): Promise<Attempt> {
  if (endedTwice(first, second)) return { ...second, error: null };
  if (!failedAlike(first, second)) return second;
  const control: Task = { ...task, submission: guideSubmission(lab) };
  const attempt = await tryAlone(control, Math.max(timeLimitMs, CONTROL_LIMIT_MS));
  const fine = attempt.report?.checks.every(({ verdict }) => verdict === 'pass' || verdict === 'skipped');
  return fine ? asOwnDoing(lab, task.subject.seed, second) : second;
}

/** The guide's commands take a few seconds. */
const CONTROL_LIMIT_MS = 60_000;

/**
 * The testbeds of one grading: made ahead, handed out once, and then made anew for the next or removed, in the
 * background.
 */
class Testbeds implements AsyncDisposable {
  readonly #docker: Docker;
  readonly #options: GradeAllOptions;
  readonly #waiting: readonly Task[];
  readonly #ahead = new Map<Task, Promise<FreshTestbed>>();
  readonly #standing = new Set<Promise<FreshTestbed>>();
  readonly #removing = new Set<Promise<void>>();
  /** Those whose grading went its ordinary way. */
  readonly #used: FreshTestbed[] = [];
  readonly #renewing = new Set<FreshTestbed>();
  readonly #abort: () => void;

  /** @param waiting what is still to be graded, the next one first. */
  constructor(docker: Docker, options: GradeAllOptions, waiting: readonly Task[]) {
    this.#docker = docker;
    this.#options = options;
    this.#waiting = waiting;
    // What runs in a testbed ends with it: this is how Ctrl-C reaches commands and checks in flight.
    this.#abort = () => {
      for (const used of this.#renewing) used.remove().catch(() => {});
      for (const making of this.#standing) making.then((fresh) => fresh.remove()).catch(() => {});
    };
    options.signal.addEventListener('abort', this.#abort);
  }

  prepare(task: Task): void {
    if (this.#ahead.has(task) || this.#options.signal.aborted) return;
    const used = this.#used.pop();
    this.#ahead.set(task, this.#stand(used ? this.#renew(used, task) : this.#make(task)));
  }

  /** One that was not prepared is made of new containers. */
  take(task: Task): Promise<FreshTestbed> {
    const prepared = this.#ahead.get(task) ?? this.#stand(this.#make(task));
    this.#ahead.delete(task);
    return prepared;
  }

  giveBack(making: Promise<FreshTestbed>, fresh: FreshTestbed, clean: boolean): void {
    this.#standing.delete(making);
    // What was left running in it runs on until then, so that nobody is kept for later.
    const wanted = this.#waiting.some((task) => !this.#ahead.has(task));
    if (clean && wanted && !this.#options.signal.aborted) this.#used.push(fresh);
    else this.#remove(fresh);
  }

  /** Removes those that nobody has taken back, and ends when all that were to be removed are gone. */
  async clear(): Promise<void> {
    for (const fresh of this.#used.splice(0)) this.#remove(fresh);
    await Promise.all(this.#removing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.signal.removeEventListener('abort', this.#abort);
    for (const making of [...this.#standing]) {
      await making.then(
        (fresh) => this.giveBack(making, fresh, false),
        () => {},
      );
    }
    await this.clear();
  }

  #stand(making: Promise<FreshTestbed>): Promise<FreshTestbed> {
    this.#standing.add(making);
    // Whoever takes it hears of its failure; one that nobody takes any more does not matter.
    making.catch(() => this.#standing.delete(making));
    return making;
  }

  #make(task: Task): Promise<FreshTestbed> {
    const { lab, image, signal } = this.#options;
    const { number, topology, start } = lab;
    return makeFresh(this.#docker, { lab: number, topology, plan: task.plan, image, start }, signal);
  }

  /** Containers in which something is left, or may be, do not serve again. */
  async #renew(used: FreshTestbed, task: Task): Promise<FreshTestbed> {
    this.#renewing.add(used);
    try {
      return await used.renew(task.plan);
    } catch {
      this.#remove(used);
      return await this.#make(task);
    } finally {
      this.#renewing.delete(used);
    }
  }

  #remove(fresh: FreshTestbed): void {
    const removing = fresh
      .remove()
      .catch((error: unknown) =>
        this.#options.onTrouble?.(
          `Could not remove a testbed: ${errorText(error)} The next command tries again.`,
        ),
      )
      .finally(() => this.#removing.delete(removing));
    this.#removing.add(removing);
  }
}
