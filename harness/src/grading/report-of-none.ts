/** The report where nothing could be checked: the first check fails with the reason, the others wait for it. */
import type { LoadedLab } from '../lab/load-lab.ts';
import type { NamedCause } from '../probes/symptom.ts';
import type { CheckResult, LabReport } from './verdict.ts';

export function reportOfNone(
  lab: LoadedLab,
  seed: string | null,
  observed: string,
  cause: NamedCause | null,
): LabReport {
  const root = lab.checks[0]?.id ?? '';
  const checks = lab.checks.map((check, index): CheckResult => {
    const common = { id: check.id, title: check.title, durationMs: 0, expected: check.title };
    if (index === 0) return { ...common, verdict: 'fail', observed, cause, blockedBy: null };
    const waits = `not reached: "${root}" comes first`;
    return { ...common, verdict: 'blocked', observed: waits, cause: null, blockedBy: root };
  });
  return { lab: lab.number, seed, passed: 0, total: checks.length, durationMs: 0, checks };
}
