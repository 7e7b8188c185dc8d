/**
 * Measures what the design promises of speed and size, as ratios in one run on one machine, and writes
 * docs/BENCHMARKS.md: bench [--runs N] [--json] [--no-write]
 *
 * What is compared runs in turns, A B A B, so that a busy minute meets both; medians are given. The
 * baseline is a shell script that makes the same end state by the docker client (steps/write-baseline.ts). A
 * promise that holds for every change is held against the slowest twentieth of them, not against the median.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { applyFault, applySteps } from '../harness/src/grading/apply.ts';
import { runChecks } from '../harness/src/grading/run-checks.ts';
import { findLab, type LoadedLab, loadLab, readFaults, WORKBOOK } from '../harness/src/lab/load-lab.ts';
import { Rounds } from '../harness/src/live/rounds.ts';
import { watchChanges } from '../harness/src/probes/monitor.ts';
import { IMAGE_FOLDER } from '../harness/src/setup/image.ts';
import { packImageContext } from '../harness/src/setup/image-context.ts';
import { prepare } from '../harness/src/setup/prepare.ts';
import { stderrTerminal } from '../harness/src/setup/terminal.ts';
import { LABEL, listContainers, removeContainer } from '../harness/src/testbed/containers.ts';
import type { Docker } from '../harness/src/testbed/docker.ts';
import { ephemeralTestbed } from '../harness/src/testbed/identity.ts';
import type { Testbed } from '../harness/src/testbed/testbed.ts';
import { bringUp } from '../harness/src/testbed/up.ts';
import { planAddresses } from '../harness/src/topology/plan.ts';
import { readTopology } from '../harness/src/topology/read-topology.ts';
import type { Topology } from '../harness/src/topology/topology.ts';
import { measureServe } from './steps/bench-serve.ts';
import { readOptions } from './steps/options.ts';
import { type Bare, writeBaseline } from './steps/write-baseline.ts';

interface Row {
  readonly what: string;
  readonly measured: string;
  /** The design's, section 8; empty where it has none. */
  readonly budget: string;
  readonly met: boolean | null;
}

const { values: options } = readOptions(import.meta.filename, {
  options: {
    runs: { type: 'string', default: '9' },
    json: { type: 'boolean', default: false },
    'no-write': { type: 'boolean', default: false },
  },
});
const RUNS = Number(options.runs);
const LAB = '03';
const OVERLAY_LAB = '05';
const PODWIRE = path.join(WORKBOOK, 'harness/bin/podwire');
const MAIN = path.join(WORKBOOK, 'harness/src/cli/main.ts');
const BRING_UP = path.join(WORKBOOK, 'harness/test/bring-up.ts');
const MIB = 1024 * 1024;
const WITHIN_MS = 5_000;
const unique = () => `bench-${randomBytes(3).toString('hex')}`;

const say = (text: string) => process.stderr.write(`${text}\n`);

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** Runs a whole process and returns its milliseconds. @throws when its status is none of those wanted. */
async function time(command: readonly string[], wanted: readonly number[] = [0]): Promise<number> {
  const [program = '', ...args] = command;
  const began = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk) => (complaint += chunk));
  const status = await new Promise((resolve) => child.once('close', resolve));
  const ms = performance.now() - began;
  if (!wanted.includes(status as number))
    throw new Error(`\`${command.join(' ')}\` ended with status ${status}: ${complaint}`);
  return ms;
}

/** Runs both in turns; the medians of each. The first turn warms up and does not count. */
async function inTurns<T>(runs: number, a: () => Promise<T>, b: () => Promise<T>): Promise<[T[], T[]]> {
  const results: [T[], T[]] = [[], []];
  for (let run = 0; run <= runs; run++) {
    const pair = [await a(), await b()] as const;
    if (run === 0) continue;
    results[0].push(pair[0]);
    results[1].push(pair[1]);
  }
  return results;
}

const ms = (value: number) => `${Math.round(value)} ms`;
const ratio = (a: number, b: number) => (a / b).toFixed(2);
const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;

function ratioRow(what: string, ours: readonly number[], theirs: readonly number[], budget: number): Row {
  const [a, b] = [median(ours), median(theirs)];
  return {
    what,
    measured: `${ratio(a, b)} x (${ms(a)} to ${ms(b)})`,
    budget: `${budget} x`,
    met: a / b <= budget,
  };
}

