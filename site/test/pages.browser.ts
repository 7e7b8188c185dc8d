/** The pages as a reader meets them, with and without a script, by eye, by keyboard and on paper. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { keepPicture, openPage, type SiteUnderTest, startSite, visit } from './site-under-test.ts';

const AXE = path.resolve(import.meta.dirname, '../node_modules/axe-core/axe.min.js');
/** As it is sent, which is packed: the time until a page can be used depends on that. */
const SCRIPT_LIMIT = 300_000;
/** The axe-core rules that stand for WCAG 2.2 AA. */
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const LAB_03 = '/labs/03-pods-on-one-node/';

/** One of each kind. */
const PAGES = [
  '/',
  '/labs/',
  LAB_03,
  '/labs/05-a-vxlan-overlay/',
  '/labs/03-pods-on-one-node/answers/',
  '/causes/',
  '/causes/wrong-prefix/',
  '/glossary/',
  '/real-systems/',
  '/teachers/',
  '/docs/architecture/',
];

let site: SiteUnderTest;

beforeAll(async () => {
  site = await startSite();
});

afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

test.each(PAGES)(
  '%s loads less than 300 kB of script, all of it from here, and complains of nothing',
  async (place) => {
    const { page, complaints } = await openPage(site);
    const sizes: Promise<number>[] = [];
    /** What search needs is larger than all pages together, and comes when somebody searches. */
    const early: string[] = [];
    page.on('requestfinished', (request) => {
      if (request.url().includes('search-index')) early.push(request.url());
      if (request.resourceType() === 'script')
        sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
    });
    await visit(page, site.url + place);
    const total = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    expect(total).toBeGreaterThan(0);
    expect(total).toBeLessThan(SCRIPT_LIMIT);
    expect(early).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  },
);

test.each(PAGES.flatMap((place) => (['light', 'dark'] as const).map((theme) => [place, theme] as const)))(
  '%s, %s, holds to WCAG 2.2 AA as far as axe can tell',
  async (place, theme) => {
    const { page } = await openPage(site, { colorScheme: theme });
    await page.goto(site.url + place);
    await page.evaluate(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))`);
    expect(await findViolations(page)).toEqual([]);
    await page.context().close();
  },
);

/** What axe has against the page as it stands. */
async function findViolations(page: Page): Promise<string[]> {
  // The site's own policy keeps foreign scripts out, so it is evaluated by the debugger instead.
  await page.evaluate(await readFile(AXE, 'utf8'));
  return (await page.evaluate(
    `axe.run(document, { runOnly: ${JSON.stringify(WCAG)} })
      .then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | ')))`,
  )) as string[];
}

test('a guide can be read without a script', async () => {
  const { page } = await openPage(site, { javaScriptEnabled: false });
  await page.goto(site.url + LAB_03);
  expect(await page.locator('h1').textContent()).toBe('03 Pods on one node');
  expect(await page.locator('.fence-run').first().textContent()).toContain('ip netns list');
  expect(await page.locator('.fence-run .host').first().textContent()).toBe('on node1');
  expect(await page.locator('.topology-figure svg:visible').count()).toBe(1);
  expect(await page.locator('.fence-values').first().textContent()).toContain('10.244.1.2');
  expect(await page.locator('.fence-button').count()).toBe(0);
  // What would do nothing is not there.
  for (const part of ['.bench-button', '.navbar__search', '.navbar button'])
    expect([part, await page.locator(part).first().isVisible()]).toEqual([part, false]);
  await page.context().close();
});

test('without a script, a phone has the links of the bar, and axe has nothing against the page', async () => {
  const { page } = await openPage(site, { viewport: { width: 390, height: 844 } });
  // As good as none: axe is a script itself. What stands in <noscript> is taken out of it.
  await page.route('**/*.js', (route) => route.abort());
  await page.goto(site.url + LAB_03);
  await page.evaluate(() => {
    for (const style of document.querySelectorAll('noscript'))
      document.head.insertAdjacentHTML('beforeend', style.textContent ?? '');
  });
  expect(await page.locator('.navbar__toggle').isVisible()).toBe(false);
  for (const link of await page.locator('.navbar__inner .navbar__link').all()) {
    const [box, bar] = await Promise.all([link.boundingBox(), page.locator('.navbar').boundingBox()]);
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(bar?.height ?? 0);
  }
  expect(await findViolations(page)).toEqual([]);
  await page.context().close();
});

test('the menu of a phone is as high as the phone, and leads on', async () => {
  const { page } = await openPage(site, {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  });
  await visit(page, site.url + LAB_03);
  await page.getByRole('button', { name: 'Toggle navigation bar' }).tap();
  const menu = page.locator('.navbar-sidebar');
  const next = menu.getByRole('link', { name: '04 Pods across nodes by routes' });
  await next.waitFor();
  expect((await menu.boundingBox())?.height).toBe(844);
  await next.tap();
  await page.getByRole('heading', { level: 1, name: /Pods across nodes/ }).waitFor();
  await menu.waitFor({ state: 'hidden' });
  await page.context().close();
});

