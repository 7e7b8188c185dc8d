/** A class's roster: a CSV file with a header. It names students, their submissions and their seeds. */
import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { fileErrorText, UsageError } from '../../errors.ts';
import { cleanLine } from '../clean-text.ts';

export interface Student {
  /** What a submission is called that is theirs: the name of the file without its extension. */
  readonly submission: string;
  readonly name: string;
  readonly seed: string;
}

export const ROSTER = 'roster.csv';

/** Headers that mean the same. The first is ours. */
const COLUMNS = {
  submission: ['submission', 'file', 'id', 'student', 'username', 'github', 'email', 'name'],
  name: ['name', 'full name', 'student', 'submission', 'file', 'id', 'username', 'github', 'email'],
  seed: ['seed', 'id', 'student', 'username', 'github', 'submission', 'file', 'email', 'name'],
} as const;

/** @throws {UsageError} naming the file and line. */
export async function readRoster(file: string): Promise<Student[]> {
  let rows: Record<string, string>[];
  try {
    rows = parse(await readFile(file, 'utf8'), {
      bom: true,
      trim: true,
      skip_empty_lines: true,
      delimiter: [',', ';', '\t'],
      columns: (header: string[]) => header.map((name) => name.toLowerCase()),
    });
  } catch (error) {
    throw new UsageError(`Could not read the roster ${file}: ${fileErrorText(error)}`, { cause: error });
  }
  const [first = {}] = rows;
  const columnFor = (wanted: keyof typeof COLUMNS) => COLUMNS[wanted].find((name) => name in first);
  const columns = { submission: columnFor('submission'), name: columnFor('name'), seed: columnFor('seed') };
  if (rows.length > 0 && !columns.submission) {
    throw new UsageError(
      `The roster ${file} has no column that names submissions: wanted a header like "submission,name,seed", found "${Object.keys(first).join(',')}".`,
    );
  }
  const students = rows.map((row) => {
    const submission = cleanLine(row[columns.submission ?? ''] ?? '');
    return {
      submission,
      name: cleanLine(row[columns.name ?? ''] ?? '') || submission,
      seed: row[columns.seed ?? ''] || submission,
    };
  });
  const named = students.map(({ submission }) => submission);
  const twice = named.filter((name, index) => named.indexOf(name) !== index);
  if (twice.length > 0) throw new UsageError(`The roster ${file} names ${twice.join(', ')} twice.`);
  const empty = named.indexOf('');
  if (empty >= 0)
    throw new UsageError(`The roster ${file} has a student without a name, in row ${empty + 2}.`);
  return students;
}
