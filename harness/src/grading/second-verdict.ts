/** Whose doing it is when a grading fails twice: ours, or that of what was handed in. */
import type { LoadedLab } from '../lab/load-lab.ts';
import type { Attempt } from './grade-one.ts';
import { reportOfNone } from './report-of-none.ts';
import type { Submission } from './submissions/submission.ts';
import type { CheckResult } from './verdict.ts';

/** A node that is ended from outside in both attempts was ended by what ran in it. */
export function endedTwice(first: Attempt, second: Attempt): boolean {
  return second.killed.some((node) => first.killed.includes(node));
}

/** Whether both attempts got as far as the submission, and then failed in the same check or with the same words. */
export function failedAlike(first: Attempt, second: Attempt): boolean {
  if (first.error === null || second.error === null || !first.began || !second.began) return false;
  if (first.killed.length > 0 || second.killed.length > 0) return false;
  const [one, other] = [erringCheck(first), erringCheck(second)];
  if (one || other) return one?.id === other?.id;
  return withoutNumbers(first.error) === withoutNumbers(second.error);
}

/** What a right answer does is the measure: the guide's commands. */
export function guideSubmission(lab: LoadedLab): Submission {
  const fences = lab.guide.steps.flatMap((step) => step.fences).filter(({ look }) => !look);
  return {
    scripts: fences.map(({ host, commands, line }) => ({
      host,
      commands,
      source: `the guide, line ${line}`,
    })),
    notes: [],
  };
}

/** The attempt as a verdict: what could not be checked has failed, and says why it counts. */
export function asOwnDoing(lab: LoadedLab, seed: string | null, attempt: Attempt): Attempt {
  const why = `the grader could not check this network, twice in the same way; the guide's it could: ${attempt.error}`;
  const report = attempt.report ?? reportOfNone(lab, seed, why, null);
  const checks = report.checks.map(
    (check): CheckResult =>
      check.verdict === 'error' ? { ...check, verdict: 'fail', observed: why, cause: null } : check,
  );
  return { ...attempt, report: { ...report, checks }, error: null };
}

function erringCheck({ report }: Attempt): CheckResult | undefined {
  return report?.checks.find(({ verdict }) => verdict === 'error');
}

function withoutNumbers(text: string): string {
  return text.replaceAll(/[0-9a-f]*\d[0-9a-f]*/g, '#');
}
