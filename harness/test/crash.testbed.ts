/**
 * The command line killed at random moments, and interrupted at random moments: whatever it was doing, the
 * next command puts it right and then nothing is left. PODWIRE_SEED=... repeats a run's moments.
 */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WORKBOOK } from '../src/lab/load-lab.ts';
import { prepare } from '../src/setup/prepare.ts';
import { stderrTerminal } from '../src/setup/terminal.ts';
import { LABEL, listContainers, removeContainer } from '../src/testbed/containers.ts';
import { learnersTestbed } from '../src/testbed/identity.ts';
import { type FoundTestbed, findTestbed } from '../src/testbed/inventory.ts';
import { containersOf, hostInterfaces, processesOf, until } from './observe.ts';

const { docker } = await prepare(stderrTerminal());
const seed = process.env.PODWIRE_SEED ?? randomBytes(4).toString('hex');
const PODWIRE = path.join(WORKBOOK, 'harness/bin/podwire');
const LAB = '03';

/** A number from 0 to 1, the same for the same seed and name. */
function random(name: string): number {
  return createHash('sha256').update(`${seed} ${name}`).digest().readUInt32LE(0) / 2 ** 32;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly ms: number;
}

/** When a command gets a signal: so long after its start, or after it said what it begins with. */
interface Moment {
  readonly signal: NodeJS.Signals;
  readonly afterMs: number;
  readonly from?: 'start' | 'first words';
}

/** Runs a command of podwire; its process group gets the signal at that moment. */
function podwire(args: readonly string[], moment?: Moment): Promise<Ended> {
  return startPodwire(args, moment).ended;
}

function startPodwire(args: readonly string[], moment?: Moment): { pid: number; ended: Promise<Ended> } {
  const began = performance.now();
  const child = spawn(PODWIRE, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, by) => resolve({ code, signal: by, output, ms: performance.now() - began }));
  });
  const pid = child.pid ?? 0;
  const signalled = async ({ from, afterMs, signal }: Moment): Promise<void> => {
    if (from === 'first words') await Promise.race([once(child.stderr, 'data'), ended]);
    await Promise.race([delay(afterMs), ended]);
    try {
      process.kill(-pid, signal);
    } catch {
      // it ended before
    }
  };
  return { pid, ended: moment ? signalled(moment).then(() => ended) : ended };
}

/** Doctor's trial nodes that belong to one of these processes; the launcher becomes the process itself. */
async function trialNodesOf(pids: readonly number[]): Promise<string[]> {
  const nodes = await docker.listContainers({ all: true, filters: { label: [`${LABEL.role}=doctor`] } });
  return nodes
    .map(({ Labels }) => Labels[LABEL.owner] ?? '')
    .filter((owner) => pids.some((pid) => owner.startsWith(`${pid}:`)));
}

/** A testbed of its own for a test: lab 03 with a seed that nobody else has. */
function testSeed(): { seed: string; id: string; args: readonly string[] } & AsyncDisposable {
  const own = `crash-${randomBytes(4).toString('hex')}`;
  const { id } = learnersTestbed(LAB, own);
  return {
    seed: own,
    id,
    args: [LAB, '--seed', own],
    [Symbol.asyncDispose]: async () => {
      const containers = await listContainers(docker, { [LABEL.testbed]: id });
      await Promise.all(containers.map(({ Id }) => removeContainer(docker, Id)));
    },
  };
}

/**
 * Moments in the life of a command, spread over how long it takes when it is let be, one in each part. A run
 * that ended before its moment shows that a quicker one is possible, and the next moments come earlier: on a
 * machine that is busy by turns, the first run may have been the slowest.
 */
class Moments {
  readonly parts: readonly number[];
  #wholeMs: number;

  static async of(name: string, count: number, run: () => Promise<Ended>): Promise<Moments> {
    const { ms, code, output } = await run();
    if (code !== 0 && code !== 1) throw new Error(`podwire ${name} ended with status ${code}: ${output}`);
    return new Moments(name, count, ms);
  }

  private constructor(name: string, count: number, wholeMs: number) {
    this.parts = Array.from({ length: count }, (_, part) => (part + random(`${name} ${part}`)) / count);
    this.#wholeMs = wholeMs;
  }

  at(part: number): number {
    return part * this.#wholeMs;
  }

  /** Learns from a run that came to its own end. */
  learn({ signal, code, ms }: Ended): void {
    if (signal === null && (code === 0 || code === 1)) this.#wholeMs = Math.min(this.#wholeMs, ms);
  }
}

async function succeed(...args: readonly string[]): Promise<string> {
  const { code, output } = await podwire(args);
  if (code !== 0) throw new Error(`podwire ${args.join(' ')} ended with status ${code}: ${output}`);
  return output;
}

/**
 * What a killed command leaves running in a testbed that stands: nothing of its own, soon. A testbed that the
 * command had asked the engine to remove is gone soon, with everything.
 */
async function expectQuiet(found: FoundTestbed): Promise<void> {
  const fabric = found.fabric?.Id ?? '';
  await until(
    'only the fabric’s first process is left',
    async () => ({
      gone: (await findTestbed(docker, found.id))?.fabric?.Id !== fabric,
      lines: await processesOf([fabric]),
    }),
    ({ gone, lines }) => gone || (lines.length === 1 && lines[0] === '/usr/lib/podwire/agent pause'),
  );
}

/**
 * The engine may come to the last requests of a dead command only after the next one has looked. What they
 * make is never started, it is known for what it is, and the command after that removes it. What had stood before may
 * still run where a dead `down` had its way with the fabric alone.
 */
