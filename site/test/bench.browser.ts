/** Lab 03 in a real browser: built, finished, broken, walked, looked at from two tabs, reset and closed. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { findLab, readGuide } from '../../harness/src/lab/load-lab.ts';
import { BenchPage, fenceButtons } from './bench-page.ts';
import { keepPicture, openPage, type SiteUnderTest, startSite } from './site-under-test.ts';

const guide = await readGuide(await findLab('03'));
const checks = guide.steps.flatMap(({ turnsGreen }) => turnsGreen);
const PODWIRE = path.resolve(import.meta.dirname, '../../harness/bin/podwire');

let site: SiteUnderTest;
beforeAll(async () => {
  site = await startSite();
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

/** Does the guide from a step to another: the first fence of all by the keyboard, the others by their buttons. */
async function follow(bench: BenchPage, from: number, to: number): Promise<void> {
  const { page } = bench;
  let index = guide.steps.slice(0, from - 1).reduce((sum, { fences }) => sum + fences.length, 0);
  for (const step of guide.steps.slice(from - 1, to)) {
    for (const fence of step.fences) {
      const button = fenceButtons(page).nth(index++);
      if (index === 1) await bench.type(fence.host, fence.commands);
      else await bench.run(button, fence);
    }
    // In the guide itself, which shows it on a phone too.
    for (const id of step.turnsGreen)
      await page.locator(`.turns-green li[data-check="${id}"][data-verdict=pass]`).first().waitFor();
    if (step.turnsGreen.length > 0)
      await page.locator(`.guide h2[id^="step-${step.number}-"]:not([data-next-step])`).waitFor();
  }
}

test('the printed URL hands over the token, which leaves the address at once', async () => {
  const { page } = await openPage(site);
  await page.goto(site.entrance);
  await page.waitForURL(`${site.url}/`);
  await page.goto(`${site.url}/labs/03-pods-on-one-node/`);
  await page.getByRole('heading', { level: 1, name: '03 Pods on one node' }).waitFor();
  await page.getByRole('link', { name: 'Open the bench' }).click();
  await page.locator('.bench-phase').waitFor();
  await page.context().close();
});

test('the whole guide, by keyboard and by the buttons of its fences, turns checks green step by step', async () => {
  await using bench = await BenchPage.begin(site);
  const { page } = bench;
  await bench.openLab();
  await bench.check('addresses', 'fail').waitFor();
  expect(await page.locator('.bench-checks li[data-verdict=pass]').count()).toBe(0);

  await page.getByRole('tab', { name: 'Addresses' }).click();
  const row = page.locator('.bench-plan tr', { hasText: '$POD_A_IP' }).locator('td');
  const address = (await row.textContent()) ?? '';
  expect(address).not.toBe('10.244.1.2');
  await page.locator(`[data-plan=POD_A_IP]:text-is("${address}")`).first().waitFor();
  await page.locator('.topology-figure', { hasText: address }).waitFor();
  await page.locator(`.has-variable[title*="$POD_A_IP = ${address}"]`).first().waitFor();
  await page.getByRole('tab', { name: /^Checks/ }).click();

  // Step 1 turns nothing green: it stays marked together with the next.
  for (const step of [1, 2]) await page.locator(`.guide h2[id^="step-${step}-"][data-next-step]`).waitFor();
  await follow(bench, 1, 3);
  await follow(bench, 4, guide.steps.length);

  await page.locator(`.bench-checks:has(li[data-verdict=pass]:nth-of-type(${checks.length}))`).waitFor();
  await page
    .locator(`.turns-green li[data-verdict=pass]`)
    .nth(checks.length - 1)
    .waitFor();
  const next = page.locator('.bench-finished').getByRole('link', { name: /^Next: lab 04/ });
  expect(await next.getAttribute('href')).toBe('/labs/04-pods-across-nodes/');

  await page.getByRole('tab', { name: 'Packet walk' }).click();
  await page.getByRole('button', { name: 'Send a packet' }).click();
  await page.locator('.bench-sentence.bench-arrived').waitFor();
  await page.locator('.walk-packet.walk-back[data-done]').waitFor({ state: 'attached' });
  expect(await page.locator('.walk-packet').count()).toBe(2);

  // A drill: it is built anew, and a fault that nobody tells is put in.
  await page.getByRole('tab', { name: /^Checks/ }).click();
  await page.getByRole('button', { name: 'Break it, and let me find the fault' }).click();
  await page.locator('.bench-phase-open').waitFor();
  await page.locator('.bench-checks li[data-verdict=fail]').first().waitFor();
  await page.locator('.bench-finished').waitFor({ state: 'detached' });
  expect(bench.complaints).toEqual([]);
});

