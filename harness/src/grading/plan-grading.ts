/** What is to be graded, under which plan, and on what a verdict will rest; before any testbed is made. */
import path from 'node:path';
import { UsageError } from '../errors.ts';
import type { LoadedLab } from '../lab/load-lab.ts';
import { planAddresses } from '../topology/plan.ts';
import { cleanLine } from './clean-text.ts';
import type { Task } from './grade-all.ts';
import type { Graded } from './graded.ts';
import { refuse } from './judge.ts';
import { collect, type HandedIn, readHandedInFiles } from './submissions/collect.ts';
import { NotASubmission } from './submissions/not-a-submission.ts';
import { readSubmission } from './submissions/read-submission.ts';
import { readRoster, type Student } from './submissions/roster.ts';
import { type VerdictKey, verdictKeys } from './verdict-key.ts';

export interface GradingPlan {
  readonly tasks: readonly Task[];
  /** What was handed in and is no submission, or was not handed in at all. */
  readonly refused: readonly Graded[];
  /** The names of all, in the order of a report. */
  readonly order: readonly string[];
  readonly keyOf: VerdictKey;
}

export interface SeedOptions {
  readonly seed?: string;
  readonly seedFrom?: string;
  readonly roster?: string;
}

/** @throws {UsageError} when the options contradict each other, or what they name cannot be read. */
export async function planGrading(
  lab: LoadedLab,
  answers: readonly string[],
  options: SeedOptions,
): Promise<GradingPlan> {
  const canonical = planAddresses(lab.topology, null);
  const { handedIn, roster } = await collect(answers, canonical);
  const file = options.roster ?? roster;
  const students = file === null || file === undefined ? null : await readRoster(file);
  const seedOf = seedSource(options, students);
  const tasks: Task[] = [];
  const refused: Graded[] = [];
  for (const each of handedIn) {
    const student = studentOf(students, each);
    const seed = seedOf(each, student);
    const subject = {
      submission: each.name,
      student: student?.name ?? null,
      lab: lab.number,
      seed: seed ?? null,
    };
    try {
      if (seed === undefined) throw new NotASubmission('the roster does not name it, so it has no seed');
      const plan = planAddresses(lab.topology, seed);
      tasks.push({ subject, plan, submission: await readSubmission(await readHandedInFiles(each), plan) });
    } catch (error) {
      if (!(error instanceof NotASubmission)) throw error;
      refused.push(refuse(subject, lab, error.message));
    }
  }
  const missing = (students ?? []).filter((student) => !handedIn.some((each) => studentOf([student], each)));
  for (const { submission, name, seed } of missing) {
    const subject = { submission, student: name, lab: lab.number, seed: options.seedFrom ? seed : null };
    refused.push(refuse(subject, lab, 'nothing was handed in'));
  }
  return {
    tasks,
    refused,
    order: [...handedIn.map(({ name }) => name), ...missing.map(({ submission }) => submission)],
    keyOf: await verdictKeys(lab),
  };
}

type SeedOf = (handedIn: HandedIn, student: Student | undefined) => string | null | undefined;

/** Undefined: whose it is cannot be told, so no seed can. */
function seedSource({ seed, seedFrom }: SeedOptions, students: readonly Student[] | null): SeedOf {
  if (seedFrom === undefined) return () => seed ?? null;
  if (seed !== undefined) throw new UsageError('Wanted --seed for all or --seed-from for each, found both.');
  if (seedFrom === 'name') return ({ name }) => name;
  if (seedFrom !== 'roster')
    throw new UsageError(`Wanted --seed-from roster or --seed-from name, found "${seedFrom}".`);
  if (!students)
    throw new UsageError(
      '--seed-from roster needs a roster: a roster.csv beside the submissions, or --roster FILE.',
    );
  return (_handedIn, student) => student?.seed;
}

/** Rosters name files as people write them: with or without extension, in any case. */
function studentOf(students: readonly Student[] | null, { name, place }: HandedIn): Student | undefined {
  const known = [name, cleanLine(path.basename(place))].map((each) => each.toLowerCase());
  return students?.find(({ submission }) => known.includes(submission.toLowerCase()));
}
