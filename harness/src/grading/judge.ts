/** From the verdicts of checks to points, a score and a line of feedback. */
import type { LoadedLab } from '../lab/load-lab.ts';
import type { Seen } from '../probes/reached.ts';
import { cleanLine, cleanStrings } from './clean-text.ts';
import type { Attempt } from './grade-one.ts';
import type { Graded, GradedCheck, Step } from './graded.ts';
import type { MatrixReport } from './matrix.ts';
import type { LabReport } from './verdict.ts';

/** Who and what is judged. */
export interface Subject {
  readonly submission: string;
  readonly student: string | null;
  readonly lab: string;
  readonly seed: string | null;
}

export function judge(
  subject: Subject,
  lab: LoadedLab,
  attempt: Attempt,
  more: {
    readonly attempts: number;
    readonly durationMs: number;
    readonly notes: readonly string[];
    /** Why the first of two attempts did not count. */
    readonly firstError: string | null;
  },
): Graded {
  const checks = cleanStrings(weigh(lab, attempt.report));
  const points = sum(checks.map((check) => check.points));
  const maxPoints = sum(checks.map((check) => check.maxPoints));
  const graded = attempt.error === null;
  const steps = [...attempt.steps];
  const notes = [...more.notes, ...attempt.notes, ...notesOf(steps)].map(cleanLine);
  return {
    ...subject,
    status: graded ? 'graded' : 'ungraded',
    reason: reasonOf(attempt.error, more.firstError),
    score: graded ? (maxPoints > 0 ? points / maxPoints : 1) : null,
    points: graded ? points : 0,
    maxPoints,
    passed: checks.filter(({ verdict }) => verdict === 'pass').length,
    total: checks.filter(({ verdict }) => verdict !== 'skipped').length,
    durationMs: Math.round(more.durationMs),
    attempts: more.attempts,
    notes,
    feedback: graded ? feedbackOf(checks, notes) : ungradedText(attempt.error ?? ''),
    checks,
    steps,
    ...(attempt.report?.matrix ? { matrix: copyOf(attempt.report.matrix) } : {}),
  };
}

function copyOf({ columns, rows }: MatrixReport): NonNullable<Graded['matrix']> {
  const seen = ({ address, host }: Seen) => ({ address: cleanLine(address), host });
  return {
    columns: [...columns],
    rows: rows.map(({ from, cells }) => ({
      from,
      cells: cells.map(({ way, seenAs }) => ({ way, seenAs: seenAs.map(seen) })),
    })),
  };
}

function reasonOf(error: string | null, firstError: string | null): string | null {
  if (error !== null) return cleanLine(error);
  return firstError === null ? null : cleanLine(`graded a second time, because at first ${firstError}`);
}

/** What was handed in and cannot be graded. */
export function refuse(subject: Subject, lab: LoadedLab, reason: string): Graded {
  const text = cleanLine(reason).replace(/\.$/, '');
  return {
    ...subject,
    status: 'refused',
    reason: text,
    score: 0,
    points: 0,
    maxPoints: sum(lab.checks.map(({ points = 1 }) => points)),
    passed: 0,
    total: lab.checks.length,
    durationMs: 0,
    attempts: 0,
    notes: [],
    feedback: `Not a submission: ${text}.`,
    checks: [],
    steps: [],
  };
}

/** `blocked` is not reached: no points. `skipped` leaves the total. */
function weigh(lab: LoadedLab, report: LabReport | null): GradedCheck[] {
  return (report?.checks ?? []).map((check) => {
    const weight = lab.checks.find(({ id }) => id === check.id)?.points ?? 1;
    // Word by word: the published schema names what is there, and nothing else.
    const { id, title, verdict, durationMs, expected, observed, blockedBy } = check;
    const cause = check.cause && { id: check.cause.id, where: check.cause.where, text: check.cause.text };
    const points = verdict === 'pass' ? weight : 0;
    const maxPoints = verdict === 'skipped' ? 0 : weight;
    return { id, title, verdict, durationMs, expected, observed, cause, blockedBy, points, maxPoints };
  });
}

/** SIGRTMAX: a shell tells by a higher status than 128 that a signal ended a command. */
const LAST_SIGNAL = 64;

function notesOf(steps: readonly Step[]): string[] {
  return steps.flatMap(({ outcome, source, exitCode }) => {
    if (outcome === 'time-limit') return [`The time was up in ${source}.`];
    if (outcome === 'node-ended') return [`${source} could not be run: its node had ended.`];
    if (exitCode !== null && exitCode > 128 && exitCode <= 128 + LAST_SIGNAL)
      return [`${source} was ended by signal ${exitCode - 128}.`];
    if (outcome === 'output-limit') return [`${source} wrote more than a command may, and was ended.`];
    return [];
  });
}

function feedbackOf(checks: readonly GradedCheck[], notes: readonly string[]): string {
  const failed = checks.find(({ verdict }) => verdict === 'fail');
  const passed = checks.filter(({ verdict }) => verdict === 'pass').length;
  const head = `${passed} of ${checks.filter(({ verdict }) => verdict !== 'skipped').length} checks pass.`;
  if (!failed) return [head, ...notes].join(' ');
  const why = failed.cause
    ? `${failed.cause.id} in ${failed.cause.where}: ${failed.cause.text}`
    : `found ${failed.observed}`;
  return cleanLine([head, `First to repair: ${failed.title} (${why})`, ...notes].join(' '));
}

function ungradedText(reason: string): string {
  return cleanLine(`Not graded: the grader failed twice (${reason}). This says nothing of the submission.`);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
