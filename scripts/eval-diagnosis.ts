/**
 * Measures the diagnosis: every fault of every lab, and faults drawn at random, put into solved testbeds. Writes
 * docs/DIAGNOSIS-EVAL.md: eval-diagnosis [--seed S] [--plan S] [--lab NN]... [--singles N] [--doubles N] [--services N]
 * [--kind K]... [--fault ID]... [--no-lab-faults] [--jobs N] [--minutes N] [--no-write] [--json FILE] [--add FILE]...
 *
 * --seed draws the faults, --plan the addresses. What is measured is kept in the file of --json at once, and a run with
 * the same file goes on where it ended; --minutes begins nothing new after that time. --add counts other files too, and
 * --note is put on the page.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errorText } from '../harness/src/errors.ts';
import { listLabs, loadLab, readFaults, WORKBOOK } from '../harness/src/lab/load-lab.ts';
import { prepare } from '../harness/src/setup/prepare.ts';
import { stderrTerminal } from '../harness/src/setup/terminal.ts';
import { drawAll } from './diagnosis/draw-all.ts';
import { measureDrawn, measureLabFault, SolvedTestbeds, tellMeasured } from './diagnosis/measure.ts';
import type { Measured } from './diagnosis/measured.ts';
import { report } from './diagnosis/report.ts';
import { readOptions } from './steps/options.ts';

const { values: options } = readOptions(import.meta.filename, {
  options: {
    seed: { type: 'string', default: '1' },
    plan: { type: 'string' },
    lab: { type: 'string', multiple: true },
    singles: { type: 'string', default: '60' },
    doubles: { type: 'string', default: '20' },
    services: { type: 'string', default: '40' },
    kind: { type: 'string', multiple: true },
    fault: { type: 'string', multiple: true },
    'no-lab-faults': { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
    minutes: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
    json: { type: 'string' },
    add: { type: 'string', multiple: true, default: [] },
    note: { type: 'string' },
  },
});

interface Task {
  readonly id: string;
  /** What it is, should it come to nothing. */
  readonly about: Pick<Measured, 'lab' | 'fault' | 'source'>;
  /** Null where it makes no sense there. */
  run(): Promise<Omit<Measured, 'id'> | null>;
}

const say = (text: string) => process.stderr.write(`${text}\n`);
const terminal = stderrTerminal();
await prepare(terminal);
terminal.clear();

const plan = options.plan ?? null;
await using testbeds = new SolvedTestbeds(plan);
const folders = (await listLabs()).filter(({ number }) => !options.lab || options.lab.includes(number));
const labs = await Promise.all(
  folders.map(async (folder) => ({ lab: await loadLab(folder), faults: await readFaults(folder) })),
);
const labTasks = labs.flatMap(({ lab, faults }) =>
  faults
    .filter(({ id }) => !options.fault || options.fault.includes(id))
    .map(
      (fault): Task => ({
        id: `${lab.number} ${fault.id}`,
        about: { lab: lab.number, fault: fault.id, source: 'lab' },
        run: () => measureLabFault(testbeds, lab, fault),
      }),
    ),
);
const wanted = {
  seed: options.seed,
  singles: Number(options.singles),
  doubles: Number(options.doubles),
  services: Number(options.services),
  kinds: options.kind ?? null,
};
const drawnTasks = drawAll(
  labs.map(({ lab }) => lab),
  wanted,
).map((draw, index): Task => {
  const [kind = ''] = draw.kinds;
  return {
    id: `${draw.lab.number} drawn ${index} of ${draw.seed}`,
    about: { lab: draw.lab.number, fault: kind, source: draw.source },
    run: () => measureDrawn(testbeds, draw),
  };
});
const tasks = [
  ...(options['no-lab-faults'] || options.kind ? [] : labTasks),
  ...(options.fault ? [] : drawnTasks),
];

const measured = options.json ? await readMeasured(options.json, true) : [];
const done = new Set(measured.map(({ id }) => id));
const left = tasks.filter(({ id }) => !done.has(id));
const end = options.minutes ? performance.now() + Number(options.minutes) * 60_000 : Number.POSITIVE_INFINITY;
let kept: Promise<void> = Promise.resolve();
const work = async () => {
  for (let task = left.shift(); task && performance.now() < end; task = left.shift()) {
    const { id, about } = task;
    const found = await task.run().catch((error: unknown) => ({
      ...about,
      wanted: [],
      checked: null,
      walked: null,
      skipped: `broken: ${errorText(error)}`,
    }));
    const item = { id, ...(found ?? { ...about, wanted: [], checked: null, walked: null, skipped: 'makes no sense there' }) }; // biome-ignore format: one item
    measured.push(item);
    say(tellMeasured(item));
    kept = kept.then(() => (options.json ? keep(options.json) : undefined));
    await kept;
  }
};
await Promise.all(Array.from({ length: Number(options.jobs) }, work));
if (left.length > 0) say(`${left.length} are left for another run.`);

const earlier = await Promise.all(options.add.map((file) => readMeasured(file, false)));
const text = report([...earlier.flat(), ...measured], {
  seed: options.seed,
  plan,
  added: options.add.length,
  note: options.note ?? null,
});
if (!options['no-write']) await writeFile(path.join(WORKBOOK, 'docs/DIAGNOSIS-EVAL.md'), text);
process.stdout.write(text);

async function readMeasured(file: string, mayLack: boolean): Promise<Measured[]> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Measured[];
  } catch (error) {
    if (mayLack && (error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** A run that is ended in the middle leaves the file whole. */
async function keep(file: string): Promise<void> {
  const fresh = `${file}.${process.pid}`;
  await writeFile(fresh, `${JSON.stringify(measured, null, 2)}\n`);
  await rename(fresh, file);
}