function limitRow(what: string, measuredMs: number, limitMs: number): Row {
  return { what, measured: ms(measuredMs), budget: ms(limitMs), met: measuredMs <= limitMs };
}

interface UpAndDown {
  readonly up: number;
  readonly down: number;
}

/** What 95 of 100 are no slower than. */
function p95(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? 0;
}

async function baseline(bare: Bare, image: string): Promise<UpAndDown> {
  const prefix = unique();
  const names = ['fabric', ...Object.keys(bare.topology.nodes)].map((name) => `${prefix}-${name}`);
  const rm = ['docker', 'rm', '--force', ...names];
  try {
    const up = await time(['sh', '-c', writeBaseline(bare), 'sh', prefix, image]);
    return { up, down: await time(rm) };
  } catch (error) {
    spawnSync(rm[0] ?? '', rm.slice(1));
    throw error;
  }
}

async function labUpAndDown(lab: string): Promise<UpAndDown> {
  const seed = unique();
  const up = await time([PODWIRE, 'up', lab, '--seed', seed]);
  return { up, down: await time([PODWIRE, 'down', lab, '--seed', seed]) };
}

/** A lab as the docker client is to make it. */
function bareLab({ topology, start }: LoadedLab): Bare {
  return { topology, plan: planAddresses(topology, null), start };
}

async function twoNodesUp(docker: Docker): Promise<UpAndDown> {
  const { id } = ephemeralTestbed('00');
  const up = await time([process.execPath, BRING_UP, id, 'two-nodes']);
  const containers = await listContainers(docker, { [LABEL.testbed]: id });
  const began = performance.now();
  await Promise.all(containers.map(({ Id }) => removeContainer(docker, Id)));
  return { up, down: performance.now() - began };
}

async function measureUp(docker: Docker, image: string, twoNodes: Topology): Promise<Row[]> {
  if (spawnSync('docker', ['version']).status !== 0) {
    say('There is no docker client here: bring-up and removal are not compared with it.');
    const left = { measured: 'not measured: no docker client', met: null };
    return [
      { what: `lab ${LAB} up, whole process`, budget: '1.3 x', ...left },
      { what: `lab ${OVERLAY_LAB} up, whole process`, budget: '1.3 x', ...left },
      { what: 'two nodes up, whole process', budget: '1.3 x', ...left },
      { what: 'down, whole process', budget: '1.2 x', ...left },
    ];
  }
  const [lab, overlay] = await Promise.all(
    [LAB, OVERLAY_LAB].map(async (number) => bareLab(await loadLab(await findLab(number)))),
  );
  if (!lab || !overlay) throw new Error(`Labs ${LAB} and ${OVERLAY_LAB} are missing.`);
  say(`Bringing up and removing lab ${LAB}, in turns with the docker client ...`);
  const [ours, theirs] = await inTurns(
    RUNS,
    () => labUpAndDown(LAB),
    () => baseline(lab, image),
  );
  say(`Bringing up and removing lab ${OVERLAY_LAB}, in turns with the docker client ...`);
  const [ours5, theirs5] = await inTurns(
    RUNS,
    () => labUpAndDown(OVERLAY_LAB),
    () => baseline(overlay, image),
  );
  say('Bringing up two nodes, in turns with the docker client ...');
  const bareNodes = { topology: twoNodes, plan: planAddresses(twoNodes, null), start: [] };
  const [ours2, theirs2] = await inTurns(
    RUNS,
    () => twoNodesUp(docker),
    () => baseline(bareNodes, image),
  );
  const up = (list: readonly UpAndDown[]) => list.map((each) => each.up);
  const down = (list: readonly UpAndDown[]) => list.map((each) => each.down);
  const script = 'a shell script with the docker client';
  return [
    ratioRow(`lab ${LAB} up, whole process, to ${script}`, up(ours), up(theirs), 1.3),
    ratioRow(`lab ${OVERLAY_LAB} (an overlay, at its start) up, to the same`, up(ours5), up(theirs5), 1.3),
    ratioRow('two nodes up, whole process, to the same', up(ours2), up(theirs2), 1.3),
    ratioRow('down, whole process, to `docker rm -f` of the same containers', down(ours), down(theirs), 1.2),
  ];
}

