/** Writes the JSON Schemas: of topology files, for editors, and of `grade --format json`; tests hold them against the code. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { GradeReportSchema } from '../harness/src/grading/graded.ts';
import { WORKBOOK } from '../harness/src/lab/load-lab.ts';
import { TopologySchema } from '../harness/src/topology/topology.ts';

async function write(file: string, schema: unknown): Promise<void> {
  await writeFile(path.join(WORKBOOK, file), `${JSON.stringify(schema, null, 2)}\n`);
}

await write(
  'topologies/topology.schema.json',
  z.toJSONSchema(TopologySchema, { io: 'input', target: 'draft-7' }),
);
await write('docs/grade.schema.json', z.toJSONSchema(GradeReportSchema, { target: 'draft-7' }));
