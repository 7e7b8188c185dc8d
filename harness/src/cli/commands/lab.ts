/** `podwire lab`: from whatever there is to an open lab; then the board, or off a terminal the checks once. */
import { runChecks } from '../../grading/run-checks.ts';
import { rememberProgress } from '../../live/progress-file.ts';
import { sweep } from '../../testbed/clear-away.ts';
import { commandWords } from '../../testbed/identity.ts';
import { bringUp, reset } from '../../testbed/up.ts';
import { prepareLab, readLab, type SeedOption } from '../context.ts';
import { onInterrupt } from '../interrupt.ts';
import { describeStart, nextStep, printReport } from '../print-report.ts';

/** Status 0 when the lab is open, however its checks stand. */
export async function lab(number: string, options: SeedOption): Promise<number> {
  const context = await readLab(number, options);
  const { terminal } = context;
  const { guide } = context.lab;
  const { signal, release } = onInterrupt();
  const { docker, blueprint } = await prepareLab(context, signal);
  await sweep(docker);
  const onStep = (text: string) => terminal.progress(text);
  const onLoss = (text: string) => terminal.line(text);
  const [testbed, stood] = await bringUp(docker, blueprint, { signal, onStep, onLoss });
  release();
  terminal.clear();

  if (process.stdin.isTTY && process.stdout.isTTY) {
    const { showBoard } = await import('../board/show-board.ts');
    return showBoard(context, docker, testbed, () => reset(docker, blueprint));
  }

  await using _session = testbed;
  const words = commandWords({ lab: context.lab.number, seed: context.plan.seed });
  const say = (text: string) => process.stdout.write(`${text}\n`);
  say(
    `Lab ${words} is open${stood ? ' already; it stays as it is' : ''}. ${stood ? '' : describeStart(guide)}`.trim(),
  );
  const report = await runChecks(context.lab, testbed);
  await rememberProgress(report);
  printReport(report, guide.title);
  const step = nextStep(guide, report.checks);
  say(
    step
      ? `\nNext: step ${step.number}. ${step.title}`
      : `\nAll done. Break it and mend it: npx podwire break ${words}`,
  );
  say(`Guide:  ${guideFile(context.lab.directory)}`);
  say(`Shell:  npx podwire sh ${words} ${Object.keys(context.plan.nodes)[0]}`);
  say(`Checks: npx podwire check ${words}, or live in a terminal: npx podwire watch ${words}`);
  return 0;
}

function guideFile(directory: string): string {
  const here = process.cwd();
  return `${directory.startsWith(here) ? directory.slice(here.length + 1) : directory}/README.md`;
}
