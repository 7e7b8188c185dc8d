import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { create } from 'xmlbuilder2';
import { z } from 'zod';
import { WORKBOOK } from '../../lab/load-lab.ts';
import { GradeReportSchema } from '../graded.ts';
import { sampleGraded, sampleRefused, sampleUngraded } from '../sample-graded.ts';
import { FORMATS } from './format.ts';
import { classroomResult } from './github.ts';
import { table } from './table.ts';

const report = [sampleGraded('alice'), sampleRefused('bob'), sampleUngraded('carol')];
const write = (name: string) => FORMATS[name]?.write(report) ?? '';

test('json fits its schema, and the published schema is the one in use', async () => {
  expect(GradeReportSchema.parse(JSON.parse(write('json')))).toEqual(report);
  const published = await readFile(path.join(WORKBOOK, 'docs/grade.schema.json'), 'utf8');
  expect(JSON.parse(published)).toEqual(z.toJSONSchema(GradeReportSchema, { target: 'draft-7' }));
});

test('junit has a suite for each submission, and text stays text', () => {
  const xml = write('junit');
  expect(xml).toContain('<testsuites name="podwire grade" tests="6" failures="3" errors="1" time="2.468">');
  expect(xml).toContain(
    '<testsuite name="alice" tests="4" failures="2" errors="0" skipped="1" time="1.234">',
  );
  expect(xml).toContain('<failure message="it is empty" type="refused">it is empty</failure>');
  expect(xml).toContain('<error message="the engine went away" type="ungraded">the engine went away</error>');
  expect(xml).toContain('no &lt;route&gt; &amp; no "way"');
  expect(() => create(xml)).not.toThrow();
});

test('tap is a plan, subtests, and directives that only we write', () => {
  expect(write('tap').split('\n').slice(0, 9)).toEqual([
    'TAP version 14',
    '1..3',
    '# Subtest: alice',
    '    1..4',
    '    ok 1 - one: The check one \\# holds',
    '    not ok 2 - two: The check two \\# holds',
    '      ---',
    '      verdict: fail',
    '      message: |-',
  ]);
  expect(write('tap')).toContain('    ok 4 - four: The check four \\# holds # SKIP no IPVS here\n');
  expect(write('tap')).toContain('    1..0 # SKIP it is empty\nnot ok 2 - bob\n');
});

test('csv has a row for each, computes nothing, and gives the ungraded no zero', () => {
  expect(write('csv')).toBe(
    [
      'submission,student,lab,seed,status,percent,points,max_points,passed,total,feedback',
      "alice,,03,s1,graded,50.00,2,4,1,3,'=1+1 | First to repair: <b>the route</b>",
      'bob,,03,s1,refused,0.00,0,4,0,3,Not a submission: it is empty.',
      'carol,,03,s1,ungraded,,,4,1,3,Not graded: the engine went away.',
      '',
    ].join('\n'),
  );
});

test('gradescope has a score and a test for each check', () => {
  const results = JSON.parse(FORMATS.gradescope?.write([sampleGraded('alice')]) ?? '');
  expect(results).toMatchObject({ score: 2, execution_time: 1, stdout_visibility: 'hidden' });
  expect(results.extra_data).toEqual({
    submissions: [{ submission: 'alice', status: 'graded', reason: null, seed: 's1' }],
  });
  expect(results.tests).toHaveLength(4);
  expect(results.tests[1]).toMatchObject({ score: 0, max_score: 1, status: 'failed', number: 'two' });
});

test('github sums up without markup of anybody else', () => {
  expect(write('github')).toContain(
    '| alice | 2 of 4 | 1 of 3 | =1&#43;1 &#124; First to repair: &#60;b&#62;',
  );
  expect(classroomResult([sampleGraded('alice')])).toMatchObject({
    version: 1,
    status: 'fail',
    max_score: 4,
  });
  expect(classroomResult(report)).toMatchObject({ status: 'error' });
});

test('the table has two lines for each, and the sum', () => {
  expect(table(report)).toBe(
    [
      'alice   50 %  2 of 4 points',
      '    =1+1 | First to repair: <b>the route</b>',
      'bob      0 %  refused',
      '    Not a submission: it is empty.',
      'carol         ungraded',
      '    Not graded: the engine went away.',
      '',
      '3 submissions, 0 with all points, 1 not a submission, 1 ungraded.',
      '',
    ].join('\n'),
  );
});
