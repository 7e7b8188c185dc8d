/** `podwire grade` as a teacher uses it: classes, variants, statuses, interruption, and failures that are ours. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { jest } from '@jest/globals';
import { execa } from 'execa';
import { ZipFile } from 'yazl';
import { withVariables } from '../src/grading/export/write-skeleton.ts';
import { gradeAll, type Task } from '../src/grading/grade-all.ts';
import { type Graded, GradeReportSchema } from '../src/grading/graded.ts';
import { readAnswers, WORKBOOK } from '../src/lab/load-lab.ts';
import { prepare } from '../src/setup/prepare.ts';
import { stderrTerminal } from '../src/setup/terminal.ts';
import { LABEL, listContainers, removeContainer } from '../src/testbed/containers.ts';
import { planAddresses } from '../src/topology/plan.ts';
import { until } from './observe.ts';
import { readLab } from './testbeds.ts';

const lab = await readLab('03');
const { docker, image } = await prepare(stderrTerminal());
// Several whole gradings each, on a machine that is busy with other tests.
jest.setTimeout(180_000);
const MAIN = path.join(WORKBOOK, 'harness/src/cli/main.ts');
const directory = await mkdtemp(path.join(tmpdir(), 'podwire-grade-'));
afterAll(() => rm(directory, { recursive: true, force: true }));

/** On a machine that is busy with other tests. */
const BUSY_MS = 60_000;

const fences = lab.guide.steps.flatMap((step) => step.fences).filter(({ look }) => !look);
const RIGHT = fences.map(({ host, commands }) => `\`\`\`sh ${host}\n${commands}\`\`\`\n`).join('\n');
const WRONG = RIGHT.replaceAll(/master \S+/g, '');
const SLOW = `\`\`\`sh node1\nsleep 5\n\`\`\`\n${RIGHT}`;

/** The right answer for one seed, with that seed's addresses in it. */
function hardCoded(seed: string): string {
  const { variables } = planAddresses(lab.topology, seed);
  return RIGHT.replaceAll(/\$\{?([A-Z0-9_]+)\}?/g, (word, name) => variables[name] ?? word);
}

async function lay(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(path.join(directory, 'class-'));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), content);
  }
  return root;
}

function run(args: readonly string[]) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const said = Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { child, done: said.then(([stdout, stderr, status]) => ({ stdout, stderr, status })) };
}

const start = (...args: readonly string[]) => run(['grade', '03', ...args]);
const grade = (...args: readonly string[]) => start(...args).done;

function report(stdout: string): Record<string, Graded> {
  const all = GradeReportSchema.parse(JSON.parse(stdout));
  return Object.fromEntries(all.map((graded) => [graded.submission, graded]));
}

/** Grades in this process; the verdicts in the order in which they were reached. */
async function gradeHere(
  tasks: readonly Task[],
  limits: { readonly jobs: number; readonly timeLimitMs: number },
): Promise<Graded[]> {
  const verdicts: Graded[] = [];
  await gradeAll(docker, tasks, {
    lab,
    image,
    ...limits,
    signal: new AbortController().signal,
    onVerdict: async (_task, graded) => {
      verdicts.push(graded);
    },
  });
  return verdicts;
}

test.concurrent('a class: each under their own seed, copies found out, the rest told why', async () => {
  const root = await lay({
    'roster.csv': 'id,name\nalice,Alice A.\nbob,Bob B.\nmallory,Mallory M.\nnobody,Nobody N.\ntyped,T. T.\n',
    'alice.md': RIGHT,
    'bob/answer.md': hardCoded('bob'),
    'mallory.md': hardCoded('bob'),
    'stranger.md': RIGHT,
    'typed.docx': 'x',
  });
  const { stdout, status } = await grade(root, '--seed-from', 'roster', '--format', 'json');
  const graded = report(stdout);
  expect(status).toBe(2);
  expect(graded.alice).toMatchObject({ student: 'Alice A.', seed: 'alice', score: 1, status: 'graded' });
  expect(graded.bob).toMatchObject({ seed: 'bob', score: 1 });
  expect(graded.mallory).toMatchObject({ seed: 'mallory', passed: 0 });
  expect(graded.mallory?.feedback).toMatch(/address/);
  expect(graded.stranger).toMatchObject({
    status: 'refused',
    reason: 'the roster does not name it, so it has no seed',
  });
  expect(graded.nobody).toMatchObject({ status: 'refused', reason: 'nothing was handed in' });
  expect(graded['typed.docx'] ?? graded.typed).toMatchObject({ status: 'refused' });
});

