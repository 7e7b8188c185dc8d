/** A lab's page with its bench, as a learner uses it: a context, a testbed and complaints of its own. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import type { Fence } from '../../harness/src/lab/guide.ts';
import { findLab } from '../../harness/src/lab/load-lab.ts';
import { removeTestbed } from '../../harness/src/testbed/clear-away.ts';
import { expectDocker } from '../../harness/src/testbed/docker.ts';
import { learnersTestbed } from '../../harness/src/testbed/identity.ts';
import { findTestbed } from '../../harness/src/testbed/inventory.ts';
import { openPage, type SiteUnderTest } from './site-under-test.ts';

const AXE = path.resolve(import.meta.dirname, '../node_modules/axe-core/axe.min.js');
const WITHIN_MS = 15_000;

interface Wish {
  readonly lab?: string;
  readonly seed?: string;
  readonly options?: BrowserContextOptions;
}

export class BenchPage implements AsyncDisposable {
  readonly page: Page;
  readonly site: Pick<SiteUnderTest, 'url' | 'token'>;
  readonly lab: string;
  readonly seed: string;
  readonly complaints: string[];
  /** Hosts whose terminal was used, and so is empty no more. */
  readonly #used = new Set<string>();
  readonly #address: string;

  /** Opens the lab's page, with the token and a seed of its own. */
  static async begin(site: SiteUnderTest, { lab = '03', seed, options = {} }: Wish = {}): Promise<BenchPage> {
    const { page, complaints } = await openPage(site, { ...options, storageState: withToken(site) });
    page.setDefaultTimeout(WITHIN_MS);
    const { slug } = await findLab(lab);
    const own = seed ?? `browser-${randomBytes(4).toString('hex')}`;
    const opened = new BenchPage(page, site, lab, slug, own, complaints);
    await page.goto(opened.#address);
    return opened;
  }

  private constructor(
    page: Page,
    site: Pick<SiteUnderTest, 'url' | 'token'>,
    lab: string,
    slug: string,
    seed: string,
    complaints: string[],
  ) {
    this.page = page;
    this.site = site;
    this.lab = lab;
    this.seed = seed;
    this.complaints = complaints;
    this.#address = `${site.url}/labs/${lab}-${slug}/?seed=${seed}`;
  }

  async openBench(): Promise<void> {
    await this.page.getByRole('link', { name: 'Open the bench' }).click();
    await this.page.locator('.bench-phase').waitFor();
  }

  async openLab(): Promise<void> {
    await this.openBench();
    await this.page.getByRole('button', { name: 'Open the lab' }).click();
    await this.page.locator('.bench-phase-open').waitFor();
  }

  /** Asks the server past the page, as another client of it. */
  async ask(name: string, body: object = {}): Promise<void> {
    const answer = await fetch(`${this.site.url}/api/labs/${this.lab}/${name}?seed=${this.seed}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${this.site.token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (answer.status !== 200) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
  }

  check(id: string, verdict: string): Locator {
    return this.page.locator(`.bench-checks li[data-check="${id}"][data-verdict="${verdict}"]`);
  }

  tab(host: string): Locator {
    return this.page.locator(`[role=tab][data-host="${host}"]`).first();
  }

  /** What the terminal that is shown has on its screen. */
  async screen(): Promise<string> {
    const rows = await this.page.locator('.bench-screen:not([hidden]) .xterm-rows > div').allTextContents();
    return rows.join('\n').replaceAll('\u00a0', ' ').trimEnd();
  }

  /** Waits until the terminal shows it, as a learner does. */
  async untilScreen(wanted: (text: string) => boolean, words: string): Promise<string> {
    const deadline = performance.now() + WITHIN_MS;
    for (;;) {
      const text = await this.screen();
      if (wanted(text)) return text;
      if (performance.now() > deadline)
        throw new Error(`Waited for ${words} in the terminal; it shows:\n${text}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  untilPrompt(): Promise<string> {
    return this.untilScreen((text) => PROMPT.test(text), 'a prompt');
  }

  /** Chooses a host's terminal, which takes the keys then. */
  async enter(host: string): Promise<void> {
    await this.tab(host).click();
    await this.page.locator(`.bench-screen[data-host="${host}"][data-line=open]:not([hidden])`).waitFor();
    if (!this.#used.has(host)) await this.untilPrompt();
    this.#used.add(host);
    await this.page.locator('.bench-screen:not([hidden]) textarea').focus();
  }

  /** Types by the keyboard, and waits until the shell has done it: it is asked for something that nobody saw yet. */
  async type(host: string, commands: string, { wait = true } = {}): Promise<string> {
    await this.enter(host);
    const lines = commands.trimEnd().split('\n');
    for (const line of lines) {
      await this.page.keyboard.type(line);
      await this.page.keyboard.press('Enter');
    }
    return wait ? this.untilDone(commands) : '';
  }

  /** Runs a fence by its button. */
  async run(fence: Locator, { host, commands }: Fence): Promise<void> {
    const last = packed(commands.trimEnd().split('\n').at(-1) ?? '');
    await fence.click();
    await this.page.locator(`[role=tab][data-host="${host}"][aria-selected=true]`).waitFor();
    await this.page.locator(`.bench-screen[data-host="${host}"][data-line=open]:not([hidden])`).waitFor();
    // The first terminal of a host is empty; later the commands are typed at once.
    if (!this.#used.has(host)) await this.untilScreen((text) => packed(text).includes(last), `"${commands}"`);
    this.#used.add(host);
    await this.page.locator('.bench-screen:not([hidden]) textarea').focus();
    await this.untilDone(commands);
  }

  async untilDone(words: string): Promise<string> {
    const nonce = randomBytes(4).toString('hex');
    await this.page.keyboard.type(`echo done-$((40+2))-${nonce}`);
    await this.page.keyboard.press('Enter');
    return this.untilScreen(
      (text) => text.includes(`done-42-${nonce}`) && PROMPT.test(text),
      `the end of "${words}"`,
    );
  }

  /** A shell that begins is empty again. */
  forgetShells(): void {
    this.#used.clear();
  }

  /** What axe finds against WCAG 2.2 AA. The page's own policy keeps it out, so the debugger runs it. */
  async axe(): Promise<readonly string[]> {
    await this.page.evaluate(await readFile(AXE, 'utf8'));
    return (await this.page.evaluate(
      `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] })
      .then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | ')))`,
    )) as string[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
    const docker = expectDocker();
    const found = await findTestbed(docker, learnersTestbed(this.lab, this.seed).id);
    if (found) await removeTestbed(docker, found);
  }
}

const PROMPT = /(^|\n)[a-z0-9/]+:~# ?$/;

/** Long lines are broken where the terminal ends. */
function packed(text: string): string {
  return text.replace(/\s+/g, '');
}

export function withToken({ url, token }: Pick<SiteUnderTest, 'url' | 'token'>) {
  return { cookies: [], origins: [{ origin: url, localStorage: [{ name: 'podwire.token', value: token }] }] };
}

/** The buttons of a guide's fences, in order, with what they run. */
export function fenceButtons(page: Page): Locator {
  return page.locator('.guide .fence-run-button');
}
