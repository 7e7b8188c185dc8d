/**
 * Measures how fast submissions are graded, against the creation and removal of the bare containers with the
 * same number at once, in turns, and writes the table into docs/BENCHMARKS.md: bench-grading [--count N] [--jobs 1,2,4,8]
 * [--turns N] [--no-write]
 */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gradeAll, type Task } from '../harness/src/grading/grade-all.ts';
import { findLab, loadLab, readAnswers, WORKBOOK } from '../harness/src/lab/load-lab.ts';
import { prepare } from '../harness/src/setup/prepare.ts';
import { stderrTerminal } from '../harness/src/setup/terminal.ts';
import {
  containerName,
  fabricOptions,
  LABEL,
  listContainers,
  nodeOptions,
  removeContainer,
} from '../harness/src/testbed/containers.ts';
import { ephemeralTestbed, labelsOf } from '../harness/src/testbed/identity.ts';
import { describeProcess } from '../harness/src/testbed/owner.ts';
import { planAddresses } from '../harness/src/topology/plan.ts';
import { readOptions } from './steps/options.ts';

const { values: options } = readOptions(import.meta.filename, {
  options: {
    count: { type: 'string', default: '24' },
    jobs: { type: 'string', default: '1,2,4,8' },
    turns: { type: 'string', default: '3' },
    'no-write': { type: 'boolean', default: false },
  },
});
const LAB = '03';
const JOBS = options.jobs.split(',').map(Number);
const BUDGET = 0.6;
const MIB = 1024 * 1024;
const COUNT = Number(options.count);

const terminal = stderrTerminal();
const { docker, image } = await prepare(terminal);
const lab = await loadLab(await findLab(LAB));
const plan = planAddresses(lab.topology);
/** What students hand in: commands that build, without the guide's experiments that wait for packets. */
const ANSWER = 'old-tools';
const answer = (await readAnswers(lab)).find(({ name }) => name === ANSWER);
const scripts = (answer?.fences ?? []).map(({ host, commands }) => ({ host, commands, source: ANSWER }));

function makeTasks(): Task[] {
  return Array.from({ length: COUNT }, (_, index) => ({
    subject: { submission: `${index}`, student: null, lab: LAB, seed: null },
    plan,
    submission: { scripts, notes: [] },
  }));
}

/** Submissions per minute. */
async function grade(jobs: number): Promise<number> {
  const began = performance.now();
  let whole = 0;
  await gradeAll(docker, makeTasks(), {
    lab,
    image,
    jobs,
    timeLimitMs: 60_000,
    signal: new AbortController().signal,
    onVerdict: async (_task, { score }) => {
      if (score === 1) whole++;
    },
  });
  if (whole !== COUNT) throw new Error(`${COUNT - whole} of ${COUNT} gradings were wrong`);
  return (60_000 * COUNT) / (performance.now() - began);
}

/** Sets of bare containers per minute: created, started, removed. */
async function bare(jobs: number): Promise<number> {
  const began = performance.now();
  let left = COUNT;
  const worker = async () => {
    while (left-- > 0) {
      const identity = ephemeralTestbed(LAB);
      const labels = labelsOf(identity, randomBytes(8).toString('hex'));
      const wanted = [
        ['fabric', fabricOptions(image, labels)] as const,
        ...Object.keys(lab.topology.nodes).map((node) => [node, nodeOptions(image, node, labels)] as const),
      ];
      const made = await Promise.all(
        wanted.map(async ([part, made]) => {
          const container = await docker.createContainer({ ...made, name: containerName(identity.id, part) });
          await container.start();
          return container.id;
        }),
      );
      await Promise.all(made.map((id) => removeContainer(docker, id)));
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return (60_000 * COUNT) / (performance.now() - began);
}

/** The most that our containers were charged while the work was done. */
async function weigh(work: () => Promise<unknown>): Promise<number> {
  let done = false;
  let most = 0;
  const weighing = (async () => {
    while (!done) {
      const ours = await listContainers(docker, { [LABEL.owner]: describeProcess() });
      const sizes = await Promise.all(
        ours.map(async ({ Id }) => {
          try {
            const stats = await docker.getContainer(Id).stats({ stream: false, 'one-shot': true });
            return stats.memory_stats.usage ?? 0;
          } catch {
            return 0; // It was removed meanwhile.
          }
        }),
      );
      most = Math.max(
        most,
        sizes.reduce((sum, size) => sum + size, 0),
      );
      await delay(50);
    }
  })();
  await work().finally(() => {
    done = true;
  });
  await weighing;
  return most;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

const rows: string[] = [];
for (const jobs of JOBS) {
  const rates = { ours: [] as number[], theirs: [] as number[] };
  for (let turn = 0; turn < Number(options.turns); turn++) {
    rates.ours.push(await grade(jobs));
    rates.theirs.push(await bare(jobs));
  }
  const [ours, theirs] = [median(rates.ours), median(rates.theirs)];
  const ratio = ours / theirs;
  const memory = await weigh(() => grade(jobs));
  const met = ratio >= BUDGET ? 'yes' : '**no**';
  rows.push(
    `| ${jobs} | ${ours.toFixed(0)} | ${theirs.toFixed(0)} | ${ratio.toFixed(2)} x | ${met} | ${(memory / MIB).toFixed(0)} MiB |`,
  );
  terminal.line(rows.at(-1) ?? '');
}

const rss = (process.memoryUsage.rss() / MIB).toFixed(0);
const section = `<!-- grading -->
## Grading

Made by \`npm run bench:grading\`: the answer \`${ANSWER}\` of lab ${LAB} graded ${COUNT} times, and as many sets of the same containers
created, started and removed through the same client, in turns (${options.turns} of each, medians). ${cpus().length} cores; load
at the end ${(loadavg()[0] ?? 0).toFixed(1)}. Budget: ${BUDGET} x. The grader itself takes ${rss} MiB.

| jobs | submissions a minute | bare containers a minute | ratio | met | containers, at most |
| ---: | ---: | ---: | ---: | --- | ---: |
${rows.join('\n')}
<!-- /grading -->`;
if (!options['no-write']) {
  const file = path.join(WORKBOOK, 'docs/BENCHMARKS.md');
  const text = await readFile(file, 'utf8');
  const known = /<!-- grading -->[\s\S]*<!-- \/grading -->/;
  await writeFile(
    file,
    known.test(text) ? text.replace(known, section) : `${text.trimEnd()}\n\n${section}\n`,
  );
}
process.stdout.write(`${section}\n`);
