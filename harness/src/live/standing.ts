/** How a lab stands while it is watched, the same for a board in a terminal and for the site; what follows from it. */
import type { CheckResult } from '../grading/verdict.ts';
import type { Step } from '../lab/guide.ts';
import type { Change } from '../probes/change.ts';

export interface Standing {
  /** The last verdict of each check; one of the round before stays until the new one is there. */
  readonly results: Readonly<Record<string, CheckResult>>;
  /** A round of checks is under way. */
  readonly checking: boolean;
  /** The newest first. */
  readonly changes: readonly Change[];
  /** How many hints of a check are shown. */
  readonly hintsShown: Readonly<Record<string, number>>;
}

/** What is asked of the learner. */
export interface Exercise<Check extends { readonly id: string } = { readonly id: string }> {
  readonly checks: readonly Check[];
  readonly steps: readonly Step[];
}

interface Followed<Check extends { readonly id: string }> extends Pick<Standing, 'results'> {
  readonly lab: Exercise<Check>;
}

const KEPT_CHANGES = 20;

export const BEGINNING: Standing = { results: {}, checking: true, changes: [], hintsShown: {} };

export function withResult<S extends Standing>(standing: S, result: CheckResult): S {
  return { ...standing, results: { ...standing.results, [result.id]: result } };
}

export function withChanges<S extends Standing>(standing: S, changes: readonly Change[]): S {
  return { ...standing, changes: [...changes.toReversed(), ...standing.changes].slice(0, KEPT_CHANGES) };
}

export function withHint<S extends Standing>(standing: S, checkId: string): S {
  const shown = (standing.hintsShown[checkId] ?? 0) + 1;
  return { ...standing, hintsShown: { ...standing.hintsShown, [checkId]: shown } };
}

export function passedCount<C extends { readonly id: string }>({ lab, results }: Followed<C>): number {
  return lab.checks.filter(({ id }) => results[id]?.verdict === 'pass').length;
}

/** Skipped checks cannot pass on this kernel, and do not count. */
export function totalCount<C extends { readonly id: string }>({ lab, results }: Followed<C>): number {
  return lab.checks.filter(({ id }) => results[id]?.verdict !== 'skipped').length;
}

export function isAllGreen<C extends { readonly id: string }>(followed: Followed<C>): boolean {
  return passedCount(followed) > 0 && passedCount(followed) === totalCount(followed);
}

/** The checks that a learner has to do something about, in learning order. */
export function openChecks<C extends { readonly id: string }>({ lab, results }: Followed<C>): C[] {
  return lab.checks.filter(({ id }) => results[id]?.verdict === 'fail' || results[id]?.verdict === 'error');
}

/**
 * The steps to take next: up to the first that turns a check green which is not, beginning with those
 * before it that turn none green by themselves.
 */
export function nextSteps<C extends { readonly id: string }>({ lab, results }: Followed<C>): readonly Step[] {
  const { steps } = lab;
  const end = steps.findIndex(({ turnsGreen }) => turnsGreen.some((id) => results[id]?.verdict !== 'pass'));
  if (end < 0) return [];
  let begin = end;
  while (begin > 0 && steps[begin - 1]?.turnsGreen.length === 0) begin--;
  return steps.slice(begin, end + 1);
}
