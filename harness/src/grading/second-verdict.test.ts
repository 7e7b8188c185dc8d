import type { LoadedLab } from '../lab/load-lab.ts';
import { type Attempt, NOTHING } from './grade-one.ts';
import { asOwnDoing, endedTwice, failedAlike } from './second-verdict.ts';
import type { CheckResult, Verdict } from './verdict.ts';

const lab = {
  number: '03',
  checks: [
    { id: 'one', title: 'One' },
    { id: 'two', title: 'Two' },
  ],
} as unknown as LoadedLab;

function failed(error: string, more: Partial<Attempt> = {}): Attempt {
  return { ...NOTHING, error, began: true, ...more };
}

function erring(id: string, observed = 'it broke'): Attempt {
  const checks = lab.checks.map((check): CheckResult => {
    const verdict: Verdict = check.id === id ? 'error' : 'pass';
    return { ...check, verdict, durationMs: 0, expected: '', observed, cause: null, blockedBy: null };
  });
  const report = { lab: '03', seed: null, passed: 1, total: 2, durationMs: 0, checks };
  return failed(`the check "${id}" could not be made: ${observed}`, { report });
}

test('the same check, or the same words but for numbers, is the same failure', () => {
  expect(failedAlike(erring('two', 'port 1'), erring('two', 'something else'))).toBe(true);
  expect(failedAlike(erring('one'), erring('two'))).toBe(false);
  expect(failedAlike(failed('lost 3 of veth123456'), failed('lost 17 of veth998877'))).toBe(true);
  expect(failedAlike(failed('this'), failed('that'))).toBe(false);
  expect(failedAlike(failed('this'), erring('one'))).toBe(false);
});

test('what never came as far as the submission says nothing of it, nor does a node that somebody ended', () => {
  const unmade = failed('no engine', { began: false });
  expect(failedAlike(unmade, unmade)).toBe(false);
  const killed = failed('node1 was ended from outside', { killed: ['node1'] });
  expect(failedAlike(killed, killed)).toBe(false);
  expect(endedTwice(killed, killed)).toBe(true);
  expect(endedTwice(killed, failed('x', { killed: ['node2'] }))).toBe(false);
});

test('as its own doing, the check that could not be made has failed, with the reason', () => {
  const own = asOwnDoing(lab, null, erring('two'));
  expect(own.error).toBeNull();
  expect(own.report?.checks.map(({ verdict }) => verdict)).toEqual(['pass', 'fail']);
  expect(own.report?.checks[1]?.observed).toMatch(
    /^the grader could not check this network, twice.*it broke$/,
  );
  expect(asOwnDoing(lab, null, failed('too slow')).report?.checks.map(({ verdict }) => verdict)).toEqual([
    'fail',
    'blocked',
  ]);
});
