/** The command line as a learner meets it: words, exit statuses, JSON; and the live board on a terminal. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { applyFences, applySteps } from '../src/grading/apply.ts';
import { runChecks } from '../src/grading/run-checks.ts';
import type { LabReport } from '../src/grading/verdict.ts';
import { listLabs, WORKBOOK } from '../src/lab/load-lab.ts';
import type { Diagnosis } from '../src/setup/doctor.ts';
import { prepare } from '../src/setup/prepare.ts';
import { stderrTerminal } from '../src/setup/terminal.ts';
import { LABEL, listContainers, removeContainer } from '../src/testbed/containers.ts';
import { FEATURE_IDS, missingFeature } from '../src/testbed/features.ts';
import { learnersTestbed } from '../src/testbed/identity.ts';
import { PRIMITIVES } from '../src/testbed/primitives.ts';
import { openTestbed, type Testbed } from '../src/testbed/testbed.ts';
import { planAddresses } from '../src/topology/plan.ts';
import { TestTerminal } from './test-terminal.ts';
import { readLab, startLab } from './testbeds.ts';

const { docker } = await prepare(stderrTerminal());
const lab = await readLab('03');
const PODWIRE = path.join(WORKBOOK, 'harness/bin/podwire');
/** What a learner has got to is not to be remembered of a test. */
const state = mkdtempSync(path.join(tmpdir(), 'podwire-cli-'));
const env = { ...process.env, XDG_STATE_HOME: state };

// Where nothing was set up yet, one command does it before many meet there.
beforeAll(async () => {
  expect((await podwire('--help')).status).toBe(0);
});
afterAll(() => rmSync(state, { recursive: true }));

