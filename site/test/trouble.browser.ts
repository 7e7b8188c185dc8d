/** What the bench says when something is missing: the server, its token, an engine; and how it comes back. */
import path from 'node:path';
import { expectDocker } from '../../harness/src/testbed/docker.ts';
import { BenchPage } from './bench-page.ts';
import { openPage, type SiteUnderTest, startServer, startSite } from './site-under-test.ts';

let site: SiteUnderTest;
beforeAll(async () => {
  site = await startSite();
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

const LAB = '/labs/03-pods-on-one-node/';

test('a new token, pasted into a tab that is open, is taken at once, by other tabs too', async () => {
  const { page } = await openPage(site);
  await page.goto(`${site.url}${LAB}`);
  await page.getByRole('link', { name: 'Open the bench' }).click();
  await page.getByText('this page has not its token').waitFor();
  const entrance = await page.context().newPage();
  await entrance.goto(`${site.url}/`);
  // The same document: nothing is loaded anew.
  await entrance.evaluate(`window.stayed = true; location.href = ${JSON.stringify(site.entrance)}`);
  await entrance.waitForFunction(() => !location.hash);
  expect(await entrance.evaluate('window.stayed')).toBe(true);
  await page.locator('.bench-phase-closed').waitFor();
  await page.context().close();
});

test('a server that ends leaves the state to be seen, and the page finds the next one', async () => {
  const first = await startServer();
  const bench = await BenchPage.begin({
    ...first,
    browser: site.browser,
    [Symbol.asyncDispose]: async () => {},
  });
  const { page } = bench;
  await using _ = bench;
  await bench.openLab();
  await bench.check('addresses', 'fail').waitFor();
  await bench.enter('node1');
  await first[Symbol.asyncDispose]();
  await page.getByText('Podwire does not answer.').waitFor();
  await bench.check('addresses', 'fail').waitFor();
  await page.getByText('The line to this shell is broken.').waitFor();
  // Keys of now are not for a shell of later.
  await page.keyboard.type('echo for-nobody\n');
  await using next = await startServer({ port: first.port, token: first.token });
  await page.getByText('Podwire does not answer.').waitFor({ state: 'detached' });
  await page.locator('.bench-screen[data-host=node1][data-line=open]').waitFor();
  await bench.untilScreen((text) => text.includes('A new shell') && /:~# ?$/.test(text), 'a new shell');
  expect(await bench.screen()).not.toContain('for-nobody');
  expect(next.url).toBe(first.url);
});

test('a server that was started anew has another token, and the page says so', async () => {
  const first = await startServer();
  const bench = await BenchPage.begin({
    ...first,
    browser: site.browser,
    [Symbol.asyncDispose]: async () => {},
  });
  await using _ = bench;
  await bench.openBench();
  await first[Symbol.asyncDispose]();
  await using next = await startServer({ port: first.port });
  await bench.page.getByText('this page has not its token').waitFor();
  await bench.page.evaluate(`localStorage.setItem('podwire.token', ${JSON.stringify(next.token)})`);
  await bench.page.getByRole('button', { name: 'Look again' }).click();
  await bench.page.locator('.bench-phase-closed').waitFor();
});

test('where no engine runs, the guide is there and the bench says what is missing', async () => {
  const before = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = `unix://${path.join(import.meta.dirname, 'no-engine.sock')}`;
  const docker = expectDocker();
  if (before === undefined) delete process.env.DOCKER_HOST;
  else process.env.DOCKER_HOST = before;
  await using server = await startServer({ docker });
  await using bench = await BenchPage.begin({
    ...server,
    browser: site.browser,
    [Symbol.asyncDispose]: async () => {},
  });
  await bench.openBench();
  await bench.page.getByText('No Docker engine answers on the machine where Podwire runs').waitFor();
  await bench.page.getByRole('button', { name: 'Open the lab' }).click();
  await bench.page.getByText('npx podwire doctor').first().waitFor();
  await bench.page.getByRole('tab', { name: 'Addresses' }).click();
  await bench.page.locator('.bench-plan tr', { hasText: '$POD_A_IP' }).waitFor();
});

test('a seed that cannot be is refused in words', async () => {
  await using bench = await BenchPage.begin(site, { seed: 'x'.repeat(65) });
  await bench.page.getByRole('link', { name: 'Open the bench' }).click();
  await bench.page.getByText('Could not read the seed').waitFor();
});

test('a static site is asked some times whether Podwire is behind it, and then left in peace', async () => {
  const { page } = await openPage(site);
  let asked = 0;
  await page.route('**/api/**', (route) => {
    asked++;
    return route.fulfill({ status: 404, contentType: 'text/html', body: '<h1>Not found</h1>' });
  });
  await page.goto(`${site.url}${LAB}`);
  await page.getByRole('link', { name: 'Open the bench' }).click();
  await page.getByText('The bench needs Podwire on your own machine').waitFor();
  await page.getByText('This panel also looks by itself.').waitFor({ state: 'detached' });
  expect(asked).toBe(3);
  await page.getByRole('button', { name: 'Look again' }).click();
  await page.waitForRequest('**/api/server');
  await page.context().close();
});

test('too much asked at once is no reason to show nothing: the page waits and comes back', async () => {
  await using server = await startServer();
  await using bench = await BenchPage.begin({
    ...server,
    browser: site.browser,
    [Symbol.asyncDispose]: async () => {},
  });
  const { page } = bench;
  let refusing = true;
  await page.route('**/api/server', (route) =>
    refusing
      ? route.fulfill({ status: 429, json: { error: 'too-many-requests', text: 'Wait a moment.' } })
      : route.continue(),
  );
  await page.getByRole('link', { name: 'Open the bench' }).click();
  await page.getByText('Looking for Podwire').waitFor();
  await page.waitForRequest('**/api/server');
  expect(await page.getByText('has found none').count()).toBe(0);
  refusing = false;
  await page.locator('.bench-phase-closed').waitFor();
});

test('with storage blocked and no Clipboard API, the bench opens and copies all the same', async () => {
  const { page, complaints } = await openPage(site);
  await page.addInitScript(`
    for (const name of ['localStorage', 'sessionStorage'])
      Object.defineProperty(window, name, { get() { throw new DOMException('blocked', 'SecurityError'); } });
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
  `);
  await page.goto(`${site.url}${LAB}`);
  await page.getByRole('link', { name: 'Open the bench' }).click();
  await page.getByText('this page has not its token').waitFor();
  await page.evaluate(`location.hash = '#token=${site.token}'`);
  await page.locator('.bench-phase-closed').waitFor();
  await page
    .locator('.guide .fence-button', { hasText: /^Copy$/ })
    .first()
    .click();
  await page.locator('.guide .fence-button', { hasText: 'Copied' }).waitFor();
  expect(complaints).toEqual([]);
  await page.context().close();
});