test('the drawing in letters joins: its lines are as high as its font', async () => {
  const { page } = await openPage(site);
  await page.goto(site.url + LAB_03);
  const ratio = await page
    .locator('.fence-drawing pre')
    .first()
    .evaluate((element) => {
      const style = getComputedStyle(element);
      return Number.parseFloat(style.lineHeight) / Number.parseFloat(style.fontSize);
    });
  expect(ratio).toBeLessThan(1.2);
  await page.context().close();
});

test('a phone needs not scroll sideways', async () => {
  const { page } = await openPage(site, { viewport: { width: 360, height: 780 } });
  for (const place of PAGES) {
    await page.goto(site.url + place);
    expect([place, await page.evaluate(() => document.documentElement.scrollWidth)]).toEqual([place, 360]);
  }
  await page.goto(`${site.url}/labs/05-a-vxlan-overlay/`);
  expect(await page.locator('.topology-narrow').isVisible()).toBe(true);
  await page.context().close();
});

test('the keyboard reaches the content and the bench', async () => {
  const { page } = await openPage(site);
  await visit(page, site.url + LAB_03);
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to main content');
  await page.getByRole('link', { name: 'Open the bench' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('this page has not its token').waitFor();
  await page.context().close();
});

test('the bench that is asked for before the script has come opens when it has; its address stays as it was', async () => {
  const { page } = await openPage(site);
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await page.route('**/*.js', async (route) => {
    await released;
    await route.continue();
  });
  await page.goto(`${site.url}${LAB_03}?seed=early`, { waitUntil: 'commit' });
  await page.getByRole('link', { name: 'Open the bench' }).click();
  expect(new URL(page.url()).hash).toBe('#bench');
  release();
  await page.getByText('this page has not its token').waitFor();
  expect(page.url()).toBe(`${site.url}${LAB_03}?seed=early`);
  await page.context().close();
});

test('search finds a word without a network', async () => {
  const { page, complaints } = await openPage(site);
  await visit(page, `${site.url}/`);
  await page.keyboard.press('Control+k');
  await page.keyboard.type('masquerade');
  await page.locator('[class*=suggestion]').first().waitFor();
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('on paper there is the guide and nothing around it', async () => {
  const { page } = await openPage(site);
  await visit(page, site.url + LAB_03);
  await page.emulateMedia({ media: 'print' });
  for (const part of ['.navbar', '.menu', '.bench-button', '.fence-button', '.table-of-contents'])
    expect([part, await page.locator(part).first().isVisible()]).toEqual([part, false]);
  expect(await page.locator('.fence-run').first().isVisible()).toBe(true);
  await page.context().close();
});

test('paper is white, whatever the screen was, and nothing on it is folded', async () => {
  const { page } = await openPage(site, { colorScheme: 'dark' });
  await visit(page, site.url + LAB_03);
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  expect(await ground()).not.toBe('rgb(255, 255, 255)');
  await page.emulateMedia({ media: 'print' });
  expect(await ground()).toBe('rgb(255, 255, 255)');
  for (const folded of ['.lab-checks li', '.predict details p'])
    expect([folded, await page.locator(folded).first().isVisible()]).toEqual([folded, true]);
  await page.context().close();
});

test('a page of this machine claims no address for everybody', async () => {
  const { page } = await openPage(site);
  await page.goto(site.url + LAB_03);
  expect(await page.locator('link[rel=canonical], meta[property="og:url"]').count()).toBe(0);
  await page.context().close();
});

test('the list of labs shows how far a learner is, where the server lets the page in', async () => {
  const { page, complaints } = await openPage(site);
  await page.route('**/api/labs', async (route) => {
    const response = await route.fetch();
    const { labs } = (await response.json()) as { labs: { lab: string; progress: object | null }[] };
    for (const each of labs) each.progress = each.lab === '03' ? { passed: 5, total: 11 } : null;
    await route.fulfill({ response, json: { labs } });
  });
  await visit(page, `${site.url}/labs/`);
  expect(await page.locator('.lab-progress').count()).toBe(0);
  await page.goto(site.entrance);
  await page.waitForURL(`${site.url}/`);
  await page.goto(`${site.url}/labs/`);
  await page.locator('li', { hasText: 'Pods on one node' }).getByText('5 of 11 checks').waitFor();
  expect(await page.locator('.lab-progress').count()).toBe(1);
  expect(complaints).toEqual([]);
  await page.context().close();
});

/** `harness/bin/run picture-site` takes them. */
const whenWanted = process.env.PODWIRE_SCREENSHOTS ? describe : describe.skip;
whenWanted('pictures', () => {
  test.each([
    { name: 'home', at: '/', width: 1280, height: 800, colorScheme: 'light' },
    // Goes with a link to a published site, in the size that social networks ask for.
    { name: 'social', at: '/', width: 1200, height: 630, colorScheme: 'dark' },
  ] as const)('$name', async ({ name, at, width, height, colorScheme }) => {
    const { page } = await openPage(site, { viewport: { width, height }, colorScheme });
    await visit(page, site.url + at);
    await keepPicture(page, name);
    await page.context().close();
  });
});
