import { regressions } from './settle.ts';
import type { LabReport, Verdict } from './verdict.ts';

function round(...verdicts: Verdict[]): LabReport {
  const checks = verdicts.map((verdict, index) => ({
    id: `check-${index}`,
    title: '',
    verdict,
    durationMs: 0,
    expected: '',
    observed: verdict,
    cause: null,
    blockedBy: null,
  }));
  return { lab: '03', seed: null, passed: 0, total: checks.length, durationMs: 0, checks };
}

test('a check that passed and then failed is unstable; one that came to pass is not', () => {
  expect(regressions([round('fail', 'pass'), round('pass', 'pass')])).toEqual(new Map());
  expect(regressions([round('pass', 'pass'), round('fail', 'blocked'), round('pass', 'pass')])).toEqual(
    new Map([['check-0', { observed: 'fail', cause: null }]]),
  );
});
