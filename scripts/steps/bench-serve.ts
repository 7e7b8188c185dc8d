/** Measures `podwire serve` as its page sees it: keys go in by one WebSocket, verdicts come by another. */
import { randomBytes } from 'node:crypto';
import type { LoadedLab } from '../../harness/src/lab/load-lab.ts';
import { serve } from '../../harness/src/server/serve.ts';
import { removeTestbed } from '../../harness/src/testbed/clear-away.ts';
import type { Docker } from '../../harness/src/testbed/docker.ts';
import { learnersTestbed } from '../../harness/src/testbed/identity.ts';
import { findTestbed } from '../../harness/src/testbed/inventory.ts';
import { BenchClient } from '../../harness/test/bench-client.ts';

export interface ServeFigures {
  /** From `open` to the answer that the lab is open, and from there to a prompt in a new terminal. */
  readonly openMs: number;
  readonly promptMs: number;
  /** From the key that ends a command to the verdict that it brings. */
  readonly redMs: readonly number[];
  readonly greenMs: readonly number[];
  /** From a key to its echo. */
  readonly echoMs: readonly number[];
}

/** Breaks and mends a solved lab 03 so many times in a terminal of the page. */
export async function measureServe(
  docker: Docker,
  image: string,
  lab: LoadedLab,
  turns: number,
): Promise<ServeFigures> {
  await using server = await serve({
    docker,
    ensureImage: async () => image,
    address: '127.0.0.1',
    port: 0,
    ephemeral: true,
  });
  const seed = `bench-${randomBytes(3).toString('hex')}`;
  const client = new BenchClient(server, lab.number, seed);
  try {
    const openMs = await took(() => client.open());
    await client.ask('POST', '/solve');
    using events = client.events();
    const allGreen = () =>
      events.until('every check', ({ passed, total, checking }) => passed === total && !checking);
    await allGreen();
    using terminal = client.terminal('node1');
    const promptMs = await took(() => terminal.shows(/# $/));
    const redMs: number[] = [];
    const greenMs: number[] = [];
    const echoMs: number[] = [];
    for (let turn = 0; turn < turns; turn++) {
      const word = `echo${randomBytes(4).toString('hex')}`;
      echoMs.push(
        await took(async () => {
          await terminal.type(`: ${word}`);
          await terminal.shows(new RegExp(word));
        }),
      );
      await terminal.type('\n');
      await allGreen();
      redMs.push(
        await took(async () => {
          await terminal.type('ip link set veth-b nomaster\n');
          await events.until('the cause', ({ checks }) =>
            checks.some(({ result }) => result?.cause?.id === 'not-in-bridge'),
          );
        }),
      );
      await events.until('the end of the round', ({ checking }) => !checking);
      greenMs.push(
        await took(async () => {
          await terminal.type('ip link set veth-b master cni0\n');
          await events.until('every check', ({ passed, total }) => passed === total);
        }),
      );
    }
    return { openMs, promptMs, redMs, greenMs, echoMs };
  } finally {
    await client.ask('POST', '/close');
    const left = await findTestbed(docker, learnersTestbed(lab.number, seed).id);
    if (left) await removeTestbed(docker, left);
  }
}

async function took(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