async function expectNothing(id: string, stood: readonly string[] = []): Promise<void> {
  const late = await findTestbed(docker, id);
  if (late) {
    // `building`: a command of another test is already clearing it away.
    expect(['abandoned', 'building']).toContain(late.state);
    const started = late.containers.filter(({ Id, State }) => State === 'running' && !stood.includes(Id));
    expect(started).toEqual([]);
    await succeed('status');
  }
  expect(await containersOf(docker, id)).toEqual([]);
}

/** The next command, whichever it is, puts right what was left; then nothing is left. */
async function expectRepair(
  next: string,
  { id, args }: { id: string; args: readonly string[] },
): Promise<void> {
  const before = await findTestbed(docker, id);
  const containers = before?.containers.map(({ Id }) => Id) ?? [];
  if (before?.state === 'ready') await expectQuiet(before);
  if (next === 'status') {
    await succeed('status');
    if ((await findTestbed(docker, id))?.state !== 'ready') await expectNothing(id, containers);
  } else if (next === 'up') {
    await succeed('up', ...args);
    const after = await findTestbed(docker, id);
    expect({ state: after?.state, nodes: Object.keys(after?.nodes ?? {}) }).toEqual({
      state: 'ready',
      nodes: ['node1'],
    });
    if (after) await expectQuiet(after);
  }
  await succeed('down', ...args);
  await expectNothing(id);
  expect(await processesOf(containers)).toEqual([]);
  expect((await hostInterfaces()).filter((name) => /^(underlay|node\d+-)/.test(name))).toEqual([]);
}

const NEXT = ['up', 'down', 'status'];
const AFTER_DOCTOR = [['status'], ['down', LAB, '--seed', 'crash-none'], ['status', '--json']];

describe(`killed (PODWIRE_SEED=${seed})`, () => {
  test.concurrent('`up` at ten random moments', async () => {
    await using own = testSeed();
    const moments = await Moments.of('up', 10, () => podwire(['up', ...own.args]));
    await succeed('down', ...own.args);
    const killed: boolean[] = [];
    for (const [index, part] of moments.parts.entries()) {
      const ended = await podwire(['up', ...own.args], { signal: 'SIGKILL', afterMs: moments.at(part) });
      moments.learn(ended);
      killed.push(ended.signal === 'SIGKILL');
      await expectRepair(NEXT[index % NEXT.length] ?? '', own);
    }
    expect(killed.filter(Boolean).length).toBeGreaterThan(2);
  }, 120_000);

  test.concurrent.each(['reset', 'down', 'check', 'solve'])(
    '`%s` at five random moments',
    async (command) => {
      await using own = testSeed();
      await succeed('up', ...own.args);
      const run = [command, ...own.args, ...(command === 'solve' ? ['--yes'] : [])];
      const moments = await Moments.of(command, 5, () => podwire(run));
      for (const [index, part] of moments.parts.entries()) {
        await succeed('up', ...own.args);
        moments.learn(await podwire(run, { signal: 'SIGKILL', afterMs: moments.at(part) }));
        await expectRepair(NEXT[index % NEXT.length] ?? '', own);
      }
    },
    120_000,
  );

  test.concurrent('`doctor` at three random moments: the next command removes its node', async () => {
    const moments = await Moments.of('doctor', 3, () => podwire(['doctor', '--json']));
    const owners: number[] = [];
    for (const [index, part] of moments.parts.entries()) {
      const running = startPodwire(['doctor', '--json'], { signal: 'SIGKILL', afterMs: moments.at(part) });
      owners.push(running.pid);
      moments.learn(await running.ended);
      await succeed(...(AFTER_DOCTOR[index] ?? []));
      // What the engine still makes of its last request is found by the command after that.
      const left = () => trialNodesOf(owners);
      if ((await left()).length > 0) await succeed('status');
      expect(await left()).toEqual([]);
    }
  }, 120_000);
});

describe(`interrupted (PODWIRE_SEED=${seed})`, () => {
  test.concurrent.each([
    // What part of its time a command works after it has said what it begins with.
    ['up', 0.3],
    ['reset', 0.04],
  ])(
    '`%s` undoes what it began, and ends with status 130',
    async (command, part) => {
      await using own = testSeed();
      const moments = await Moments.of(`interrupt ${command}`, 6, () => podwire([command, ...own.args]));
      await succeed('down', ...own.args);
      const ends: string[] = [];
      for (const [index, which] of moments.parts.entries()) {
        const ms = moments.at(which);
        if (command === 'reset') await succeed('up', ...own.args);
        // Half of a run is Node reading the sources, when nothing has begun: most moments come after that.
        const moment: Moment =
          index % 3 === 0
            ? { signal: 'SIGINT', afterMs: ms }
            : { signal: 'SIGINT', afterMs: ms * part, from: 'first words' };
        const ended = await podwire([command, ...own.args], moment);
        moments.learn(ended);
        const { code, signal, output } = ended;
        const state = (await findTestbed(docker, own.id))?.state;
        ends.push(`${code ?? signal} ${state}`);
        if (code === 130) {
          expect(output).toMatch(/Interrupted; what had been begun is removed again\.\n$/);
          // A reset that had not begun leaves the testbed as it was.
          if (command === 'up') expect(state).toBeUndefined();
        } else if (code === null) {
          expect(signal).toBe('SIGINT'); // before it had begun, or after all was done
        } else {
          expect({ code, state }).toEqual({ code: 0, state: 'ready' });
        }
        expect([undefined, 'ready']).toContain(state);
        await succeed('down', ...own.args);
        expect(await containersOf(docker, own.id)).toEqual([]);
      }
      expect(ends.join(', ')).toMatch(/\b130 /);
    },
    120_000,
  );
});