async function measureBootstrap(): Promise<Row[]> {
  say('Starting podwire with and without its bootstrap ...');
  process.env.NODE_COMPILE_CACHE = path.join(WORKBOOK, 'node_modules/.cache/podwire');
  const direct = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN, 'plan', LAB];
  const [whole, bare] = await inTurns(
    RUNS,
    () => time([PODWIRE, 'plan', LAB]),
    () => time(direct),
  );
  const packing = Array.from({ length: RUNS }, () => {
    const began = performance.now();
    packImageContext(IMAGE_FOLDER);
    return performance.now() - began;
  });
  return [
    limitRow('bootstrap, when all stands', median(whole) - median(bare), 50),
    limitRow('the image’s folder read and hashed, in every `up`', median(packing), 50),
  ];
}

async function measureChecks(docker: Docker): Promise<Row[]> {
  say('Checking lab 03, untouched and solved ...');
  const seed = unique();
  const words = [LAB, '--seed', seed];
  try {
    await time([PODWIRE, 'up', ...words]);
    const untouched: number[] = [];
    for (let run = 0; run < RUNS; run++) untouched.push(await time([PODWIRE, 'check', ...words], [1]));
    await time([PODWIRE, 'solve', ...words, '--yes']);
    const solved: number[] = [];
    for (let run = 0; run < RUNS; run++) solved.push(await time([PODWIRE, 'check', ...words]));
    return [
      limitRow('`check`, solved, whole process', median(solved), 1_000),
      limitRow('`check`, untouched, whole process', median(untouched), 2_000),
    ];
  } finally {
    await time([PODWIRE, 'down', ...words]).catch((error: unknown) => say(String(error)));
    void docker;
  }
}

async function makeTestbed(docker: Docker, image: string, topology: Topology, lab?: LoadedLab) {
  const identity = ephemeralTestbed(lab?.number ?? '00');
  const [testbed] = await bringUp(docker, {
    identity,
    topology,
    plan: planAddresses(topology, null),
    image,
    start: lab?.start ?? [],
  });
  return {
    identity,
    testbed,
    remove: async () => {
      const containers = await listContainers(docker, { [LABEL.testbed]: identity.id });
      await Promise.all(containers.map(({ Id }) => removeContainer(docker, Id)));
    },
  };
}

/** From the moment a learner's command is given until the board has the verdict that it brings. */
async function measureBoard(docker: Docker, image: string): Promise<Row[]> {
  say('Changing a solved lab under the eyes of the live board ...');
  const lab = await loadLab(await findLab(LAB));
  const { testbed, remove } = await makeTestbed(docker, image, lab.topology, lab);
  try {
    await applySteps(testbed, lab.guide);
    const verdicts = new Map<string, string>();
    let ended = 0;
    const waiting = new Set<() => void>();
    const told = () => {
      for (const look of [...waiting]) look();
    };
    const rounds = new Rounds((round) => runChecks(lab, testbed, { ...round, eager: true }), {
      onBegin: () => {},
      onResult: ({ id, verdict }) => {
        verdicts.set(id, verdict);
        told();
      },
      onEnd: () => {
        ended++;
        told();
      },
      onError: (error) => say(String(error)),
    });
    /** Whether the condition comes to hold in time. */
    const holds = (condition: () => boolean): Promise<boolean> =>
      new Promise((resolve) => {
        const end = (held: boolean) => {
          clearTimeout(timer);
          waiting.delete(look);
          resolve(held);
        };
        const look = () => {
          if (condition()) end(true);
        };
        const timer = setTimeout(() => end(false), WITHIN_MS);
        waiting.add(look);
        look();
      });
    const allGreen = () => lab.checks.every(({ id }) => ['pass', 'skipped'].includes(verdicts.get(id) ?? ''));
    /** What still comes of a change that was seen already: rounds that end, until none begins for a while. */
    const settle = async (): Promise<void> => {
      for (let before = -1; before !== ended; ) {
        before = ended;
        await delay(400);
      }
    };
    /** Gives the learner's commands and returns how long the verdict takes, or null when it does not come. */
    const measure = async (change: () => Promise<void>, condition: () => boolean): Promise<number | null> => {
      await settle();
      const began = performance.now();
      const changing = change();
      const held = await holds(condition);
      const took = performance.now() - began;
      await changing;
      return held ? took : null;
    };

    await using _monitor = await watchChanges(testbed, () => rounds.request());
    const [red, green, missed]: [number[], number[], string[]] = [[], [], []];
    for (const fault of await readFaults(lab)) {
      rounds.request();
      while (!(await holds(allGreen))) rounds.request();
      const toRed = await measure(
        () => applyFault(testbed, fault, 'apply'),
        () => verdicts.get(fault.caughtBy) === 'fail',
      );
      if (toRed === null) missed.push(`${fault.id} to red`);
      else red.push(toRed);
      const toGreen = await measure(() => applyFault(testbed, fault, 'repair'), allGreen);
      if (toGreen === null) missed.push(`${fault.id} to green`);
      else green.push(toGreen);
    }
    await rounds.pause();
    const row = (what: string, list: readonly number[], kind: string): Row => {
      const late = missed.filter((each) => each.endsWith(kind));
      const never = late.length > 0 ? `; not within ${WITHIN_MS / 1000} s: ${late.join(', ')}` : '';
      const within = list.filter((each) => each <= 300).length;
      return {
        what,
        measured: `${ms(median(list))}, 95 of 100 within ${ms(p95(list))}, at most ${ms(Math.max(...list))}; in time ${within} of ${list.length + late.length}${never}`,
        budget: ms(300),
        met: p95(list) <= 300 && late.length === 0,
      };
    };
    return [
      row('live board, from a fault’s first command to its red verdict', red, 'red'),
      row('live board, from a repair’s first command to all green', green, 'green'),
    ];
  } finally {
    await testbed.session.close();
    await remove();
  }
}

