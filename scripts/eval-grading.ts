/**
 * Whether the same submission gets the same verdicts: grades guides, other right answers and faults of labs
 * again and again, and reports every disagreement: eval-grading [--lab 03,05] [--times N] [--jobs N]
 *
 * A right answer has to get all points but those for goals that it says it does not share; a fault has to be
 * caught by its check, with its cause; and every grading of the same has to say the same of every check.
 */
import { cpus, loadavg } from 'node:os';
import { INTERRUPTED, InterruptedError, onInterrupt } from '../harness/src/cli/interrupt.ts';
import { gradeAll, type Task } from '../harness/src/grading/grade-all.ts';
import type { Graded } from '../harness/src/grading/graded.ts';
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
  },
});
const times = Number(options.times);
const wanted = options.lab?.split(',');
const LAST_OF_PART_I = 10;

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

const terminal = stderrTerminal();
const { docker, image } = await prepare(terminal);
const folders = (await listLabs()).filter(({ number }) =>
  wanted ? wanted.includes(number) : Number(number) <= LAST_OF_PART_I,
);
let gradings = 0;
let wrong = 0;
let disagreements = 0;
let again = 0;
const { signal } = onInterrupt();
for (const folder of folders) {
  const lab = await loadLab(folder);
  const cases = await casesOf(lab);
  const plan = planAddresses(lab.topology);
  const first = new Map<string, string>();
  const began = performance.now();
  const before = { gradings, wrong, disagreements };
  const known = new Map<Task, Case>();
  for (let turn = 0; turn < times; turn++) {
    for (const each of cases) {
      const scripts = each.scripts.map(({ host, commands }) => ({ host, commands, source: each.name }));
      const subject = { submission: each.name, student: null, lab: lab.number, seed: null };
      known.set({ subject, plan, submission: { scripts, notes: [] } }, each);
    }
  }
  await gradeAll(docker, [...known.keys()], {
    lab,
    image,
    jobs: Number(options.jobs),
    timeLimitMs: 120_000,
    signal,
    onVerdict: async (task, graded) => {
      gradings++;
      if (graded.attempts > 1) again++;
      const found = graded.status === 'graded' ? known.get(task)?.judge(graded) : graded.reason;
      if (found) {
        wrong++;
        terminal.line(`lab ${lab.number}, ${graded.submission}: ${found}`);
      }
      const said = graded.checks.map(({ id, verdict }) => `${id}=${verdict}`).join(' ');
      const before = first.get(graded.submission) ?? said;
      first.set(graded.submission, before);
      if (said !== before) {
        disagreements++;
        terminal.line(`lab ${lab.number}, ${graded.submission}: said before ${before}; says now ${said}`);
      }
    },
  }).catch((error: unknown) => {
    if (error instanceof InterruptedError) process.exit(INTERRUPTED);
    throw error;
  });
  const seconds = Math.round((performance.now() - began) / 1000);
  process.stdout.write(
    `lab ${lab.number}: ${gradings - before.gradings} gradings of ${cases.length} submissions, ${wrong - before.wrong} wrong, ` +
      `${disagreements - before.disagreements} disagreements, ${seconds} s (load ${(loadavg()[0] ?? 0).toFixed(0)})\n`,
  );
}
process.stdout.write(
  `in all: ${gradings} gradings, ${wrong} wrong, ${disagreements} disagreements, ${again} graded a second time\n`,
);
process.exitCode = wrong + disagreements > 0 ? 1 : 0;