test('what breaks turns red with its cause; hints come one by one; the walk shows where it was lost', async () => {
  await using bench = await BenchPage.begin(site);
  const { page } = bench;
  await bench.ask('solve');
  await bench.openBench();
  await bench.check('a-reaches-b', 'pass').waitFor();
  await bench.type('node1', 'ip link set veth-b down');
  const check = bench.check('a-reaches-b', 'fail');
  await check.locator('a[href="/causes/link-down/"][target=_blank]').waitFor();

  await check.getByRole('button', { name: 'Hint (0 of 3)' }).click();
  await check.locator('.bench-hint').waitFor();
  await check.getByRole('button', { name: 'Another hint (1 of 3)' }).waitFor();

  const traces: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/trace')) traces.push(request.url());
  });
  await check.getByRole('button', { name: /^Walk a packet from pod\/a to pod\/b/ }).click();
  await page.locator('.bench-sentence.bench-lost').waitFor();
  await page.locator('.walk-lost[data-done] .walk-cross').waitFor({ state: 'attached' });
  await page.locator('.walk-loss a[href="/causes/link-down/"][target=_blank]').waitFor();
  // Coming back to it sends nothing.
  await page.getByRole('tab', { name: /^Checks/ }).click();
  await page.getByRole('tab', { name: 'Packet walk' }).click();
  await page.locator('.bench-sentence.bench-lost').waitFor();
  expect(traces).toHaveLength(1);
  expect(bench.complaints).toEqual([]);
});

