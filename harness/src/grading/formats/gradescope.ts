/**
 * `results.json` of a Gradescope autograder, which has one submission
 * (https://gradescope-autograders.readthedocs.io/en/latest/specs/). Several become one file of tests with
 * the submission's name before each.
 */
import type { Graded } from '../graded.ts';
import { textOf } from './check-text.ts';
import type { Format } from './format.ts';

export const gradescope: Format = {
  file: 'results.json',
  write: (report) => `${JSON.stringify(results(report), null, 2)}\n`,
};

function results(report: readonly Graded[]): unknown {
  const seconds = report.reduce((total, { durationMs }) => total + durationMs, 0) / 1000;
  const several = report.length > 1;
  return {
    score: report.reduce((total, { points }) => total + points, 0),
    execution_time: Math.round(seconds),
    output: report
      .map(({ submission, feedback }) => (several ? `${submission}: ${feedback}` : feedback))
      .join('\n'),
    output_format: 'text',
    stdout_visibility: 'hidden',
    visibility: 'visible',
    tests: report.flatMap((graded) =>
      graded.checks.map((check) => ({
        name: several ? `${graded.submission}: ${check.title}` : check.title,
        number: check.id,
        score: graded.status === 'graded' ? check.points : 0,
        max_score: check.maxPoints,
        status: check.verdict === 'pass' || check.verdict === 'skipped' ? 'passed' : 'failed',
        output: textOf(check),
        output_format: 'text',
        visibility: 'visible',
      })),
    ),
    // An object, by the specification; what it holds is ours.
    extra_data: {
      submissions: report.map(({ submission, status, reason, seed }) => ({
        submission,
        status,
        reason,
        seed,
      })),
    },
  };
}
