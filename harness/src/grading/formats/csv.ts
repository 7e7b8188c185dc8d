/** A row for each submission, for a gradebook. */
import { stringify } from 'csv-stringify/sync';
import type { Format } from './format.ts';

export const csv: Format = {
  file: 'grades.csv',
  write: (report) =>
    stringify(
      report.map(
        ({ submission, student, lab, seed, status, score, points, maxPoints, passed, total, feedback }) => [
          submission,
          student ?? '',
          lab,
          seed ?? '',
          status,
          // Ungraded is not nothing: the cell stays empty, and nobody gets a zero by it.
          score === null ? '' : (100 * score).toFixed(2),
          score === null ? '' : points,
          maxPoints,
          passed,
          total,
          feedback,
        ],
      ),
      {
        header: true,
        columns: [
          'submission',
          'student',
          'lab',
          'seed',
          'status',
          'percent',
          'points',
          'max_points',
          'passed',
          'total',
          'feedback',
        ],
        // A spreadsheet would compute what begins with "=".
        escape_formulas: true,
      },
    ),
};
