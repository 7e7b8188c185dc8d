/** `podwire`: the command line. Exit statuses: 0 all well, 1 a check did not pass, 2 bad usage, 3 could not run. */
import '../testbed/lean-client.ts';
import { report, runProgram } from './program.ts';

// Whoever reads us may stop reading: `podwire check 03 | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

// What nobody awaits, or what is thrown where nobody can catch it, is reported like any other error.
process.on('uncaughtException', (error) => process.exit(report(error)));

process.exitCode = await runProgram(process.argv.slice(2));
