/** `podwire serve` on a real testbed: a lab done over its WebSockets, by several clients, broken, reset and left. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { WORKBOOK } from '../src/lab/load-lab.ts';
import { LIMITS, Walk } from '../src/server/api.ts';
import type { ServerLimits } from '../src/server/limits.ts';
import { type RunningServer, serve } from '../src/server/serve.ts';
import { type TerminalTimes, USUAL_TIMES } from '../src/server/terminal.ts';
import { prepare } from '../src/setup/prepare.ts';
import { stderrTerminal } from '../src/setup/terminal.ts';
import { removeTestbed } from '../src/testbed/clear-away.ts';
import { learnersTestbed } from '../src/testbed/identity.ts';
import { findTestbed } from '../src/testbed/inventory.ts';
import { BenchClient, type TerminalClient } from './bench-client.ts';
import { readLab } from './testbeds.ts';

const PODWIRE = path.join(WORKBOOK, 'harness/bin/podwire');
const lab = await readLab('03');
const { docker, image } = await prepare(stderrTerminal());

async function start(
  times: TerminalTimes = USUAL_TIMES,
  limits: Partial<ServerLimits> = {},
): Promise<RunningServer> {
  return serve({
    docker,
    ensureImage: async () => image,
    address: '127.0.0.1',
    port: 0,
    times,
    limits,
    ephemeral: true,
    onUnforeseen: (error) => console.error(error),
  });
}

/** A client of a server of its own, on a testbed of its own, which is removed at the end. */
async function begin(
  times?: TerminalTimes,
  limits?: Partial<ServerLimits>,
): Promise<{ client: BenchClient; server: RunningServer; seed: string } & AsyncDisposable> {
  const server = await start(times, limits);
  const seed = `serve-${randomBytes(4).toString('hex')}`;
  return {
    client: new BenchClient(server, '03', seed),
    server,
    seed,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      const found = await findTestbed(docker, learnersTestbed('03', seed).id);
      if (found) await removeTestbed(docker, found);
    },
  };
}

/** Types the commands of the guide's steps as its reader does, and waits for each fence to be done. */
async function typeGuide(client: BenchClient, onStep: (step: number) => Promise<void>): Promise<void> {
  const terminals = new Map<string, TerminalClient>();
  try {
    for (const { number, fences } of lab.guide.steps) {
      for (const { host, commands } of fences) {
        const terminal = terminals.get(host) ?? client.terminal(host);
        terminals.set(host, terminal);
        const done = randomBytes(6).toString('hex');
        await terminal.type(`${commands}echo done-$((1))${done}\n`);
        await terminal.shows(new RegExp(`done-1${done}`));
      }
      await onStep(number);
    }
  } finally {
    for (const terminal of terminals.values()) terminal[Symbol.dispose]();
  }
}

test('the guide typed into terminals turns every check green; a break shows its cause; a reset begins anew', async () => {
  await using begun = await begin();
  const { client } = begun;
  using events = client.events();
  await events.until('the lab to be closed', ({ phase }) => phase === 'closed');

  const opened = await client.open();
  expect(opened).toMatchObject({ status: 200, body: { phase: 'open' } });
  const untouched = await events.until(
    'the first round',
    ({ checking, checks }) => !checking && checks[0]?.result?.verdict === 'fail',
  );
  expect(untouched).toMatchObject({ passed: 0, total: lab.checks.length, nextSteps: [1, 2] });

  await typeGuide(client, async (number) => {
    for (const id of lab.guide.steps[number - 1]?.turnsGreen ?? []) await events.untilPassed(id);
  });
  const solved = await events.until('all checks', ({ passed, total }) => passed === total);
  expect(solved).toMatchObject({ focus: null, nextSteps: [] });

  using node = client.terminal('node1');
  await node.type('ip link set veth-b nomaster\n');
  const broken = await events.until('the cause', ({ checks }) =>
    checks.some(({ result }) => result?.cause?.id === 'not-in-bridge'),
  );
  expect(broken.checks.find(({ id }) => id === broken.focus)?.result).toMatchObject({
    verdict: 'fail',
    cause: { id: 'not-in-bridge', where: 'node1' },
  });
  expect(broken.changes[0]).toMatchObject({ host: 'node1', kind: 'link' });

  const walked = await client.ask('POST', '/trace', { from: 'pod/a', to: 'pod/b', protocol: 'icmp' });
  const walk = Walk.parse(walked.body);
  expect(walk).toMatchObject({ arrived: false, request: { from: 'pod/a', target: 'pod/b' } });
  expect(walk.loss?.causes.map(({ id }) => id)).toContain('not-in-bridge');

  const reset = await client.ask('POST', '/reset');
  expect(reset).toMatchObject({ status: 200, body: { phase: 'open' } });
  expect(await node.told('closed')).toMatchObject({ reason: 'lab' });
  const again = await events.until(
    'the first round after the reset',
    ({ phase, checking, checks }) =>
      phase === 'open' && !checking && checks[0]?.result?.cause?.id === 'no-interface',
  );
  expect(again).toMatchObject({ passed: 0, nextSteps: [1, 2] });

  const closed = await client.ask('POST', '/close');
  expect(closed).toMatchObject({ status: 200, body: { phase: 'closed' } });
  expect(await findTestbed(docker, learnersTestbed('03', begun.seed).id)).toBeNull();
});

