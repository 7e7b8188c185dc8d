/** `podwire solve` and `break`: a testbed with the guide's commands applied, whole or with one fault in it. */
import { createHash, randomInt } from 'node:crypto';
import { UsageError } from '../../errors.ts';
import { applyFault, applySteps } from '../../grading/apply.ts';
import { runChecks } from '../../grading/run-checks.ts';
import type { Fault } from '../../lab/define-lab.ts';
import { readFaults } from '../../lab/load-lab.ts';
import { commandWords } from '../../testbed/identity.ts';
import { findTestbed } from '../../testbed/inventory.ts';
import type { Testbed } from '../../testbed/testbed.ts';
import { reset } from '../../testbed/up.ts';
import { type LabContext, prepareLab, readLab, type SeedOption } from '../context.ts';
import { drawFaults } from '../draw-faults.ts';
import { onInterrupt } from '../interrupt.ts';
import { printReport } from '../print-report.ts';
import { statusOfReport } from './check.ts';

interface Options extends SeedOption {
  readonly yes?: boolean;
  readonly json?: boolean;
}

export async function solve(number: string, options: Options & { readonly to?: string }): Promise<number> {
  const context = await readLab(number, options);
  const { steps } = context.lab.guide;
  const last = options.to === undefined ? steps.length : Number(options.to);
  if (!Number.isInteger(last) || last < 1 || last > steps.length) {
    throw new UsageError(
      `Lab ${context.lab.number} has steps 1 to ${steps.length}; wanted one of them, found "${options.to}".`,
    );
  }
  const testbed = await startOver(context, options);
  if (!testbed) return 2;
  await using _session = testbed;
  await applySteps(testbed, context.lab.guide, last, ({ number: step, title }) => {
    context.terminal.line(`Step ${step}. ${title}`);
  });
  const report = await runChecks(context.lab, testbed, { matrix: true });
  if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else printReport(report, context.lab.guide.title);
  return statusOfReport(report);
}

export async function breakLab(
  number: string,
  faultId: string | undefined,
  options: Options & { readonly faults?: string },
): Promise<number> {
  const context = await readLab(number, options);
  const faults = chooseFaults(await readFaults(context.lab), faultId, options.faults, context);
  const testbed = await startOver(context, options);
  if (!testbed) return 2;
  await using _session = testbed;
  await applySteps(testbed, context.lab.guide);
  for (const fault of faults) await applyFault(testbed, fault, 'apply');
  const words = commandWords({ lab: context.lab.number, seed: context.plan.seed });
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ lab: context.lab.number, faults: faults.length, fault: faultId ?? null }, null, 2)}\n`,
    );
  else {
    const hidden = faults.length > 1 ? `${faults.length} things are broken.` : 'Something is broken.';
    const what = faultId ? `Broken: ${faults[0]?.title}.` : hidden;
    process.stdout.write(`Lab ${words} was solved, then something happened to it. ${what}\n`);
    process.stdout.write(
      `See what no longer works: npx podwire watch ${words}. Find the cause and mend it.\n`,
    );
  }
  return 0;
}

/** By name, or any, the same for the same seed: which one is not said, because finding it is the exercise. */
function chooseFaults(
  faults: readonly Fault[],
  id: string | undefined,
  wanted: string | undefined,
  { lab: { number: lab }, plan }: LabContext,
): Fault[] {
  if (id !== undefined && wanted !== undefined)
    throw new UsageError('Name a fault, or say with --faults how many are to be chosen: not both.');
  if (id !== undefined) {
    const fault = faults.find((each) => each.id === id);
    if (fault) return [fault];
    throw new UsageError(
      `Lab ${lab} has no fault "${id}". It has: ${faults.map((each) => each.id).join(', ')}.`,
    );
  }
  const count = Number(wanted ?? 1);
  const most = new Set(faults.map(({ caughtBy }) => caughtBy)).size;
  if (!Number.isInteger(count) || count < 1 || count > most)
    throw new UsageError(`Lab ${lab} takes 1 to ${most} faults at once; found "--faults ${wanted}".`);
  const any = (most: number, turn: number) =>
    plan.seed === null
      ? randomInt(most)
      : numberOf(`${plan.seed}\nfault${turn > 0 ? ` ${turn}` : ''}`) % most;
  return drawFaults(faults, plan, count, any);
}

function numberOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0);
}

/** A testbed at the start. Whoever sits at a terminal is asked before what they built is gone. */
async function startOver(context: LabContext, { yes = false }: Options): Promise<Testbed | null> {
  const { terminal, identity } = context;
  const { signal, release } = onInterrupt();
  const { docker, blueprint } = await prepareLab(context, signal);
  const stands = (await findTestbed(docker, identity.id))?.state === 'ready';
  if (stands && !yes) {
    if (
      terminal.interactive &&
      !(await terminal.ask('The lab is open. Start over? What was built in it is lost.', signal))
    ) {
      release();
      return null;
    }
    if (!terminal.interactive) terminal.line('The lab is open: starting over from its beginning.');
  }
  const testbed = await reset(docker, blueprint, { signal, onStep: (text) => terminal.progress(text) });
  release();
  terminal.clear();
  return testbed;
}
