/** What a grading says of one submission: the shape of `grade --format json`, of verdict files and of the JSON Schema. */
import { z } from 'zod';
import { WAYS } from '../probes/reached.ts';

export const StepSchema = z.strictObject({
  host: z.string().describe('Where it ran: node1, or pod/a.'),
  source: z.string().describe('The file, and the line where the commands begin.'),
  outcome: z
    .enum(['ended', 'time-limit', 'output-limit', 'node-ended', 'not-run'])
    .describe('How it came to its end. `not-run`: the time was up before its turn.'),
  exitCode: z.int().nullable().describe('Null when it did not end by itself.'),
  stdout: z.string().describe('Its beginning, without escape sequences.'),
  stderr: z.string(),
  outputBytes: z.int().describe('What it wrote in all; more than is kept was cut off.'),
  durationMs: z.int(),
});

export const CauseSchema = z.strictObject({ id: z.string(), where: z.string(), text: z.string() });

export const GradedCheckSchema = z.strictObject({
  id: z.string(),
  title: z.string(),
  verdict: z.enum(['pass', 'fail', 'blocked', 'skipped', 'error']),
  durationMs: z.int(),
  expected: z.string(),
  observed: z.string(),
  cause: CauseSchema.nullable(),
  blockedBy: z.string().nullable(),
  points: z.number().describe('Reached: the weight of the check when it passed, else 0.'),
  maxPoints: z.number().describe('The weight of the check; 0 when it was skipped.'),
});

/** A cell of the table: {@link Reached}. */
const CellSchema = z.strictObject({
  way: z
    .enum(WAYS)
    .describe(
      '`own`: answered, and seen by its own address; `node`: by addresses of nodes; `other`: by others; `answered`: by a server that does not say; `self`: it is the one asked.',
    ),
  seenAs: z.array(
    z.strictObject({
      address: z.string(),
      host: z.string().nullable().describe('Whose address it is in the plan.'),
    }),
  ),
});

export const MatrixSchema = z.strictObject({
  columns: z.array(z.string()),
  rows: z.array(z.strictObject({ from: z.string(), cells: z.array(CellSchema) })),
});

export const GradedSchema = z.strictObject({
  submission: z.string().describe('The name of the file or folder, without its extension.'),
  student: z.string().nullable().describe("The roster's name."),
  status: z
    .enum(['graded', 'ungraded', 'refused'])
    .describe(
      '`refused`: what was handed in is not a submission. `ungraded`: the grader failed, twice; it says nothing of the student.',
    ),
  reason: z.string().nullable().describe('Why it was refused, is ungraded, or was graded a second time.'),
  lab: z.string(),
  seed: z.string().nullable(),
  score: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .describe('Points reached, of those to be had; null when ungraded.'),
  points: z.number(),
  maxPoints: z.number(),
  passed: z.int(),
  total: z.int(),
  durationMs: z.int(),
  attempts: z.int().describe('2 when the first ended in an error of the grader.'),
  notes: z.array(z.string()),
  feedback: z.string().describe('One line for the student.'),
  checks: z.array(GradedCheckSchema),
  steps: z.array(StepSchema),
  matrix: MatrixSchema.optional().describe(
    'Who reached whom, and as whom: of labs that have such a table, when the checks had ended. It tells, and gives no points.',
  ),
});

export type Step = z.infer<typeof StepSchema>;
export type GradedCheck = z.infer<typeof GradedCheckSchema>;
export type Graded = z.infer<typeof GradedSchema>;

/** `grade --format json`: one object for each submission. */
export const GradeReportSchema = z.array(GradedSchema);
