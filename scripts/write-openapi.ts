/** Writes docs/openapi.json from the schemas of harness/src/server/api.ts. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { WORKBOOK } from '../harness/src/lab/load-lab.ts';
import { describeApi } from '../harness/src/server/openapi.ts';
import { version } from '../harness/src/server/serve.ts';

const document = `${JSON.stringify(describeApi(await version()), null, 2)}\n`;
await writeFile(path.join(WORKBOOK, 'docs/openapi.json'), document);