test.concurrent('the exit status tells whole, wrong and refused apart; evidence is kept', async () => {
  const root = await lay({
    'right.md': RIGHT,
    'wrong.md': `${WRONG}\n\`\`\`sh node1\necho oops >&2; false\n\`\`\`\n`,
    'none.txt': '',
  });
  const file = (name: string) => path.join(root, name);
  const right = await grade(file('right.md'), '--seed', 'x');
  expect([right.status, right.stdout]).toEqual([0, expect.stringContaining('11 of 11 points')]);
  const wrong = await grade(file('wrong.md'), '--json');
  expect(wrong.status).toBe(1);
  expect(report(wrong.stdout).wrong?.steps.at(-1)).toMatchObject({
    exitCode: 1,
    stderr: 'oops\n',
    outcome: 'ended',
  });
  expect((await grade(file('none.txt'))).status).toBe(2);
  const bad = await grade(file('right.md'), '--format', 'xml');
  expect([bad.status, bad.stderr]).toEqual([2, expect.stringContaining('There is no format "xml".')]);
});

/** Right, as one script on the node. */
const SCRIPT = (await readAnswers(lab)).find(({ name }) => name === 'any-node')?.fences[0]?.commands ?? '';

test.concurrent('scripts named after hosts, in a folder or packed, are graded like a Markdown file', async () => {
  const root = await lay({ 'folder/node1.sh': SCRIPT, 'tar/wrap/node1.sh': SCRIPT, 'README.txt': '' });
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from(SCRIPT), 'node1.sh');
  zip.end();
  await writeFile(path.join(root, 'zipped.zip'), await buffer(zip.outputStream as NodeJS.ReadableStream));
  await execa('tar', ['-czf', path.join(root, 'packed.tar.gz'), '-C', path.join(root, 'tar'), 'wrap']);
  const answers = ['folder', 'zipped.zip', 'packed.tar.gz'].map((name) => path.join(root, name));
  const { stdout, status } = await grade(...answers, '--json');
  expect(status).toBe(0);
  expect(Object.values(report(stdout)).map(({ submission, score }) => [submission, score])).toEqual([
    ['folder', 1],
    ['zipped', 1],
    ['packed', 1],
  ]);
});

test.concurrent('what stands in a lab, exported, is a right answer', async () => {
  const seed = `export-${process.pid}`;
  const podwire = (...args: readonly string[]) => run(args).done;
  expect((await podwire('up', '03', '--seed', seed)).status).toBe(0);
  try {
    expect((await podwire('solve', '03', '--seed', seed)).status).toBe(0);
    const exported = await podwire('export', '03', '--seed', seed, '--state');
    expect(exported.status).toBe(0);
    const root = await lay({ 'mine.md': exported.stdout });
    const graded = await grade(path.join(root, 'mine.md'), '--seed', 'another');
    expect([graded.status, graded.stdout]).toEqual([0, expect.stringContaining('11 of 11 points')]);
  } finally {
    await podwire('down', '03', '--seed', seed);
  }
});

test.concurrent('a run that was broken off leaves nothing, and goes on where it was', async () => {
  const root = await lay({ 'a.md': RIGHT, 'b.md': SLOW, 'c.md': SLOW });
  const out = path.join(directory, 'results');
  const { child, done } = start(root, '--out', out, '--jobs', '1');
  const verdicts = () => readdir(path.join(out, 'verdicts')).catch((): string[] => []);
  await until('the first verdict is there', verdicts, (files) => files.includes('a.json'), BUSY_MS);
  child.kill('SIGINT');
  const { status, stderr } = await done;
  expect([status, stderr]).toEqual([130, expect.stringContaining('Interrupted')]);
  const owned = (await listContainers(docker)).filter(({ Labels }) =>
    Labels[LABEL.owner]?.startsWith(`${child.pid}:`),
  );
  expect(owned).toEqual([]);
  expect(await verdicts()).toEqual(['a.json']);

  const again = await grade(
    root,
    '--out',
    out,
    '--resume',
    '--format',
    'json,junit,tap,csv,gradescope,github',
  );
  expect([again.status, again.stderr]).toEqual([0, expect.stringContaining('1 verdict is there already.')]);
  expect((await readdir(out)).sort()).toEqual(
    ['grade.json', 'grade.tap', 'grades.csv', 'junit.xml', 'results.json', 'summary.md', 'verdicts'].sort(),
  );
  const kept = report(await readFile(path.join(out, 'grade.json'), 'utf8'));
  expect(Object.values(kept).map(({ score }) => score)).toEqual([1, 1, 1]);
});

