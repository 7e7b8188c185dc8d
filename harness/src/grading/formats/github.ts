/**
 * For GitHub: the result of a test runner as GitHub Classroom's autograding reporter takes it (version 1:
 * status, max_score, tests with name, status, score, message), and a job summary in Markdown.
 */
import type { Graded, GradedCheck } from '../graded.ts';
import { textOf } from './check-text.ts';
import type { Format } from './format.ts';

export const github: Format = { file: 'summary.md', write: summary };

/** What a runner's `result` output holds, before it is encoded in base64. */
export function classroomResult(report: readonly Graded[]): unknown {
  const several = report.length > 1;
  const tests = report.flatMap((graded) =>
    graded.checks.map((check) => ({
      name: several ? `${graded.submission}: ${check.title}` : check.title,
      status: statusOf(check),
      score: graded.status === 'graded' ? check.points : 0,
      message: textOf(check),
      test_code: check.id,
      filename: '',
      line_no: 0,
      duration: check.durationMs,
    })),
  );
  const ungraded = report.filter(({ status }) => status !== 'graded');
  const failed = ungraded.map(({ submission, status, feedback }) => ({
    name: submission,
    status: status === 'ungraded' ? 'error' : 'fail',
    score: 0,
    message: feedback,
    test_code: status,
    filename: '',
    line_no: 0,
    duration: 0,
  }));
  const all = [...failed, ...tests];
  const status = all.some((test) => test.status === 'error')
    ? 'error'
    : all.every((test) => test.status === 'pass')
      ? 'pass'
      : 'fail';
  return {
    version: 1,
    status,
    max_score: report.reduce((total, { maxPoints }) => total + maxPoints, 0),
    tests: all,
  };
}

function statusOf({ verdict }: GradedCheck): 'pass' | 'fail' | 'error' {
  if (verdict === 'pass' || verdict === 'skipped') return 'pass';
  return verdict === 'error' ? 'error' : 'fail';
}

function summary(report: readonly Graded[]): string {
  const lines = ['| submission | points | checks | feedback |', '| --- | ---: | ---: | --- |'];
  for (const { submission, status, points, maxPoints, passed, total, feedback } of report) {
    const reached = status === 'graded' ? `${points} of ${maxPoints}` : status;
    lines.push(`| ${cell(submission)} | ${reached} | ${passed} of ${total} | ${cell(feedback)} |`);
  }
  const [only] = report;
  if (report.length === 1 && only && only.checks.length > 0) {
    lines.push('', '| check | verdict | |', '| --- | --- | --- |');
    for (const check of only.checks)
      lines.push(`| ${cell(check.title)} | ${check.verdict} | ${cell(textOf(check))} |`);
  }
  return `${lines.join('\n')}\n`;
}

/** In a cell of a table nothing is markup: a submission's words end up here. */
function cell(text: string): string {
  return text
    .replaceAll(/[\\`*_{}[\]<>()#+!|~@&-]/g, (mark) => `&#${mark.charCodeAt(0)};`)
    .replaceAll('\n', '<br>');
}