/** The same as a page of `podwire serve` sees it: a key goes in by one WebSocket, the verdict comes by another. */
async function measurePage(docker: Docker, image: string): Promise<Row[]> {
  say('Changing a solved lab in a page ...');
  const lab = await loadLab(await findLab(LAB));
  const { promptMs, redMs, greenMs, echoMs } = await measureServe(docker, image, lab, RUNS);
  const row = (what: string, list: readonly number[], limitMs: number): Row => ({
    what,
    measured: `${ms(median(list))}, at most ${ms(Math.max(...list))}`,
    budget: ms(limitMs),
    met: Math.max(...list) <= limitMs,
  });
  return [
    row('page, from a key to the red verdict and its cause', redMs, 400),
    row('page, from a key to all green', greenMs, 400),
    { what: 'page, from a key to its echo', measured: ms(median(echoMs)), budget: '', met: null },
    { what: 'page, a terminal opened, to its prompt', measured: ms(promptMs), budget: '', met: null },
  ];
}

interface Memory {
  /** Charged to the containers' control groups, page cache and kernel included. */
  readonly charged: number;
  readonly withoutCache: number;
  readonly residentOfProcesses: number;
}

async function memoryOf(docker: Docker, testbedId: string): Promise<Memory> {
  const containers = await listContainers(docker, { [LABEL.testbed]: testbedId });
  const ids = containers.map(({ Id }) => Id);
  const stats = await Promise.all(
    ids.map((id) => docker.getContainer(id).stats({ stream: false, 'one-shot': true } as { stream: false })),
  );
  let [charged, cache] = [0, 0];
  for (const { memory_stats: memory } of stats) {
    const kinds = memory.stats as unknown as Record<string, number>;
    charged += memory.usage;
    cache += kinds.total_cache ?? kinds.file ?? 0;
  }
  return { charged, withoutCache: charged - cache, residentOfProcesses: residentOf(ids) };
}

/** The proportional set size of all processes in the containers; zero where they are not on this machine. */
function residentOf(containerIds: readonly string[]): number {
  let bytes = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const cgroup = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
      if (!containerIds.some((id) => cgroup.includes(id))) continue;
      const [, kib] = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? [];
      bytes += Number(kib ?? 0) * 1024;
    } catch {
      // it ended meanwhile
    }
  }
  return bytes;
}

async function measureMemory(docker: Docker, image: string, twoNodes: Topology): Promise<Row[]> {
  say('Weighing an idle testbed of two nodes ...');
  const { testbed, identity, remove } = await makeTestbed(docker, image, twoNodes);
  try {
    await testbed.session.close();
    const { charged, withoutCache, residentOfProcesses } = await memoryOf(docker, identity.id);
    const detail = `without page cache ${mib(withoutCache)}; its processes ${mib(residentOfProcesses)}`;
    return [
      {
        what: 'memory of an idle testbed of two nodes, charged to its containers',
        measured: `${mib(charged)} (${detail})`,
        budget: '15.0 MiB',
        met: charged <= 15 * MIB,
      },
    ];
  } finally {
    await remove();
  }
}