test('an answer that is lost: checks name its cause, and its walk goes there, and not all the way back', async () => {
  await using bench = await BenchPage.begin(site, { lab: '05' });
  const { page } = bench;
  await bench.ask('solve');
  await bench.openBench();
  // A whole round of this lab's checks.
  await page.locator('.bench-finished').waitFor({ timeout: 60_000 });
  // Nothing but what a learner would type: the pictures are the README's.
  await bench.enter('node2');
  await page.keyboard.type('ip route del "$NODE1_POD_CIDR"\n');
  await bench.check('a-reaches-c', 'fail').locator('a[href="/causes/no-route/"]').waitFor();
  await bench.enter('pod/a');
  await page.keyboard.type('ip route\nping -c 1 -W 1 "$POD_C_IP"\n');
  await bench.untilScreen((text) => /100% packet loss[^#]*:~# ?$/.test(text), 'a ping without an answer');
  await page.locator('.guide h2[id^="step-3-"]').evaluate((heading) => heading.scrollIntoView());
  await keepPicture(page, 'lab');

  await page.getByRole('button', { name: /^Walk a packet from pod\/a to pod\/c/ }).click();
  await page.locator('.bench-sentence.bench-lost').waitFor();
  await page.locator('.walk-back.walk-lost[data-done] .walk-cross').waitFor({ state: 'attached' });
  expect(await page.locator('.walk-packet:not(.walk-lost)[data-done]').count()).toBe(1);
  await keepPicture(page, 'walk');
  expect(bench.complaints).toEqual([]);
});

test('two tabs show the same; a reload keeps the shell and its screen; a shell that ended is opened again', async () => {
  await using bench = await BenchPage.begin(site);
  const { page } = bench;
  await bench.ask('solve');
  await bench.openBench();
  await bench.type('node1', 'ip link set veth-b down');
  await bench.check('a-reaches-b', 'fail').waitFor();
  await using other = await BenchPage.begin(site, { seed: bench.seed });
  await other.openBench();
  await other.check('a-reaches-b', 'fail').waitFor();
  await bench.type('node1', 'ip link set veth-b up');
  for (const each of [bench, other]) await each.check('a-reaches-b', 'pass').waitFor();

  await bench.type('node1', 'echo remember-$((6*7))');
  await page.reload();
  await page.locator('.bench-phase-open').waitFor();
  await bench.untilScreen((text) => text.includes('remember-42'), 'remember-42');
  await bench.check('addresses', 'pass').waitFor();

  // A second shell on the same host is another one.
  await page.getByRole('button', { name: 'Another shell on node1' }).click();
  await page.getByRole('tab', { name: 'node1 (2)' }).waitFor();
  const second = await bench.untilPrompt();
  expect(second).not.toContain('remember');
  await page.keyboard.type('exit\n');
  await page.getByRole('button', { name: 'Close this tab' }).click();
  await page.getByRole('tab', { name: 'node1 (2)' }).waitFor({ state: 'detached' });

  await bench.enter('node1');
  await page.keyboard.type('exit\n');
  await page.getByRole('button', { name: 'Open a new shell' }).click();
  await bench.untilScreen((text) => /:~# ?$/.test(text) && !text.includes('remember'), 'a new shell');
  expect(bench.complaints).toEqual([]);
});

test('a reset types nothing again; a closed lab stays closed, whoever closed it', async () => {
  await using bench = await BenchPage.begin(site);
  const { page } = bench;
  const opens: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/open?')) opens.push(request.url());
  });
  // The button of a fence opens bench and lab, and types when the shell is there.
  const [first] = guide.steps[0]?.fences ?? [];
  if (!first) throw new Error('Lab 03 has no fence in step 1.');
  await bench.run(fenceButtons(page).first(), first);
  await bench.type('node1', 'ip link add leftover type bridge');
  expect(opens).toHaveLength(1);
  // Where something runs, commands wait for the shell to be free.
  await bench.type('node1', 'echo it-$((40+2))-runs; sleep 1000', { wait: false });
  await bench.untilScreen((text) => text.includes('it-42-runs'), 'the command to run');
  await fenceButtons(page).first().click();
  await page.getByText('The commands wait until it ends').waitFor();
  await page.locator('.bench-screen:not([hidden]) textarea').press('Control+c');
  await page.getByText('The commands wait until it ends').waitFor({ state: 'detached' });
  await bench.untilDone('the commands that waited');

  await page.getByRole('button', { name: 'Reset' }).click();
  await page.getByText('The terminals come back with it').waitFor();
  await page.locator('.bench-phase-open').waitFor();
  bench.forgetShells();
  await bench.enter('node1');
  const after = await bench.type('node1', 'ip -brief link show leftover');
  expect(after).toContain('does not exist');
  expect(after).not.toContain('ip netns list');

  await promisify(execFile)(PODWIRE, ['down', '03', '--seed', bench.seed]);
  await page.locator('.bench-phase-closed').waitFor();
  await page.getByRole('button', { name: 'Open the lab' }).click();
  await page.locator('.bench-phase-open').waitFor();
  bench.forgetShells();
  await bench.enter('node1');
  expect(await bench.untilPrompt()).not.toContain('ip netns list');
  await page.getByRole('button', { name: 'Close the lab' }).click();
  await page.locator('.bench-phase-closed').waitFor();
  await page.getByText('The terminals open with the lab.').waitFor();
  expect(opens).toHaveLength(2);
  await page.getByRole('button', { name: 'Hide the bench' }).click();
  await page.locator('.bench').waitFor({ state: 'detached' });
  await page.locator('.guide').waitFor();
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Open the bench');
  expect(bench.complaints).toEqual([]);
});

test('a terminal follows the size of the bench; what is selected is copied; the keyboard comes in and out', async () => {
  await using bench = await BenchPage.begin(site, {
    options: { permissions: ['clipboard-read', 'clipboard-write'] },
  });
  const { page } = bench;
  await bench.openLab();
  const sizeOf = async () => {
    const text = await bench.type('node1', 'echo "size $(stty size)"');
    const [rows = 0, columns = 0] = (/size (\d+ \d+)\s/.exec(text)?.[1] ?? '').split(' ').map(Number);
    return { rows, columns };
  };
  const before = await sizeOf();
  const width = page.getByRole('separator', { name: 'Width of the bench' });
  await width.focus();
  for (let turn = 0; turn < 4; turn++) await page.keyboard.press('ArrowLeft');
  const height = page.getByRole('separator', { name: 'Height of what is above the terminals' });
  const place = await height.boundingBox();
  if (!place) throw new Error('There is no splitter.');
  await page.mouse.move(place.x + 200, place.y + 5);
  await page.mouse.down();
  await page.mouse.move(place.x + 200, place.y - 150, { steps: 4 });
  await page.mouse.up();
  await bench.type('node1', 'clear');
  const after = await sizeOf();
  expect(after.columns).toBeGreaterThan(before.columns + 8);
  expect(after.rows).toBeGreaterThan(before.rows + 4);

  // F6 leaves the terminal for its tab; arrows go on to the next, and Enter stays there.
  await bench.enter('node1');
  await page.keyboard.press('F6');
  expect(await page.evaluate(() => document.activeElement?.getAttribute('data-host'))).toBe('node1');
  await page.keyboard.press('ArrowRight');
  expect(await page.evaluate(() => document.activeElement?.getAttribute('data-host'))).toBe('pod/a');
  await page.locator('.bench-screen[data-host="pod/a"]:not([hidden])').waitFor();
  await page.keyboard.press('Home');

  await bench.type('node1', 'clear; echo copy-$((6*7))-me');
  const line = page
    .locator('.bench-screen:not([hidden]) .xterm-rows > div', { hasText: 'copy-42-me' })
    .first();
  const word = await line.boundingBox();
  if (!word) throw new Error('The line is not there to be selected.');
  await page.mouse.dblclick(word.x + 20, word.y + word.height / 2);
  await page.keyboard.press('Control+c');
  await page.waitForFunction(`navigator.clipboard.readText().then((text) => text.startsWith('copy'))`);
  await page
    .locator('.guide .fence-button', { hasText: /^Copy$/ })
    .first()
    .click();
  await page.locator('.guide .fence-button', { hasText: 'Copied' }).waitFor();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('ip netns list');
  expect(bench.complaints).toEqual([]);
});

test('by a phone and in the dark, one pane at a time, with keys that a phone has not', async () => {
  await using bench = await BenchPage.begin(site, {
    options: {
      viewport: { width: 390, height: 844 },
      colorScheme: 'dark',
      hasTouch: true,
      isMobile: true,
    },
  });
  const { page } = bench;
  await bench.openLab();
  const [first] = guide.steps[0]?.fences ?? [];
  if (!first) throw new Error('Lab 03 has no fence in step 1.');
  // The button of a fence shows the terminal.
  await page.locator('.guide .fence-run-button').first().tap();
  await page.locator('.bench-lower .bench-screen:not([hidden])').waitFor();
  await bench.untilScreen((text) => /eth0@if/.test(text) && /:~# ?$/.test(text), 'what the fence shows');
  await bench.type('node1', 'sleep 1000', { wait: false });
  await page.getByRole('button', { name: 'Control C' }).tap();
  await bench.untilScreen((text) => text.includes('^C') && /:~# ?$/.test(text), '^C');
  await page.getByRole('button', { name: 'Up', exact: true }).tap();
  await bench.untilScreen((text) => /:~# sleep 1000$/.test(text), 'the last command again');
  await page.getByRole('button', { name: 'Ctrl', exact: true }).tap();
  await page.keyboard.type('u');
  await bench.untilScreen((text) => /:~# ?$/.test(text), 'an empty line');
  await bench.type('node1', 'ip link add cni0 type bridge; ip link set cni0 up');
  await follow(bench, 2, 2);
  await page.getByRole('tab', { name: /^Checks/ }).tap();
  await bench.check('addresses', 'pass').waitFor();

  const box = await page.locator('.bench').boundingBox();
  expect(box?.width).toBe(390);
  expect(box?.y).toBeGreaterThan(250);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
  expect(await bench.axe()).toEqual([]);
  expect(bench.complaints).toEqual([]);
});

test('the bench, light and dark, holds to WCAG 2.2 AA as far as axe can tell', async () => {
  await using bench = await BenchPage.begin(site);
  const { page } = bench;
  await bench.ask('solve', { to: 3 });
  await bench.openBench();
  await page.locator('.bench-checks li[data-verdict=fail]').first().waitFor();
  await bench.enter('node1');
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme });
    await page.locator(`html[data-theme=${theme}]`).waitFor();
    for (const tab of ['Packet walk', 'Addresses', /^Checks/]) {
      await page.getByRole('tab', { name: tab }).click();
      expect([theme, tab, await bench.axe()]).toEqual([theme, tab, []]);
    }
  }
});
