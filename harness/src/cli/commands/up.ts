/** `podwire up` and `reset`: the testbed of a lab, made or at its start again. */
import { sweep } from '../../testbed/clear-away.ts';
import { bringUp, reset as resetTestbed } from '../../testbed/up.ts';
import { prepareLab, readLab, type SeedOption } from '../context.ts';
import { onInterrupt } from '../interrupt.ts';
import { describeStart } from '../print-report.ts';

interface Options extends SeedOption {
  readonly json?: boolean;
}

export async function up(number: string, options: Options): Promise<number> {
  const started = performance.now();
  const context = await readLab(number, options);
  const { signal, release } = onInterrupt();
  const { docker, blueprint } = await prepareLab(context, signal);
  await sweep(docker);
  const onStep = (text: string) => context.terminal.progress(text);
  const onLoss = (text: string) => context.terminal.line(text);
  const [testbed, stood] = await bringUp(docker, blueprint, { signal, onStep, onLoss });
  context.terminal.clear();
  await testbed.session.close();
  release();
  const ms = Math.round(performance.now() - started);
  if (options.json)
    print({
      testbed: context.identity.id,
      lab: context.lab.number,
      seed: context.plan.seed,
      stood,
      durationMs: ms,
    });
  else if (stood) say(`Lab ${context.lab.number} is open already; it stays as it is.`);
  else say(`Lab ${context.lab.number} is open (${seconds(ms)}). ${describeStart(context.lab.guide)}`);
  return 0;
}

export async function reset(number: string, options: Options): Promise<number> {
  const started = performance.now();
  const context = await readLab(number, options);
  const { signal, release } = onInterrupt();
  const { docker, blueprint } = await prepareLab(context, signal);
  const testbed = await resetTestbed(docker, blueprint, {
    signal,
    onStep: (text) => context.terminal.progress(text),
  });
  context.terminal.clear();
  await testbed.session.close();
  release();
  const ms = Math.round(performance.now() - started);
  if (options.json)
    print({ testbed: context.identity.id, lab: context.lab.number, seed: context.plan.seed, durationMs: ms });
  else
    say(
      `Lab ${context.lab.number} is back at its start (${seconds(ms)}). ${describeStart(context.lab.guide)}`,
    );
  return 0;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
