/** A graded submission for tests: one check of each verdict, with words that formats have to defuse. */
import type { Graded, GradedCheck } from './graded.ts';

const check = (id: string, more: Partial<GradedCheck>): GradedCheck => ({
  id,
  title: `The check ${id} # holds`,
  verdict: 'pass',
  durationMs: 12,
  expected: `${id} to hold`,
  observed: `${id} holds`,
  cause: null,
  blockedBy: null,
  points: 1,
  maxPoints: 1,
  ...more,
});

export function sampleGraded(submission: string): Graded {
  const cause = { id: 'no-route', where: 'pod/a', text: 'there is no <route> & no "way"' };
  return {
    submission,
    student: null,
    status: 'graded',
    reason: null,
    lab: '03',
    seed: 's1',
    score: 0.5,
    points: 2,
    maxPoints: 4,
    passed: 1,
    total: 3,
    durationMs: 1234,
    attempts: 1,
    notes: [],
    feedback: '=1+1 | First to repair: <b>the route</b>',
    checks: [
      check('one', { points: 2, maxPoints: 2 }),
      check('two', { verdict: 'fail', observed: 'no answer ]]>', cause, points: 0 }),
      check('three', { verdict: 'blocked', blockedBy: 'two', points: 0 }),
      check('four', { verdict: 'skipped', observed: 'no IPVS here', points: 0, maxPoints: 0 }),
    ],
    steps: [],
  };
}

export function sampleRefused(submission: string): Graded {
  const empty = { checks: [], steps: [], points: 0, passed: 0, score: 0, attempts: 0, durationMs: 0 };
  const reason = 'it is empty';
  return {
    ...sampleGraded(submission),
    ...empty,
    status: 'refused',
    reason,
    feedback: `Not a submission: ${reason}.`,
  };
}

export function sampleUngraded(submission: string): Graded {
  const reason = 'the engine went away';
  return {
    ...sampleGraded(submission),
    status: 'ungraded',
    reason,
    score: null,
    points: 0,
    feedback: `Not graded: ${reason}.`,
    checks: [],
  };
}
