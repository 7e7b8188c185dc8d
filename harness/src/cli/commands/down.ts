/** `podwire down`: removes the testbed of a lab, or all. It reads labels alone, and no lab. */
import { UsageError } from '../../errors.ts';
import { findEngine } from '../../setup/engine.ts';
import { removeTestbed, sweep } from '../../testbed/clear-away.ts';
import type { Docker } from '../../testbed/docker.ts';
import { commandWords, learnersTestbed } from '../../testbed/identity.ts';
import { type FoundTestbed, findTestbed, findTestbeds } from '../../testbed/inventory.ts';

interface Options {
  readonly seed?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

export async function down(number: string | undefined, options: Options): Promise<number> {
  if ((number === undefined) === (options.all !== true)) {
    throw new UsageError('Wanted a lab, like `podwire down 03`, or `podwire down --all` for every testbed.');
  }
  const docker = await findEngine();
  const swept = await sweep(docker);
  const removed = number === undefined ? await downAll(docker) : await downOne(docker, number, options);
  if (options.json) say(JSON.stringify({ removed: [...swept, ...removed].map(({ id }) => id) }, null, 2));
  else {
    for (const { lab, seed } of removed) say(`Lab ${commandWords({ lab, seed })} is closed.`);
    for (const { id } of swept) say(`Removed what a process that died had left: ${id}.`);
    if (removed.length + swept.length === 0) say('Nothing was open.');
  }
  return 0;
}

async function downOne(docker: Docker, number: string, { seed }: Options): Promise<FoundTestbed[]> {
  const { id } = learnersTestbed(number.padStart(2, '0'), seed ?? null);
  const removed: FoundTestbed[] = [];
  // What a command that died had asked of the engine may come while we remove the rest.
  for (;;) {
    const found = await findTestbed(docker, id);
    if (!found) return removed.slice(0, 1);
    await removeTestbed(docker, found);
    removed.push(found);
    // Of one that stood whole, nothing can be under way any more.
    if (found.state === 'ready' || found.state === 'stopped') return removed.slice(0, 1);
  }
}

/** Every testbed but those that a living test or grading run is using. */
async function downAll(docker: Docker): Promise<FoundTestbed[]> {
  const all = await findTestbeds(docker);
  const used = all.filter(({ ephemeral }) => ephemeral);
  if (used.length > 0) {
    process.stderr.write(
      `Left alone, because a running test or grading uses them: ${used.map(({ id }) => id).join(', ')}.\n`,
    );
  }
  const removed = all.filter(({ ephemeral }) => !ephemeral);
  await Promise.all(removed.map((testbed) => removeTestbed(docker, testbed)));
  return removed;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
