import type { LoadedLab } from '../lab/load-lab.ts';
import { type Attempt, NOTHING } from './grade-one.ts';
import { judge, refuse } from './judge.ts';
import type { CheckResult, Verdict } from './verdict.ts';

/** Of a lab, what judging reads: checks and their weights. */
const lab = {
  number: '03',
  checks: [{ id: 'one', points: 3 }, { id: 'two' }, { id: 'three' }, { id: 'four', points: 5 }],
} as unknown as LoadedLab;
const subject = { submission: 'alice', student: 'Alice A.', lab: '03', seed: null };
const more = { attempts: 1, durationMs: 12.3, notes: [], firstError: null };

function attempt(verdicts: readonly Verdict[], error: string | null = null): Attempt {
  const checks = verdicts.map(
    (verdict, index): CheckResult => ({
      id: lab.checks[index]?.id ?? '',
      title: `Check ${index}`,
      verdict,
      durationMs: 1,
      expected: '',
      observed: verdict === 'fail' ? 'no \u001b[31manswer' : '',
      cause: null,
      blockedBy: null,
    }),
  );
  const report = { lab: '03', seed: null, passed: 0, total: 4, durationMs: 1, checks };
  return { ...NOTHING, report, error, began: true };
}

test('a check counts as much as it weighs; blocked is not reached, skipped leaves the total', () => {
  const graded = judge(subject, lab, attempt(['pass', 'fail', 'blocked', 'skipped']), more);
  expect(graded).toMatchObject({
    status: 'graded',
    points: 3,
    maxPoints: 5,
    score: 0.6,
    passed: 1,
    total: 3,
  });
  expect(graded.feedback).toBe('1 of 3 checks pass. First to repair: Check 1 (found no answer)');
  expect(graded.checks.map(({ points, maxPoints }) => [points, maxPoints])).toEqual([
    [3, 3],
    [0, 1],
    [0, 1],
    [0, 0],
  ]);
});

test('where everything is skipped, nothing is missing', () => {
  expect(judge(subject, lab, attempt(['skipped', 'skipped', 'skipped', 'skipped']), more).score).toBe(1);
});

test('an error of ours is no zero, and says that it is ours', () => {
  const graded = judge(subject, lab, attempt(['pass', 'error'], 'the engine went away'), more);
  expect(graded).toMatchObject({
    status: 'ungraded',
    score: null,
    points: 0,
    reason: 'the engine went away',
  });
  expect(graded.feedback).toContain('This says nothing of the submission.');
});

test('a second attempt says why there was one; what cannot be read gets no points, and the reason', () => {
  const second = { ...more, attempts: 2, firstError: 'the engine went away' };
  expect(judge(subject, lab, attempt(['pass', 'pass', 'pass', 'pass']), second).reason).toBe(
    'graded a second time, because at first the engine went away',
  );
  expect(refuse(subject, lab, 'it is empty')).toMatchObject({
    status: 'refused',
    score: 0,
    maxPoints: 10,
    feedback: 'Not a submission: it is empty.',
  });
  expect(refuse(subject, lab, 'There is no host "node7".').feedback).toBe(
    'Not a submission: There is no host "node7".',
  );
});
