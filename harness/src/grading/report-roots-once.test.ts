import { reportRootsOnce } from './report-roots-once.ts';
import type { CheckResult } from './verdict.ts';

const cause = { id: 'no-route', where: 'node1', text: 'node1 has no route to 10.244.2.2' };

function check(id: string, details: Partial<CheckResult>): CheckResult {
  const blank = { title: id, durationMs: 1, expected: '', observed: '', cause: null, blockedBy: null };
  return { id, verdict: 'pass', ...blank, ...details };
}

test('a second check that fails for the same reason is blocked by the first, and keeps the reason', () => {
  const checks = [check('one', { verdict: 'fail', cause }), check('two', { verdict: 'fail', cause })];
  expect(reportRootsOnce(checks)).toEqual([
    checks[0],
    { ...checks[1], verdict: 'blocked', blockedBy: 'one' },
  ]);
});

test('what waits for a check that is blocked so waits for the first', () => {
  const checks = [
    check('one', { verdict: 'fail', cause }),
    check('two', { verdict: 'fail', cause }),
    check('three', { verdict: 'blocked', blockedBy: 'two' }),
  ];
  expect(reportRootsOnce(checks)[2]?.blockedBy).toBe('one');
});

test('other places are other reasons, and what is unknown is told each time', () => {
  const unknown = { id: 'unknown', where: 'node1', text: 'no packet was seen' };
  const checks = [
    check('one', { verdict: 'fail', cause }),
    check('two', { verdict: 'fail', cause: { ...cause, where: 'node2' } }),
    check('three', { verdict: 'fail', cause: unknown }),
    check('four', { verdict: 'fail', cause: unknown }),
  ];
  expect(reportRootsOnce(checks)).toEqual(checks);
});
