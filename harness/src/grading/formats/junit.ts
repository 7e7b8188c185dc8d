/**
 * JUnit's XML, as CI viewers read it (https://github.com/testmoapp/junitxml): a suite for each submission, a
 * case for each check. A grader's failure is an error, and `blocked` is a failure: it was not reached.
 */
import { create } from 'xmlbuilder2';
import type { Graded, GradedCheck } from '../graded.ts';
import { textOf } from './check-text.ts';
import type { Format } from './format.ts';

export const junit: Format = { file: 'junit.xml', write };

type Element = ReturnType<typeof create>;

function write(report: readonly Graded[]): string {
  const root = create({ version: '1.0', encoding: 'UTF-8' }).ele('testsuites', {
    name: 'podwire grade',
    tests: report.reduce((total, graded) => total + casesOf(graded).length, 0),
    failures: report.reduce((total, graded) => total + countOf(graded, 'failure'), 0),
    errors: report.reduce((total, graded) => total + countOf(graded, 'error'), 0),
    time: seconds(report.reduce((total, { durationMs }) => total + durationMs, 0)),
  });
  for (const graded of report) addSuite(root, graded);
  return `${root.end({ prettyPrint: true })}\n`;
}

interface Case {
  readonly name: string;
  readonly ms: number;
  readonly outcome: 'pass' | 'failure' | 'error' | 'skipped';
  readonly type: string;
  readonly text: string;
}

/** What was refused, and what could not be graded at all, is one case, so that no viewer shows it as empty. */
function casesOf(graded: Graded): Case[] {
  const { status, reason, checks, durationMs } = graded;
  const text = reason ?? '';
  if (status === 'refused')
    return [{ name: 'is a submission', ms: 0, outcome: 'failure', type: status, text }];
  const whole: Case = { name: 'could be graded', ms: durationMs, outcome: 'error', type: status, text };
  return [...checks.map(caseOf), ...(status === 'ungraded' ? [whole] : [])];
}

function caseOf(check: GradedCheck): Case {
  const outcomes = {
    pass: 'pass',
    fail: 'failure',
    blocked: 'failure',
    skipped: 'skipped',
    error: 'error',
  } as const;
  const type = check.cause?.id ?? check.verdict;
  const outcome = outcomes[check.verdict];
  return { name: `${check.id}: ${check.title}`, ms: check.durationMs, outcome, type, text: textOf(check) };
}

function countOf(graded: Graded, outcome: Case['outcome']): number {
  return casesOf(graded).filter((each) => each.outcome === outcome).length;
}

function addSuite(root: Element, graded: Graded): void {
  const cases = casesOf(graded);
  const suite = root.ele('testsuite', {
    name: graded.submission,
    tests: cases.length,
    failures: countOf(graded, 'failure'),
    errors: countOf(graded, 'error'),
    skipped: countOf(graded, 'skipped'),
    time: seconds(graded.durationMs),
  });
  for (const { name, ms, outcome, type, text } of cases) {
    const place = `lab${graded.lab}.${graded.submission}`;
    const element = suite.ele('testcase', { name, classname: place, time: seconds(ms) });
    if (outcome === 'skipped') element.ele('skipped', { message: text });
    else if (outcome !== 'pass') element.ele(outcome, { message: text.split('\n')[0], type }).txt(text);
  }
  suite.ele('system-out').txt(graded.feedback);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
