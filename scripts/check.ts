/** `npm run check`: format, lint, types, unit tests, lab format. Seconds, and no engine needed. */
import { run, runJest } from './steps/run.ts';

await run('Format and lint', 'npx', ['biome', 'check', '--error-on-warnings']);
await run('Types', 'npx', ['tsc', '--noEmit']);
await runJest('Unit tests and the format of labs', [['--selectProjects', 'unit', ...process.argv.slice(2)]]);
