/** The grades for people: a line for each student, and a line of feedback below it. */
import stringWidth from 'string-width';
import { cleanLine } from '../clean-text.ts';
import type { Graded } from '../graded.ts';

export function table(report: readonly Graded[]): string {
  const rows = report.map((graded) => ({
    name: cleanLine(graded.student ?? graded.submission),
    points: pointsOf(graded),
    percent: graded.score === null ? '' : `${Math.round(100 * graded.score)} %`,
    feedback: graded.feedback,
  }));
  const width = Math.max(...rows.map(({ name }) => stringWidth(name)));
  const pad = (name: string) => name + ' '.repeat(width - stringWidth(name));
  const lines = rows.flatMap(({ name, points, percent, feedback }) => [
    `${pad(name)}  ${percent.padStart(5)}  ${points}`,
    `    ${feedback}`,
  ]);
  return `${[...lines, '', totals(report)].join('\n')}\n`;
}

function pointsOf({ status, points, maxPoints }: Graded): string {
  return status === 'graded' ? `${points} of ${maxPoints} points` : status;
}

function totals(report: readonly Graded[]): string {
  const count = (status: Graded['status']) => report.filter((graded) => graded.status === status).length;
  const whole = report.filter(({ score }) => score === 1).length;
  const parts = [
    `${report.length} submission${report.length === 1 ? '' : 's'}`,
    `${whole} with all points`,
    ...(count('refused') > 0 ? [`${count('refused')} not a submission`] : []),
    ...(count('ungraded') > 0 ? [`${count('ungraded')} ungraded`] : []),
  ];
  return `${parts.join(', ')}.`;
}
