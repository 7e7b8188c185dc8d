/** What a check can say, and the report made of it (design: `check --json`). */
import type { WalkRequest } from '../diagnosis/walk/walk.ts';
import type { NamedCause } from '../probes/symptom.ts';
import type { MatrixReport } from './matrix.ts';

/**
 * `pass` and `fail` are about the learner's network. `blocked`: a check it needs has not passed.
 * `skipped`: this kernel lacks a feature, named in `observed`. `error`: our machinery failed.
 */
export type Verdict = 'pass' | 'fail' | 'blocked' | 'skipped' | 'error';

export interface CheckResult {
  readonly id: string;
  readonly title: string;
  readonly verdict: Verdict;
  readonly durationMs: number;
  readonly expected: string;
  readonly observed: string;
  readonly cause: NamedCause | null;
  /** The id of the check that has to pass first, when the verdict is `blocked`. */
  readonly blockedBy: string | null;
  /** The probe that failed, as `podwire trace` takes it, where the check failed on one. */
  readonly probe?: WalkRequest;
}

export interface LabReport {
  readonly lab: string;
  readonly seed: string | null;
  readonly passed: number;
  readonly total: number;
  readonly durationMs: number;
  readonly checks: readonly CheckResult[];
  /** Who reaches whom, where the lab has such a table and it was asked for. */
  readonly matrix?: MatrixReport;
}
