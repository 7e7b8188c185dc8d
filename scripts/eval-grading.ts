/**
 * Whether the same submission gets the same verdicts: grades guides, other right answers and faults of labs
 * again and again, and reports every disagreement: eval-grading [--lab 03,05] [--times N] [--jobs N] [--minutes M] [--out DIR]
 *
 * All labs are graded once, then all again. Ctrl-C, and --minutes when they are over, end it with what is known by then. With
 * --out the verdicts are kept in a folder, and the same command goes on where it ended. After a change of the code they are
 * none of its, and it begins anew.
 *
 * A right answer has to get all points but those for goals that it says it does not share; a fault has to be
 * caught by its check, with its cause; and every grading of the same has to say the same of every check.
 */
import { cpus, loadavg } from 'node:os';
import path from 'node:path';
import { INTERRUPTED, onInterrupt } from '../harness/src/cli/interrupt.ts';
import { gradeAll, type Task } from '../harness/src/grading/grade-all.ts';
import type { Graded } from '../harness/src/grading/graded.ts';
import { VerdictFiles } from '../harness/src/grading/verdict-files.ts';
import { verdictKeys } from '../harness/src/grading/verdict-key.ts';
import type { Fence } from '../harness/src/lab/guide.ts';
import { type LoadedLab, listLabs, loadLab, readAnswers, readFaults } from '../harness/src/lab/load-lab.ts';
import { prepare } from '../harness/src/setup/prepare.ts';
import { stderrTerminal } from '../harness/src/setup/terminal.ts';
import { planAddresses } from '../harness/src/topology/plan.ts';
import { readOptions } from './steps/options.ts';

const { values: options } = readOptions(import.meta.filename, {
  options: {
    lab: { type: 'string' },
    times: { type: 'string', default: '20' },
    jobs: { type: 'string', default: String(cpus().length) },
    minutes: { type: 'string' },
    out: { type: 'string' },
  },
});
const times = Number(options.times);
const wanted = options.lab?.split(',');
const LAST_OF_PART_I = 10;
const TIME_LIMIT_MS = 120_000;

interface Case {
  readonly name: string;
  readonly scripts: readonly Pick<Fence, 'host' | 'commands'>[];
  /** What is wrong with a verdict, or null. */
  readonly judge: (graded: Graded) => string | null;
}

/** Where a fault's commands run. */
function scriptsOf(commands: Readonly<Record<string, string>>): { host: string; commands: string }[] {
  return Object.entries(commands).map(([host, each]) => ({ host, commands: each }));
}

async function casesOf(lab: LoadedLab): Promise<Case[]> {
  // What only looks takes its time and leaves nothing.
  const guide = lab.guide.steps.flatMap(({ fences }) => fences).filter(({ look }) => !look);
  const right = (doesNotAim: Readonly<Record<string, string>>) => (graded: Graded) => {
    const wrong = graded.checks.filter(
      ({ id, verdict }) => verdict !== 'skipped' && verdict !== (doesNotAim[id] ?? 'pass'),
    );
    return wrong.length > 0 ? wrong.map(describe).join('; ') : null;
  };
  return [
    { name: 'guide', scripts: guide, judge: right({}) },
    ...(await readAnswers(lab)).map((answer) => ({
      name: `answer ${answer.name}`,
      scripts: answer.fences,
      judge: right(answer.doesNotAim),
    })),
    ...(await readFaults(lab)).map((fault) => ({
      name: `fault ${fault.id}`,
      scripts: [...guide, ...scriptsOf(fault.apply)],
      judge: (graded: Graded) => {
        const wanted = graded.checks.find(({ id }) => id === fault.caughtBy);
        // An earlier check may have named the same root: it is told once.
        const check = graded.checks.find(({ id }) => id === (wanted?.blockedBy ?? fault.caughtBy));
        if (check?.verdict !== 'fail') return `not caught by ${fault.caughtBy}, which is ${wanted?.verdict}`;
        return check.cause?.id === fault.cause ? null : `${check.id} names ${check.cause?.id}`;
      },
    })),
  ];
}

function describe({ id, verdict, observed, cause }: Graded['checks'][number]): string {
  return `${id} ${verdict}: ${observed}${cause ? ` (${cause.id})` : ''}`;
}

/** Of one lab, what came of it so far. */
class Tally {
  readonly #first = new Map<string, string>();
  readonly submissions = new Set<string>();
  gradings = 0;
  wrong = 0;
  disagreements = 0;
  again = 0;
  seconds = 0;

