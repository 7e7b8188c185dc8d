/** `podwire watch`: the live board on a testbed that stands. */
import { UsageError } from '../../errors.ts';
import { reset } from '../../testbed/up.ts';
import { showBoard } from '../board/show-board.ts';
import { openStandingLab, prepareLab, readLab, type SeedOption } from '../context.ts';

export async function watch(number: string, options: SeedOption): Promise<number> {
  const context = await readLab(number, options);
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new UsageError(
      `The board needs a terminal. Without one, look once with: npx podwire check ${context.lab.number}`,
    );
  }
  const { docker, testbed } = await openStandingLab(context);
  return showBoard(context, docker, testbed, async () => {
    const { blueprint } = await prepareLab(context);
    return reset(docker, blueprint);
  });
}