interface Said {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command off a terminal. */
function podwire(...args: readonly string[]): Promise<Said> {
  return new Promise((resolve) => {
    execFile(PODWIRE, args, { env }, (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

async function json<T = Record<string, unknown>>(...args: readonly string[]): Promise<T> {
  const { stdout, stderr } = await podwire(...args, '--json');
  try {
    return JSON.parse(stdout) as T;
  } catch (error) {
    throw new Error(`podwire ${args.join(' ')} --json said ${JSON.stringify(stdout)}, ${stderr}`, {
      cause: error,
    });
  }
}

/** A testbed of lab 03 that nobody else has; gone at the end of the test. */
function ownLab() {
  const seed = `cli-${randomBytes(4).toString('hex')}`;
  const identity = learnersTestbed('03', seed);
  return {
    seed,
    identity,
    words: ['03', '--seed', seed],
    /** A session beside that of the command under test: the learner's other window. */
    open: (): Promise<Testbed> => openTestbed(docker, identity, planAddresses(lab.topology, seed)),
    remove: async () => {
      const containers = await listContainers(docker, { [LABEL.testbed]: identity.id });
      await Promise.all(containers.map(({ Id }) => removeContainer(docker, Id)));
    },
    [Symbol.asyncDispose](): Promise<void> {
      return this.remove();
    },
  };
}

async function solveSteps(testbed: Testbed, from: number, to: number): Promise<void> {
  const steps = lab.guide.steps.filter(({ number }) => number >= from && number <= to);
  for (const { fences } of steps)
    await applyFences(
      testbed,
      fences.filter(({ look }) => !look),
    );
}

describe('without a testbed', () => {
  test.concurrent('`list` tells all labs by part, with minutes and progress', async () => {
    const [{ labs }, { status, stdout }] = await Promise.all([
      json<{ labs: { lab: string; minutes: number; progress: unknown }[] }>('list'),
      podwire('list'),
    ]);
    expect(labs.map((each) => each.lab)).toEqual((await listLabs()).map(({ number }) => number));
    expect(labs.find((each) => each.lab === '03')).toMatchObject({
      title: 'Pods on one node',
      minutes: expect.any(Number),
      progress: null,
    });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Part .*\n {2}01 {2}/);
    expect(stdout).toMatch(/\n {2}03 {2}Pods on one node +\d+ min {2}not begun\n/);
  });

  test.concurrent('`plan` and `diagram` are the canonical ones, or those of a seed', async () => {
    const [canonical, alice, again, drawn, seeded] = await Promise.all([
      json<{ seed: string | null; variables: Record<string, string> }>('plan', '3'),
      json<{ seed: string | null; variables: Record<string, string> }>('plan', '03', '--seed', 'alice'),
      podwire('plan', '03', '--seed', 'alice'),
      podwire('diagram', '03'),
      json<{ drawing: string[]; topology: string }>('diagram', '03', '--seed', 'alice'),
    ]);
    expect(canonical).toMatchObject({ seed: null, variables: { NODE1_POD_CIDR: '10.244.1.0/24' } });
    expect(alice.seed).toBe('alice');
    expect(alice.variables.NODE1_POD_CIDR).not.toBe('10.244.1.0/24');
    expect(again.stdout).toMatch(
      new RegExp(`^\\$NODE1_POD_CIDR +${alice.variables.NODE1_POD_CIDR?.replaceAll('.', '\\.')}$`, 'm'),
    );
    expect(drawn.stdout).toContain('node1');
    expect(drawn.stdout).toContain('192.168.56.11');
    expect(seeded.topology).toBe('one-node');
    expect(seeded.drawing.join('\n')).toContain(alice.variables.NODE1_IP);
  });

  test.concurrent.each([
    [['check', '99'], 2, /^podwire: There is no lab "99"\. There are: 01 /],
    [
      ['check', '03', '--only', 'nonsense'],
      2,
      /^podwire: Lab 03 has no check "nonsense"\. It has: addresses, /,
    ],
    [['hint', '03', 'nonsense'], 2, /^podwire: Lab 03 has no check "nonsense"/],
    [
      ['solve', '03', '--to', '9', '--yes'],
      2,
      /^podwire: Lab 03 has steps 1 to 5; wanted one of them, found "9"/,
    ],
    [['break', '03', 'nonsense', '--yes'], 2, /^podwire: Lab 03 has no fault "nonsense"\. It has: /],
    [['down'], 2, /^podwire: Wanted a lab, like `podwire down 03`/],
    [['frobnicate'], 2, /unknown command 'frobnicate'/],
    [['plan'], 2, /missing required argument 'lab'/],
    [['watch', '03'], 2, /^podwire: The board needs a terminal\./],
    [
      ['check', '03', '--seed', "it's none"],
      3,
      /^podwire: Lab 03 is not open\. Open it with: npx podwire up 03 --seed 'it'\\''s none'\n$/,
    ],
    [
      ['sh', '03', 'pod/a', '--seed', 'cli-none'],
      3,
      /^podwire: Could not open a shell in pod\/a: lab 03 is not open\. Open it with: npx podwire up 03 --seed cli-none\n$/,
    ],
    [['sh', '03', 'pod/z', '--seed', 'cli-none'], 2, /^podwire: There is no host "pod\/z" in this lab\./],
  ])('%j ends with status %i and says why', async (args, status, text) => {
    const said = await podwire(...args);
    expect(said).toMatchObject({ status, stdout: '', stderr: expect.stringMatching(text) });
  });
});

describe('with a testbed', () => {
  test.concurrent('`doctor` and the checks of a lab agree on what this kernel has', async () => {
    await using started = await startLab(lab);
    const { ok, findings } = await json<Diagnosis>('doctor');
    expect(ok).toBe(true);
    await missingFeature(started.testbed, FEATURE_IDS);
    const agreed = await Promise.all(
      FEATURE_IDS.map(async (id) => {
        const lacks = (await missingFeature(started.testbed, [id])) !== null;
        const state = findings.find((finding) => finding.id === id)?.state;
        return `${id}: ${lacks ? 'missing' : 'works'}, doctor: ${state}`;
      }),
    );
    expect(agreed.filter((each) => !/: (\w+), doctor: \1$/.test(each))).toEqual([]);
    expect((await started.testbed.runInFabric(['sh', '-c', 'ls -A /tmp; ls /run/netns'])).stdout).toBe('');
  });

  test.concurrent('a check whose feature this kernel lacks is skipped, if it fails', async () => {
    await using started = await startLab(lab);
    const { testbed } = started;
    const [primitive] = PRIMITIVES;
    if (!primitive) throw new Error('There are no primitives.');
    testbed.trials.set('vxlan', Promise.resolve({ primitive, works: false, ended: true, found: 'no' }));
    const needing = { ...lab, checks: lab.checks.map((check) => ({ ...check, features: ['vxlan'] })) };
    const { checks, passed, total } = await runChecks(needing, testbed);
    expect(new Set(checks.map(({ verdict }) => verdict))).toEqual(new Set(['skipped']));
    expect({ passed, total }).toEqual({ passed: 0, total: 0 });
    expect(checks[0]?.observed).toMatch(/^this kernel lacks network namespaces \(no\): /);
    await applySteps(testbed, lab.guide);
    const solved = await runChecks(needing, testbed);
    expect(new Set(solved.checks.map(({ verdict }) => verdict))).toEqual(new Set(['pass']));
  });

  test.concurrent('it is opened, checked, hinted at, entered and closed, by words and by JSON', async () => {
    await using own = ownLab();
    expect(await json('up', ...own.words)).toMatchObject({ lab: '03', seed: own.seed, stood: false });
    expect((await podwire('up', ...own.words)).stdout).toBe('Lab 03 is open already; it stays as it is.\n');

    const [whole, one, needing, told] = await Promise.all([
      json<LabReport>('check', ...own.words),
      json<LabReport>('check', ...own.words, '--only', 'addresses'),
      json<LabReport>('check', ...own.words, '--only', 'mesh'),
      podwire('check', ...own.words),
    ]);
    expect(whole).toMatchObject({ lab: '03', seed: own.seed, passed: 0, total: lab.checks.length });
    expect(whole.checks.map(({ id }) => id)).toEqual(lab.checks.map(({ id }) => id));
    expect(whole.checks[0]).toMatchObject({
      id: 'addresses',
      verdict: 'fail',
      observed: expect.any(String),
      cause: { id: expect.any(String), where: expect.any(String), text: expect.any(String) },
      blockedBy: null,
    });
    expect(one.checks.map(({ id }) => id)).toEqual(['addresses']);
    expect(needing.checks.map(({ id }) => id)).toEqual(expect.arrayContaining(['addresses', 'mesh']));
    expect(needing.checks.length).toBeLessThan(lab.checks.length);
    expect(told.status).toBe(1);
    expect(told.stdout).toMatch(
      /^Lab 03 {2}Pods on one node \(seed cli-\w+\): 0 of \d+ checks pass\n {2}✘ addresses /,
    );
    expect(told.stdout).not.toContain('\x1b');

    const hints = lab.checks[0]?.hints ?? [];
    expect(await json('hint', ...own.words)).toMatchObject({
      check: 'addresses',
      level: 1,
      of: 3,
      text: hints[0],
    });
    expect((await podwire('hint', ...own.words)).stdout).toContain(`The idea (2 of 3): ${hints[1]}`);

    const [shell, refused, status] = await Promise.all([
      podwire('sh', ...own.words, 'node1', '--', 'sh', '-c', 'echo "$NODE1_POD_CIDR"; echo err >&2; exit 7'),
      podwire('sh', ...own.words, 'pod/a', '--', 'sh', '-c', 'echo x >/proc/sys/kernel/core_pattern'),
      json<{ testbeds: { testbed: string }[] }>('status'),
    ]);
    const cidr = planAddresses(lab.topology, own.seed).variables.NODE1_POD_CIDR;
    expect(shell).toEqual({ status: 7, stdout: `${cidr}\n`, stderr: 'err\n' });
    expect(refused.status).not.toBe(0);
    expect(status.testbeds.find(({ testbed }) => testbed === own.identity.id)).toMatchObject({
      lab: '03',
      seed: own.seed,
      state: 'ready',
      nodes: ['node1'],
    });

    expect((await podwire('down', ...own.words)).stdout).toContain(`Lab 03 --seed ${own.seed} is closed.\n`);
    expect(await json('down', ...own.words)).toMatchObject({ removed: [] });
  });

  test.concurrent('it is broken the same way for the same seed, and solved', async () => {
    await using own = ownLab();
    const broken = async () => {
      const { status, stdout } = await podwire('break', ...own.words, '--yes');
      expect({ status, stdout }).toEqual({
        status: 0,
        stdout: expect.stringMatching(
          /^Lab 03 --seed cli-\w+ was solved, then something happened to it\. Something is broken\.\n/,
        ),
      });
      const { status: ofCheck } = await podwire('check', ...own.words);
      const { checks } = await json<LabReport>('check', ...own.words);
      return {
        ofCheck,
        checks: checks.map(({ id, verdict, cause }) => `${id} ${verdict} ${cause?.id ?? ''}`),
      };
    };
    const first = await broken();
    expect(first.ofCheck).toBe(1);
    expect(await broken()).toEqual(first);
    const solved = await podwire('solve', ...own.words, '--yes');
    expect(solved.status).toBe(0);
    expect(solved.stdout).toMatch(/: (\d+) of \1 checks pass\n/);
    expect((await podwire('hint', ...own.words)).stdout).toBe(
      'Every check passes: there is nothing to hint at.\n',
    );
  });
});

const LARGE = { columns: 120, rows: 45 };
/** Any of the sequences that give text a colour or a weight. */
const COLOR = /\p{Cc}\[[\d;]*m/u;
const LEFT_THE_SCREEN = '\x1b[?1049l';

describe('the board', () => {
  test.concurrent('opens, follows what changes, takes keys, and goes on to the next lab', async () => {
    await using own = ownLab();
    await using board = new TestTerminal(`${PODWIRE} lab ${own.words.join(' ')}`, LARGE, env);
    const total = lab.checks.length;
    await board.shows(/Lab 03 {2}Pods on one node/);
    await board.shows(/› ✘ Every pod has an address/);
    await board.shows(new RegExp(`0/${total}`));
    expect(board.drawn).toMatch(COLOR);

    board.type('h');
    await board.shows(/hint 1 {2}/);
    board.type('?');
    await board.shows(/a shell in a node or pod; exit brings you back/);
    board.type('x');
    await board.shows(/hint 1 {2}/);

    board.type('s');
    await board.shows(/Open a shell in/);
    board.type('1');
    await board.shows(/You are root on node1/);
    board.type('ip route add blackhole 203.0.113.0/24; echo in $PODWIRE_HOST\r');
    await board.shows(/^in node1/m);
    board.type('exit\r');
    // Cut to the width of the drawing above it, which depends on the addresses.
    await board.shows(/node1: route blackhole 203/);

    await using other = await own.open();
    await solveSteps(other, 1, 2);
    await board.shows(/ ✔ Every pod has an address/);
    await board.shows(new RegExp(`1/${total}`));
    await board.shows(/ ✘ Pod a reaches pod b/);
    board.type('t');
    await board.shows(/Request[\s\S]*↑↓ scroll/);
    board.type('\x1b');
    await board.shows(/ ✔ Every pod has an address/);

    for (const size of [{ columns: 44, rows: 20 }, { columns: 24, rows: 8 }, LARGE]) {
      await board.resize(size);
      await board.shows(/Lab 03/);
      await board.shows(/ q quit/);
    }

    await solveSteps(other, 3, lab.guide.steps.length);
    await board.shows(new RegExp(`✔ All ${total} checks pass\\.`));
    board.type('n');
    expect(await board.ended).toBe(0);
    const after = board.drawn.slice(board.drawn.lastIndexOf(LEFT_THE_SCREEN));
    expect(after).toContain(`Lab 03 stays open as it is. Go on with: npx podwire lab 03 --seed ${own.seed}`);
    expect(after).toMatch(/The next lab: npx podwire lab 04 /);
  });

  test.concurrent('has no colour where NO_COLOR says so, and is left by q', async () => {
    await using own = ownLab();
    await podwire('up', ...own.words);
    await using board = new TestTerminal(`${PODWIRE} watch ${own.words.join(' ')}`, LARGE, {
      ...env,
      NO_COLOR: '1',
    });
    await board.shows(/› ✘ Every pod has an address/);
    board.type('q');
    expect(await board.ended).toBe(0);
    expect(board.drawn).not.toMatch(COLOR);
    expect(board.drawn).toContain(LEFT_THE_SCREEN);
  });

  test.concurrent('tells that its testbed was lost, whatever key is pressed at that moment', async () => {
    await using own = ownLab();
    await podwire('up', ...own.words);
    await using board = new TestTerminal(`${PODWIRE} watch ${own.words.join(' ')}`, LARGE, env);
    await board.shows(/› ✘ Every pod has an address/);
    const closing = podwire('down', ...own.words);
    const pressing = setInterval(() => board.type('hct'), 20);
    const status = await board.ended;
    clearInterval(pressing);
    await closing;
    const after = board.drawn.slice(board.drawn.lastIndexOf(LEFT_THE_SCREEN));
    expect({ status, after }).toEqual({
      status: 3,
      after: expect.stringMatching(
        new RegExp(
          `Lost the testbed of lab 03: .*\\r\\nStart over with: npx podwire reset 03 --seed ${own.seed}\\r\\n`,
        ),
      ),
    });
  });
});
