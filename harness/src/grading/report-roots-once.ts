/** One mistake is told once: checks that fail for a reason which an earlier one has named are blocked by that one. */
import type { CheckResult } from './verdict.ts';

export function reportRootsOnce(checks: readonly CheckResult[]): CheckResult[] {
  const first = new Map<string, string>();
  const moved = new Map<string, string>();
  const once = checks.map((check): CheckResult => {
    if (check.verdict !== 'fail' || !check.cause || check.cause.id === 'unknown') return check;
    const { id, where, text } = check.cause;
    const root = [id, where, text].join('\n');
    const named = first.get(root);
    if (named === undefined) {
      first.set(root, check.id);
      return check;
    }
    moved.set(check.id, named);
    return { ...check, verdict: 'blocked', blockedBy: named };
  });
  // What waits for a check that was moved waits for the one it was moved to.
  return once.map((check) => {
    const root = check.blockedBy === null ? undefined : moved.get(check.blockedBy);
    return root === undefined ? check : { ...check, blockedBy: root };
  });
}