test.concurrent('a testbed that is taken away under a submission is not its failure', async () => {
  const subject = { submission: 'unlucky', student: null, lab: '03', seed: 'unlucky' };
  const commands = 'sleep 20';
  const scripts = [
    { host: 'node1', commands, source: 'x' },
    ...fences.map((fence) => ({ ...fence, source: 'x' })),
  ];
  const plan = planAddresses(lab.topology, 'unlucky');
  const tasks = [{ subject, plan, submission: { scripts, notes: [] } }];
  const grading = gradeHere(tasks, { jobs: 1, timeLimitMs: 60_000 });
  const nodes = () => listContainers(docker, { [LABEL.seed]: 'unlucky', [LABEL.node]: 'node1' });
  const runs = (found: Awaited<ReturnType<typeof nodes>>) => found.some(({ State }) => State === 'running');
  const [node] = await until('its node runs', nodes, runs, BUSY_MS);
  await until(
    'its commands run',
    async () => (await docker.getContainer(node?.Id ?? '').top()).Processes.flat().join(' '),
    (processes) => processes.includes('sleep 20'),
    BUSY_MS,
  );
  await removeContainer(docker, node?.Id ?? '');
  expect(await grading).toEqual([expect.objectContaining({ status: 'graded', score: 1, attempts: 2 })]);
});

test.concurrent('containers serve again where a grading went its ordinary way, and only there', async () => {
  const seed = 'served again';
  const created = new Set<string>();
  const events = await docker.getEvents({
    filters: { type: ['container'], event: ['create'], label: [`${LABEL.seed}=${seed}`] },
  });
  events.on('data', (line: Buffer) => {
    for (const [, id] of line.toString().matchAll(/"Actor":{"ID":"(\w+)"/g)) created.add(id ?? '');
  });
  const endless = [{ host: 'node1', commands: 'sleep 1000' }];
  const tasks = [fences, [], fences, endless, fences, fences].map((scripts, index) => ({
    subject: { submission: `${index}`, student: null, lab: '03', seed },
    plan: planAddresses(lab.topology, seed),
    submission: { scripts: scripts.map((script) => ({ ...script, source: 'x' })), notes: [] },
  }));
  try {
    const verdicts = await gradeHere(tasks, { jobs: 1, timeLimitMs: 5_000 });
    expect(verdicts.map(({ score }) => score)).toEqual([1, 0, 1, 0, 1, 1]);
    // Two testbeds take turns; the one whose submission took all its time does not serve a third.
    const containers = 1 + Object.keys(lab.topology.nodes).length;
    await until(
      'the engine has told of all',
      () => created.size,
      (count) => count >= 3 * containers,
    );
    expect(created.size).toBe(3 * containers);
  } finally {
    (events as unknown as { destroy(): void }).destroy();
  }
});

test.concurrent('who was kept from running beside others is graded once more, alone', async () => {
  // After vfork (58) the kernel lets the parent wait for its child in a way that no signal of a learner's ends.
  const commands: Readonly<Record<string, string>> = {
    stalled: "perl -e 'syscall(58) or sleep 1000'",
    asleep: 'sleep 1000',
    quick: 'true',
    'as quick': 'true',
  };
  const tasks = Object.entries(commands).map(([submission, text]) => ({
    subject: { submission, student: null, lab: '03', seed: null },
    plan: planAddresses(lab.topology),
    submission: { scripts: [{ host: 'node1', commands: text, source: 'node1.sh' }], notes: [] },
  }));
  const verdicts = await gradeHere(tasks, { jobs: 2, timeLimitMs: 5_000 });
  const order = verdicts.map(({ submission }) => submission);
  expect({ last: order.at(-1), others: order.slice(0, -1).sort() }).toEqual({
    last: 'stalled',
    others: ['as quick', 'asleep', 'quick'],
  });
  expect(verdicts.at(-1)).toMatchObject({
    status: 'graded',
    passed: 0,
    notes: expect.arrayContaining(['The time was up in node1.sh.']),
  });
});

test('an exported answer holds for every seed', () => {
  const plan = planAddresses(lab.topology, 'bob');
  expect(withVariables(hardCoded('bob'), plan)).not.toMatch(/\b10\.\d+\.\d+\.\d+/);
});
