/** The commands, their words and their help. Each is loaded only when it is called. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { errorText, LabError, TestbedError, UsageError } from '../errors.ts';
import { INTERRUPTED, InterruptedError } from './interrupt.ts';

/** Runs the command line and returns the exit status. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  let status = 0;
  const program = describe((code) => {
    status = code;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return status;
  } catch (error) {
    return report(error);
  }
}

/** Tells of an error, and returns the exit status. Errors are printed here and nowhere else. */
export function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof InterruptedError) {
    process.stderr.write('Interrupted; what had been begun is removed again.\n');
    return INTERRUPTED;
  }
  process.stderr.write(`podwire: ${errorText(error)}\n`);
  if (error instanceof UsageError || error instanceof LabError) return 2;
  if (!(error instanceof TestbedError) && error instanceof Error && process.env.PODWIRE_DEBUG) {
    process.stderr.write(`${error.stack}\n`);
  }
  return 3;
}

function readVersion(): string {
  const manifest = new URL('../../../package.json', import.meta.url);
  return JSON.parse(readFileSync(manifest, 'utf8')).version;
}

function describe(done: (status: number) => void): Command {
  const seed = () =>
    new Option('--seed <seed>', 'another address plan of the same shape, e.g. a student’s name');
  const json = () => new Option('--json', 'print JSON');
  const yes = () => new Option('--yes', 'do not ask before starting over');
  const program = new Command('podwire')
    .description('A hands-on course on container networking: real namespaces, real bridges, real packets.')
    .version(readVersion())
    .exitOverride()
    .showHelpAfterError('(`podwire --help` lists the commands)')
    .addHelpText(
      'after',
      '\nBegin with: npm run lab:03\nExit status: 0 all well, 1 a check did not pass, 2 wrong usage, 3 could not run.',
    );

  program
    .command('list')
    .description('the labs, with part, minutes and progress')
    .addOption(json())
    .action(async (options) => done(await (await import('./commands/list.ts')).list(options)));

  program
    .command('lab <lab>')
    .description('open a lab: set up what is needed, then the live board (off a terminal: the checks, once)')
    .addOption(seed())
    .action(async (lab, options) => done(await (await import('./commands/lab.ts')).lab(lab, options)));

  program
    .command('up <lab>')
    .description('make the testbed of a lab stand')
    .addOption(seed())
    .addOption(json())
    .action(async (lab, options) => done(await (await import('./commands/up.ts')).up(lab, options)));

  program
    .command('down [lab]')
    .description('remove the testbed of a lab, or all')
    .option('--all', 'every testbed')
    .addOption(seed())
    .addOption(json())
    .action(async (lab, options) => done(await (await import('./commands/down.ts')).down(lab, options)));

  program
    .command('reset <lab>')
    .description('back to the start of a lab')
    .addOption(seed())
    .addOption(json())
    .action(async (lab, options) => done(await (await import('./commands/up.ts')).reset(lab, options)));

  program
    .command('status')
    .description('the testbeds that stand')
    .addOption(json())
    .action(async (options) => done(await (await import('./commands/status.ts')).status(options)));

  program
    .command('check <lab>')
    .description('run the checks of a lab once')
    .addOption(seed())
    .addOption(json())
    .option('--only <check...>', 'only these checks, and those they need')
    .action(async (lab, options) => done(await (await import('./commands/check.ts')).check(lab, options)));

  program
    .command('watch <lab>')
    .description('the live board: checks again on every change in the network')
    .addOption(seed())
    .action(async (lab, options) => done(await (await import('./commands/watch.ts')).watch(lab, options)));

  program
    .command('sh <lab> <host> [command...]')
    .description('a shell, or a command, in a node (node1) or pod (pod/a)')
    .addOption(seed())
    .addHelpText('after', '\nA command follows two dashes: podwire sh 03 pod/a -- ip address')
    .action(async (lab, host, command, options) =>
      done(await (await import('./commands/sh.ts')).sh(lab, host, command, options)),
    );

  program
    .command('hint <lab> [check]')
    .description('the next hint for the first check that fails, or for one you name')
    .addOption(seed())
    .addOption(json())
    .action(async (lab, check, options) =>
      done(await (await import('./commands/hint.ts')).hint(lab, check, options)),
    );

  program
    .command('solve <lab>')
    .description('start over and apply the guide’s commands')
    .addOption(seed())
    .addOption(json())
    .addOption(yes())
    .option('--to <step>', 'up to this step')
    .action(async (lab, options) => done(await (await import('./commands/solve.ts')).solve(lab, options)));

  program
    .command('break <lab> [fault]')
    .description('a solved testbed with one fault in it, for you to find')
    .option('--faults <n>', 'as many at once, each on a node of its own where the lab allows it (default: 1)')
    .addOption(seed())
    .addOption(json())
    .addOption(yes())
    .action(async (lab, fault, options) =>
      done(await (await import('./commands/solve.ts')).breakLab(lab, fault, options)),
    );

  program
    .command('grade <lab> <answer...>')
    .description('grade submissions, each in a testbed of its own')
    .addOption(seed())
    .option('--seed-from <source>', 'a seed for each student: "roster", or "name" (of the submission)')
    .option('--roster <file>', 'who is who: a CSV file with the columns submission, name, seed')
    .option('--jobs <n>', 'how many testbeds side by side (default: what this machine carries)')
    .option('--time-limit <seconds>', 'for the commands of one submission (default: 60)')
    .option('--format <list>', 'one or more, with commas: table, json, junit, tap, csv, gradescope, github')
    .addOption(json())
    .option('--out <dir>', 'write results and, as they are reached, verdicts into this folder')
    .option('--resume', 'go on where a grading into the same folder was broken off')
    .addHelpText(
      'after',
      '\nAn answer is a Markdown file with fences like "```sh node1", a folder of HOST.sh files, an archive of' +
        '\neither, or a folder with one of these for each student.',
    )
    .action(async (lab, answers, options) =>
      done(await (await import('./commands/grade.ts')).grade(lab, answers, options)),
    );

  program
    .command('trace <lab> <from> <to>')
    .description('send one probe, and show its walk hop by hop; where it is lost, and why')
    .option('--udp', 'a datagram (without: a TCP connection)')
    .option('--tcp', 'a TCP connection')
    .option('--icmp', 'a ping')
    .option('--size <bytes>', 'length of the packet (--udp, --icmp), or of the answer (TCP)')
    .option('--count <number>', 'more probes; the first that is lost is shown, all are counted')
    .option('--pcap <file>', 'write what was captured everywhere to a file for Wireshark')
    .addOption(seed())
    .addOption(json())
    .addHelpText(
      'after',
      '\nFROM is a pod, node or client. TO is a pod, node, Service, name or address, with :PORT where it matters:\n' +
        '  podwire trace 05 pod/a pod/c          podwire trace 06 pod/a web\n' +
        '  podwire trace 07 client node1:30080   podwire trace 08 pod/a web.default.svc.cluster.local',
    )
    .action(async (lab, from, to, options) =>
      done(await (await import('./commands/trace.ts')).trace(lab, from, to, options)),
    );

  program
    .command('export <lab>')
    .description('what you have typed in the lab’s shells, or what stands, as a submission to go on with')
    .addOption(seed())
    .option('--state', 'what stands, even if something was typed')
    .action(async (lab, options) =>
      done(await (await import('./commands/export.ts')).exportLab(lab, options)),
    );

  program
    .command('bundle [file]')
    .description('pack the node image, the dependencies and Node into a file, for machines without a network')
    .option('--load <bundle>', 'install from such a file')
    .action(async (file, options) =>
      done(await (await import('./commands/bundle.ts')).bundle(file, options)),
    );

  program
    .command('plan <lab>')
    .description('the address plan of a lab')
    .addOption(seed())
    .addOption(json())
    .action(async (lab, options) => done(await (await import('./commands/plan.ts')).plan(lab, options)));

  program
    .command('diagram <lab>')
    .description('the topology of a lab, drawn')
    .addOption(seed())
    .addOption(json())
    .action(async (lab, options) =>
      done(await (await import('./commands/diagram.ts')).diagram(lab, options)),
    );

  program
    .command('serve')
    .description('the site and its API on this machine, until Ctrl-C')
    .option('--port <port>', 'the port to listen on (default: 4680; 0: any that is free)')
    .option('--host <address>', 'the address to listen on (default: 127.0.0.1)')
    .option('--origin <url...>', 'other addresses by which browsers reach it')
    .option('--idle <minutes>', 'close shells that nobody uses for so long (default: 30)')
    .addOption(json())
    .action(async (options) => done(await (await import('./commands/serve.ts')).serve(options)));

  program
    .command('doctor')
    .description('what this machine can do, tried out, and what that means for the labs')
    .addOption(json())
    .action(async ({ json: asJson = false }) =>
      done(await (await import('./commands/doctor.ts')).doctor({ json: asJson })),
    );

  for (const command of program.commands) command.exitOverride().configureHelp({ showGlobalOptions: false });
  return program;
}