async function measureGrowth(docker: Docker, image: string, oneNode: Topology): Promise<Row[]> {
  const points: { count: number; perTestbedMs: number; perTestbedBytes: number }[] = [];
  for (const count of [1, 1, 5, 10, 20]) {
    say(`Bringing up ${count} testbed${count > 1 ? 's' : ''} at once ...`);
    const began = performance.now();
    const made = await Promise.all(Array.from({ length: count }, () => makeTestbed(docker, image, oneNode)));
    const elapsed = performance.now() - began;
    await Promise.all(made.map(({ testbed }: { testbed: Testbed }) => testbed.session.close()));
    const memories = await Promise.all(made.map(({ identity }) => memoryOf(docker, identity.id)));
    points.push({
      count,
      perTestbedMs: elapsed / count,
      perTestbedBytes: memories.reduce((sum, { charged }) => sum + charged, 0) / count,
    });
    await Promise.all(made.map(({ remove }) => remove()));
  }
  points.shift(); // warmed up
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return [];
  const each = (text: (point: (typeof points)[number]) => string) => points.map(text).join(', ');
  return [
    {
      what: 'time per testbed, 1 to 20 at once',
      measured: each(({ count, perTestbedMs }) => `${count}: ${ms(perTestbedMs)}`),
      budget: 'linear',
      met: last.perTestbedMs <= first.perTestbedMs * 1.1,
    },
    {
      what: 'memory per testbed, 1 to 20 at once',
      measured: each(({ count, perTestbedBytes }) => `${count}: ${mib(perTestbedBytes)}`),
      budget: 'linear',
      met: last.perTestbedBytes <= first.perTestbedBytes * 1.1,
    },
  ];
}

function describeMachine(engine: { Version: string; KernelVersion?: string }): string {
  const [cpu] = cpus();
  const os = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown';
  return [
    `${cpus().length} x ${cpu?.model ?? 'unknown CPU'}`,
    `${(totalmem() / 1024 ** 3).toFixed(0)} GiB`,
    os,
    `Linux ${release()}`,
    `Docker ${engine.Version}`,
    `Node ${process.versions.node}`,
  ].join(', ');
}

const { docker, image } = await prepare(stderrTerminal());
const [oneNode, twoNodes] = await Promise.all(
  ['one-node', 'two-nodes'].map((name) => readTopology(path.join(WORKBOOK, 'topologies', `${name}.yaml`))),
);
if (!oneNode || !twoNodes) throw new Error('The topologies one-node and two-nodes are missing.');
const rows = [
  ...(await measureUp(docker, image, twoNodes)),
  ...(await measureBootstrap()),
  ...(await measureChecks(docker)),
  ...(await measureBoard(docker, image)),
  ...(await measurePage(docker, image)),
  ...(await measureMemory(docker, image, twoNodes)),
  ...(await measureGrowth(docker, image, oneNode)),
];
const machine = describeMachine(await docker.version());
const date = new Date().toISOString().slice(0, 10);
const verdict = ({ met }: Row) => (met === null ? '' : met ? 'yes' : '**no**');
const table = [
  '| what | measured | budget | met |',
  '| --- | --- | --- | --- |',
  ...rows.map((row) => `| ${row.what} | ${row.measured} | ${row.budget} | ${verdict(row)} |`),
].join('\n');

if (options.json) process.stdout.write(`${JSON.stringify({ machine, date, runs: RUNS, rows }, null, 2)}\n`);
else process.stdout.write(`${table}\n\n${machine}\n`);
if (!options['no-write']) {
  const file = path.join(WORKBOOK, 'docs/BENCHMARKS.md');
  const notes = /<!-- notes -->[\s\S]*/.exec(readIfThere(file))?.[0] ?? '<!-- notes -->\n';
  await writeFile(
    file,
    `# Benchmarks

Made by \`npm run bench\`; the budget is the design's. What is compared ran in turns (A B A B, ${RUNS} of each,
medians), in one run on one machine, so the ratios say more than the times.

${date}: ${machine}.

${table}

${notes}`,
  );
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
