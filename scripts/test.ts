/**
 * `npm test`: everything, on real testbeds. `npm test -- --lab 03` proves one lab alone, and `--seed NAME` does it with the
 * addresses of that seed. Other words go to jest, which runs the test files whose names have one: `npm test -- cli`.
 */
import { prepare } from '../harness/src/setup/prepare.ts';
import { stderrTerminal } from '../harness/src/setup/terminal.ts';
import { ensureSite } from './steps/build-site.ts';
import { ensureBrowser } from './steps/install-browser.ts';
import { readOptions } from './steps/options.ts';
import { run, runJest } from './steps/run.ts';

const { values, positionals } = readOptions(import.meta.filename, {
  options: { lab: { type: 'string' }, seed: { type: 'string' } },
  allowPositionals: true,
});

const terminal = stderrTerminal();
try {
  await prepare(terminal);
  if (!values.lab) {
    await ensureBrowser(terminal);
    await ensureSite();
  }
} catch (error) {
  terminal.line(`Could not prepare the tests: ${error instanceof Error ? error.message : error}`);
  process.exit(3);
}
terminal.clear();

const env = {
  ...(values.seed ? { PODWIRE_SEED: values.seed } : {}),
  ...(values.lab ? { PODWIRE_LABS: values.lab } : {}),
};
if (values.lab) {
  await runJest(`The proof of lab ${values.lab}`, [['--selectProjects', 'proof', '--verbose']], env);
} else {
  await run('Format and lint', 'npx', ['biome', 'check', '--error-on-warnings']);
  await run('Types', 'npx', ['tsc', '--noEmit']);
  await run('Types of the site', 'npx', ['tsc', '--noEmit', '-p', 'site']);
  // The proof asks with the patience of a learner's machine, so nothing runs beside it. Beside tests that starve the
  // machine on purpose nothing runs that asks a network.
  const projects = [['testbed', 'browser'], ['unit', 'hostile'], ['proof']];
  const parts =
    positionals.length > 0
      ? [['--verbose', ...positionals]]
      : projects.map((names) => ['--selectProjects', ...names, '--verbose']);
  await runJest('All tests', parts, env);
}
