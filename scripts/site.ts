/** `npm run site`: the book with the bench beside it. Builds the site where it is not as its sources are, and serves it. */

import path from 'node:path';
import { execa } from 'execa';
import { WORKBOOK } from '../harness/src/lab/load-lab.ts';
import { ensureSite } from './steps/build-site.ts';

const wanted = process.argv.slice(2);
const onlyHelp = wanted.includes('--help') || wanted.includes('-h');
try {
  if (!onlyHelp) await ensureSite();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}
const main = path.join(WORKBOOK, 'harness/src/cli/main.ts');
const { exitCode } = await execa(
  process.execPath,
  ['--disable-warning=ExperimentalWarning', main, 'serve', ...wanted],
  { stdio: 'inherit', reject: false },
);
process.exitCode = exitCode ?? 1;