  /** @returns what is wrong with a verdict, and in what it differs from the first on the same submission. */
  add(name: string, found: string | null, graded: Graded): string[] {
    this.submissions.add(name);
    this.gradings++;
    if (graded.attempts > 1) this.again++;
    if (found !== null) this.wrong++;
    const said = graded.checks.map(({ id, verdict }) => `${id}=${verdict}`).join(' ');
    const first = this.#first.get(name) ?? said;
    this.#first.set(name, first);
    if (said !== first) this.disagreements++;
    return [
      ...(found === null ? [] : [found]),
      ...(said === first ? [] : [`said before ${first}; says now ${said}`]),
    ];
  }
}

const terminal = stderrTerminal();
const { docker, image } = await prepare(terminal);
const folders = (await listLabs()).filter(({ number }) =>
  wanted ? wanted.includes(number) : Number(number) <= LAST_OF_PART_I,
);
const labs = await Promise.all(
  folders.map(async (folder) => {
    const lab = await loadLab(folder);
    const kept = options.out ? new VerdictFiles(path.join(options.out, lab.number)) : null;
    return { lab, kept, cases: await casesOf(lab), keyOf: await verdictKeys(lab), tally: new Tally() };
  }),
);
const { signal } = onInterrupt();
const over = options.minutes ? AbortSignal.timeout(Number(options.minutes) * 60_000) : null;
const ended = over ? AbortSignal.any([signal, over]) : signal;

async function gradeOnce({ lab, kept, cases, keyOf, tally }: (typeof labs)[number], turn: number) {
  const plan = planAddresses(lab.topology);
  const began = performance.now();
  const tell = (each: Case, graded: Graded) => {
    const found = graded.status === 'graded' ? each.judge(graded) : (graded.reason ?? graded.status);
    for (const text of tally.add(each.name, found, graded))
      terminal.line(`lab ${lab.number}, ${graded.submission}: ${text}`);
  };
  const tasks = new Map<Task, Case>();
  for (const each of cases) {
    const scripts = each.scripts.map(({ host, commands }) => ({ host, commands, source: each.name }));
    const subject = { submission: `${each.name}, turn ${turn}`, student: null, lab: lab.number, seed: null };
    const task = { subject, plan, submission: { scripts, notes: [] } };
    const known = await kept?.read(subject.submission, keyOf(task, { image, timeLimitMs: TIME_LIMIT_MS }));
    if (known) tell(each, known);
    else tasks.set(task, each);
  }
  let left = tasks.size;
  await gradeAll(docker, [...tasks.keys()], {
    lab,
    image,
    jobs: Number(options.jobs),
    timeLimitMs: TIME_LIMIT_MS,
    signal: ended,
    onVerdict: async (task, graded) => {
      await kept?.write(keyOf(task, { image, timeLimitMs: TIME_LIMIT_MS }), graded);
      const each = tasks.get(task);
      if (each) tell(each, graded);
      terminal.progress(`Turn ${turn} of ${times}, lab ${lab.number}`, `${--left} to go`);
    },
  }).finally(() => {
    tally.seconds += (performance.now() - began) / 1000;
  });
}

try {
  for (let turn = 1; turn <= times; turn++) for (const lab of labs) await gradeOnce(lab, turn);
} catch (error) {
  if (!ended.aborted) throw error;
}
terminal.clear();
const tallies = labs.map(({ tally }) => tally);
const sum = (of: (tally: Tally) => number) => tallies.reduce((total, each) => total + of(each), 0);
for (const { lab, tally } of labs) {
  process.stdout.write(
    `lab ${lab.number}: ${tally.gradings} gradings of ${tally.submissions.size} submissions, ${tally.wrong} wrong, ` +
      `${tally.disagreements} disagreements, ${Math.round(tally.seconds)} s\n`,
  );
}
process.stdout.write(
  `in all: ${sum(({ gradings }) => gradings)} gradings, ${sum(({ wrong }) => wrong)} wrong, ` +
    `${sum(({ disagreements }) => disagreements)} disagreements, ${sum(({ again }) => again)} graded a second time ` +
    `(load ${(loadavg()[0] ?? 0).toFixed(0)})\n`,
);
const failed = sum(({ wrong, disagreements }) => wrong + disagreements) > 0;
process.exit(signal.aborted ? INTERRUPTED : failed ? 1 : 0);
