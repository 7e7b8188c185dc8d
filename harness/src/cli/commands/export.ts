/** `podwire export`: what the learner typed, or what stands, as a submission skeleton on stdout. */
import { describeState } from '../../grading/export/describe-state.ts';
import { readHistories } from '../../grading/export/read-histories.ts';
import { type Block, writeSkeleton } from '../../grading/export/write-skeleton.ts';
import type { LoadedLab } from '../../lab/load-lab.ts';
import { prepare } from '../../setup/prepare.ts';
import { makeFresh } from '../../testbed/ephemeral.ts';
import type { Testbed } from '../../testbed/testbed.ts';
import { type LabContext, openStandingLab, readLab, type SeedOption } from '../context.ts';
import { onInterrupt } from '../interrupt.ts';

export async function exportLab(
  number: string,
  options: SeedOption & { readonly state?: boolean },
): Promise<number> {
  const context = await readLab(number, options);
  const { testbed } = await openStandingLab(context);
  await using _session = testbed;
  const typed = options.state ? [] : await readHistories(testbed);
  const fromShells = typed.length > 0;
  const blocks = fromShells ? typed : await readState(context.lab, testbed, context);
  const origin = fromShells
    ? 'what was typed in the shells of the lab'
    : 'what stands in the lab, read from the kernel';
  process.stdout.write(writeSkeleton(context.lab, context.plan, blocks, origin));
  return 0;
}

async function readState(
  { number, topology, start }: LoadedLab,
  testbed: Testbed,
  { terminal }: LabContext,
): Promise<Block[]> {
  const { docker, image } = await prepare(terminal);
  const { signal, release } = onInterrupt();
  terminal.progress('Comparing with how the lab begins');
  const made = { lab: number, topology, plan: testbed.plan, image, start };
  const fresh = await makeFresh(docker, made, signal);
  try {
    return await describeState(testbed, fresh.testbed);
  } finally {
    await fresh.remove();
    terminal.clear();
    release();
  }
}
