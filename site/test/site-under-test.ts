/** A server with the built site, and a browser to read it with; both end with the tests of a file. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { WORKBOOK } from '../../harness/src/lab/load-lab.ts';
import { type RunningServer, type ServeOptions, serve } from '../../harness/src/server/serve.ts';
import { ensureImage } from '../../harness/src/setup/image.ts';
import { stderrTerminal } from '../../harness/src/setup/terminal.ts';
import { expectDocker } from '../../harness/src/testbed/docker.ts';
import { findBrowser } from '../../scripts/steps/install-browser.ts';

const SITE = path.join(WORKBOOK, 'site/build');
/** Pictures for the README, taken in passing. */
const SCREENSHOTS = path.join(WORKBOOK, 'docs/screenshots');

export interface SiteUnderTest extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly token: string;
  /** The URL that hands the token over. */
  readonly entrance: string;
  readonly browser: Browser;
}

interface Wish {
  readonly serve?: Partial<ServeOptions>;
  /** For Chromium. */
  readonly args?: readonly string[];
}

/** What `podwire serve` serves, in this process: its testbeds are swept when it is dead, however it died. */
export function startServer(wish: Partial<ServeOptions> = {}): Promise<RunningServer> {
  const docker = wish.docker ?? expectDocker();
  return serve({
    docker,
    ensureImage: () => ensureImage(docker, stderrTerminal()),
    address: '127.0.0.1',
    port: 0,
    site: SITE,
    ephemeral: true,
    onUnforeseen: (error) => console.error(error),
    ...wish,
  });
}

export async function startSite({ serve: options = {}, args = [] }: Wish = {}): Promise<SiteUnderTest> {
  const executablePath = findBrowser();
  if (executablePath === null) throw new Error('There is no Chromium. `npm test` installs one where it can.');
  const server = await startServer(options);
  try {
    // Chromium's own sandbox needs what containers and root do not have; it reads our pages only.
    const browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-dev-shm-usage', ...args],
    });
    const { url, token, entrance } = server;
    return {
      url,
      token,
      entrance,
      browser,
      [Symbol.asyncDispose]: async () => {
        await browser.close();
        await server[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** A page of its own, which keeps what went wrong in it. */
export async function openPage(
  { browser }: Pick<SiteUnderTest, 'browser'>,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (/^https?:/.test(request.url()) && new URL(request.url()).hostname !== '127.0.0.1')
      complaints.push(`asks another server: ${request.url()}`);
  });
  return { page, complaints };
}

/** Goes to a page, and waits until its script has taken it over: it comes after the first paint, whenever that is. */
export async function visit(page: Page, url: string): Promise<void> {
  await page.goto(url, { waitUntil: 'networkidle' });
  await page.locator('html[data-has-hydrated=true]').waitFor({ state: 'attached' });
}

/** Keeps a picture when the run is to (`PODWIRE_SCREENSHOTS=1`), so that a test leaves the tree as it was. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  if (!process.env.PODWIRE_SCREENSHOTS) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) });
}
