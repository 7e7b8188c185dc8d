/** One object for each submission; docs/grade.schema.json is its schema. */
import type { Format } from './format.ts';

export const json: Format = {
  file: 'grade.json',
  write: (report) => `${JSON.stringify(report, null, 2)}\n`,
};
