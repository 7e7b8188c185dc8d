/** The board on this process's terminal, with the real checks, shell and reset; what `lab` and `watch` end in. */
import { listLabs, readGuide } from '../../lab/load-lab.ts';
import { rememberProgress } from '../../live/progress-file.ts';
import type { Docker } from '../../testbed/docker.ts';
import { commandWords } from '../../testbed/identity.ts';
import { reopenTestbed } from '../../testbed/reopen.ts';
import { openShell } from '../../testbed/shell.ts';
import type { Testbed } from '../../testbed/testbed.ts';
import type { LabContext } from '../context.ts';
import { runBoard } from './run-board.ts';

/** @returns the exit status: 3 when the testbed was lost. Ends the process when all is said. */
export async function showBoard(
  { lab, plan, identity }: LabContext,
  docker: Docker,
  testbed: Testbed,
  resetTestbed: () => Promise<Testbed>,
): Promise<number> {
  const { stdin, stdout, stderr } = process;
  const words = commandWords(identity);
  const nextLab = await findNextLab(lab.number);
  const end = await runBoard({
    lab,
    testbed,
    nextLab,
    color: !process.env.NO_COLOR && stdout.hasColors(),
    stdin,
    stdout,
    onReport: rememberProgress,
    openShell: (host) => openShell(docker, { identity, plan }, host, null, { stdin, stdout, stderr }),
    resetTestbed,
    reopenTestbed: () => reopenTestbed(docker, identity, plan),
  });
  if (end.kind === 'lost') {
    stderr.write(
      `Lost the testbed of lab ${lab.number}: ${end.why}\nStart over with: npx podwire reset ${words}\n`,
    );
    return 3;
  }
  await end.testbed.session.close();
  stdout.write(`Lab ${lab.number} stays open as it is. Go on with: npx podwire lab ${words}\n`);
  if (end.kind === 'next' && nextLab)
    stdout.write(`The next lab: npx podwire lab ${nextLab.number}  (${nextLab.title})\n`);
  stdout.write(`Close it with: npx podwire down ${words}\n`);
  return 0;
}

async function findNextLab(number: string): Promise<{ number: string; title: string } | null> {
  const labs = await listLabs();
  const next = labs.find((lab) => lab.number > number);
  return next ? { number: next.number, title: (await readGuide(next)).title } : null;
}
