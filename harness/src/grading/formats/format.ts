/** The formats that teachers already use, by name. */
import type { Graded } from '../graded.ts';
import { csv } from './csv.ts';
import { github } from './github.ts';
import { gradescope } from './gradescope.ts';
import { json } from './json.ts';
import { junit } from './junit.ts';
import { tap } from './tap.ts';

export interface Format {
  /** What the file is called in the folder of results. */
  readonly file: string;
  write(report: readonly Graded[]): string;
}

export const FORMATS: Readonly<Record<string, Format>> = { json, junit, tap, csv, gradescope, github };