test('two clients, and the command line, see the same', async () => {
  await using begun = await begin();
  const { client, seed } = begun;
  using one = client.events();
  using two = new BenchClient(client.server, '03', seed).events();
  await Promise.all([client.open(), client.open()]);
  const settled = ({ checking, checks }: { checking: boolean; checks: readonly { result: unknown }[] }) =>
    !checking && checks.every(({ result }) => result !== null);
  expect(await one.until('a round', settled)).toEqual(await two.until('a round', settled));

  const hinted = await client.ask('POST', '/hint');
  expect(hinted.body).toMatchObject({ check: 'addresses', level: 1, of: 3 });
  const hintsOf =
    (count: number) => (live: { checks: readonly { id: string; hints: readonly string[] }[] }) =>
      live.checks.some(({ id, hints }) => id === 'addresses' && hints.length === count);
  await two.until('one hint', hintsOf(1));
  const { stdout } = await execa(PODWIRE, ['hint', '03', '--seed', seed, '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ check: 'addresses', level: 2 });
  await Promise.all([one.until('two hints', hintsOf(2)), two.until('two hints', hintsOf(2))]);

  using terminal = client.terminal('node1');
  await terminal.type('ip link add cni0 type bridge\n');
  for (const events of [one, two]) {
    await events.until('the change', ({ changes }) => changes.some(({ text }) => text.includes('cni0')));
    await events.until('the terminal', ({ terminals }) =>
      terminals.some(({ host, clients }) => host === 'node1' && clients === 1),
    );
  }

  // Another process starts over, and then closes the lab.
  await execa(PODWIRE, ['down', '03', '--seed', seed]);
  await one.until('the lab to be closed', ({ phase }) => phase === 'closed');
  await execa(PODWIRE, ['up', '03', '--seed', seed]);
  await two.until('the lab to be open', ({ phase, changes }) => phase === 'open' && changes.length === 0);
  await two.until('a round', settled);
  await execa(PODWIRE, ['reset', '03', '--seed', seed]);
  await two.until('a round after the reset', settled);
});

test('a terminal keeps its shell and its scrollback when the connection breaks', async () => {
  await using begun = await begin();
  const { client } = begun;
  await client.open();
  let bytes = 0;
  {
    using first = client.terminal('pod/a', { columns: 90, rows: 20 });
    expect(await first.told('ready')).toMatchObject({
      restored: false,
      host: 'pod/a',
      columns: 90,
      rows: 20,
    });
    await first.type('stty size; X=kept; for i in $(seq 1 200); do echo line $i; done\n');
    const text = await first.shows(/line 200/);
    expect(text).toContain('20 90');
    bytes = first.bytes;
  }
  using second = client.terminal('pod/a', { columns: 90, rows: 20 });
  expect(await second.told('ready')).toMatchObject({ restored: true });
  const restored = await second.shows(/line 200/);
  expect(restored).toMatch(/line 1\b[\s\S]*line 100\b/);
  expect(bytes).toBeGreaterThan(1_000);
  await second.type('echo still $X\n');
  await second.shows(/still kept/);

  // Both show the same shell; the size that was told last holds.
  using third = client.terminal('pod/a', { columns: 90, rows: 20 });
  await third.told('ready');
  third.send({ type: 'resize', columns: 60, rows: 15 });
  expect(await second.told('resized')).toEqual({ type: 'resized', columns: 60, rows: 15 });
  await third.type('stty size\n');
  await second.shows(/15 60/);

  third.send({ type: 'end' });
  expect(await second.told('closed')).toMatchObject({ reason: 'end' });
  using fourth = client.terminal('pod/a');
  expect(await fourth.told('ready')).toMatchObject({ restored: false });
  await fourth.type('exit 7\n');
  expect(await fourth.told('closed')).toMatchObject({ reason: 'exit', status: 7 });
});

test('what runs in the background outlives its terminal; what runs in the foreground does not', async () => {
  await using begun = await begin();
  const { client } = begun;
  await client.open();
  using first = client.terminal('node1');
  await first.type('sleep 4321 & sleep 4322\n');
  await first.shows(/\[1\] \d+/);
  first.send({ type: 'end' });
  await first.told('closed');
  using second = client.terminal('node1');
  await second.type(
    'until ! pgrep -f "sleep 4322$"; do sleep 0.1; done; pgrep -fc "sleep 4321$"; echo asked\n',
  );
  await second.shows(/[\r\n]1\r\nasked\r\n/);
});

test('output that nobody reads is not written: the shell waits', async () => {
  await using begun = await begin({ ...USUAL_TIMES, slowMs: 60_000 });
  const { client } = begun;
  await client.open();
  using terminal = client.terminal('node1');
  terminal.acknowledges = false;
  await terminal.type('yes 0123456789012345678901234567890123456789\n');
  while (terminal.bytes < LIMITS.windowBytes) await delay(50);
  // `yes` would write many times as much while all checks are run.
  for (let turn = 0; turn < 2; turn++) await client.ask('POST', '/check');
  expect(terminal.bytes).toBeLessThan(2 * LIMITS.windowBytes);
  terminal.acknowledges = true;
  terminal.send({ type: 'ack', bytes: terminal.bytes });
  const paused = terminal.bytes;
  while (terminal.bytes < paused + 2_000_000) await delay(50);
  terminal.send({ type: 'input', data: '\x03' });
  await terminal.shows(/\^C/);
});

test('whoever does not keep up is sent away, and the shell goes on', async () => {
  await using begun = await begin({ ...USUAL_TIMES, slowMs: 3_000 });
  const { client } = begun;
  await client.open();
  using slow = client.terminal('node1');
  slow.acknowledges = false;
  await slow.type('seq 1 200000; echo all shown\n');
  expect(await slow.told('closed')).toMatchObject({ reason: 'slow' });
  using reader = client.terminal('node1');
  expect(await reader.told('ready')).toMatchObject({ restored: true });
  await reader.shows(/all shown\r?\n/);
});

test('a shell that nobody uses is closed, and one that nobody shows', async () => {
  await using begun = await begin({ ...USUAL_TIMES, unusedMs: 600, unseenMs: 300 });
  const { client } = begun;
  await client.open();
  using events = client.events();
  using unused = client.terminal('node1');
  expect(await unused.told('closed')).toMatchObject({ reason: 'idle' });
  {
    using unseen = client.terminal('pod/a');
    await unseen.told('ready');
  }
  await events.until('no terminal', ({ terminals }) => terminals.length === 0);
});

test('when the server ends, terminals are closed and the lab stays', async () => {
  await using begun = await begin();
  const { client, server, seed } = begun;
  await client.open();
  using terminal = client.terminal('node1');
  await terminal.type('ip link add kept type bridge; sleep 4323\n');
  await terminal.shows(/sleep 4323/);
  await server[Symbol.asyncDispose]();
  expect(await terminal.told('closed')).toMatchObject({ reason: 'server' });
  const { stdout } = await execa(PODWIRE, [
    'sh',
    '03',
    'node1',
    '--seed',
    seed,
    '--',
    'sh',
    '-c',
    'ip -br link show kept; pgrep -fc "sleep 432[3]" || true',
  ]);
  expect(stdout).toMatch(/^kept .*\n0$/);
});

/** `podwire serve` as its user starts it. */
async function startCommand() {
  const child = execa(PODWIRE, ['serve', '--port', '0', '--json'], { reject: false });
  const printed = await Promise.race([once(child.stdout, 'data'), child.then(() => null)]);
  if (!printed) throw new Error(`podwire serve ended: ${(await child).stderr}`);
  return { child, ...(JSON.parse(String(printed[0])) as { url: string; token: string }) };
}

test('the command ends by Ctrl-C; the shells of one that was killed are ended by the next', async () => {
  await using begun = await begin();
  const { client, seed } = begun;
  await client.open();
  const killed = await startCommand();
  using left = new BenchClient(killed, '03', seed).terminal('node1');
  await left.type('sleep 4325\n');
  await left.shows(/sleep 4325/);
  killed.child.kill('SIGKILL');
  await killed.child;

  const next = await startCommand();
  using events = new BenchClient(next, '03', seed).events();
  await events.until('the lab to be open', ({ phase }) => phase === 'open');
  using terminal = client.terminal('node1');
  await terminal.type(
    'until ! pgrep -f "sleep 432[5]" >/dev/null; do sleep 0.1; done; echo it-is-$((1))-gone\n',
  );
  await terminal.shows(/it-is-1-gone/);
  next.child.kill('SIGINT');
  const { exitCode, stderr } = await next.child;
  expect([exitCode, stderr]).toEqual([0, 'Closing terminals. Labs stay open: npx podwire status']);
});

test('a lab has so many terminals, and a server so many open labs', async () => {
  await using begun = await begin(USUAL_TIMES, { terminals: 2, open: 1 });
  const { client, server } = begun;
  await client.open();
  using node = client.terminal('node1');
  using pod = client.terminal('pod/a');
  await Promise.all([node.told('ready'), pod.told('ready')]);
  using third = client.terminal('pod/b');
  expect(await third.told('closed')).toMatchObject({
    reason: 'failed',
    text: '2 terminals are open in this lab. Close one first.',
  });
  // Joining one that is open opens none.
  using again = client.terminal('pod/a');
  expect(await again.told('ready')).toMatchObject({ restored: true });

  const other = new BenchClient(server, '03', `${begun.seed}-other`);
  expect(await other.ask('POST', '/open')).toMatchObject({
    status: 429,
    body: { error: 'too-many-requests', text: expect.stringContaining('Close one first.') },
  });
});

test('what cannot be done is refused with a reason', async () => {
  await using begun = await begin();
  const { client } = begun;
  expect(await client.ask('POST', '/check')).toMatchObject({
    status: 409,
    body: { error: 'not-open', text: 'Lab 03 is not open. Open it first.' },
  });
  using early = client.terminal('node1');
  expect(await early.told('closed')).toMatchObject({
    reason: 'failed',
    text: 'Lab 03 is not open. Open it first.',
  });
  await client.open();
  using stranger = client.terminal('node9');
  expect(await stranger.told('closed')).toMatchObject({
    reason: 'failed',
    text: expect.stringContaining('There is no host "node9" in this lab.'),
  });
  expect(await client.ask('POST', '/hint', { check: 'nonsense' })).toMatchObject({
    status: 400,
    body: { error: 'bad-request', text: expect.stringContaining('no check "nonsense"') },
  });
  expect(await client.ask('POST', '/solve', { to: 9 })).toMatchObject({ status: 400 });
});

test('a fault that is not named stays untold, and is to be found by its cause', async () => {
  await using begun = await begin();
  const { client } = begun;
  using events = client.events();
  const broken = await client.ask('POST', '/break');
  expect(broken).toMatchObject({ status: 200, body: { lab: '03', fault: null } });
  const live = await events.until('a check that fails', ({ focus, checking }) => focus !== null && !checking);
  expect(live.changes).toEqual([]);
  expect(live.passed).toBeLessThan(live.total);
});
