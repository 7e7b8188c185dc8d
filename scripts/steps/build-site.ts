/** Builds the static site: installs what it takes, reads the labs, and lets Docusaurus make pages. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { dependenciesMatch } from '../../harness/bootstrap/dependencies.mjs';
import { acquireLock } from '../../harness/bootstrap/lock.mjs';
import { npmInstall } from '../../harness/bootstrap/npm.mjs';
import { WORKBOOK } from '../../harness/src/lab/load-lab.ts';

export const SITE = path.join(WORKBOOK, 'site');
/** The name of the file in a built site that says what it was built of. It goes away with the build. */
const STAMP = '.built-of';

/** What the pages are made of. */
const SOURCES = [
  ...['labs', 'topologies', 'docs', 'site', 'harness/src', 'scripts/steps'],
  ...['package.json', 'CONTRIBUTING.md'],
];
const NOT_SOURCES =
  /(^|\/)(node_modules|build|export|\.generated|\.docusaurus|test|screenshots)$|\.test\.ts$/;

export interface SiteSettings {
  /** Where the site will stand: `https://example.org`. */
  readonly url?: string | undefined;
  /** The path below which it will stand: `/` or `/podwire/`. */
  readonly basePath?: string | undefined;
  /** Where its sources are to be read: `https://github.com/OWNER/NAME`. */
  readonly repository?: string | undefined;
}

export interface BuiltSite {
  readonly folder: string;
  /** False when it stood already. */
  readonly anew: boolean;
}

/**
 * What `podwire serve` shows is in site/build. A site for another server has other links in it, so it has a folder
 * of its own.
 */
export function folderOf({ url, basePath = '/', repository }: SiteSettings): string {
  return path.join(SITE, url || repository || basePath !== '/' ? 'export' : 'build');
}

/** Whether the folder holds a whole site that was built of this. */
export async function standsAs(folder: string, fingerprint: string): Promise<boolean> {
  const stamp = await readFile(path.join(folder, STAMP), 'utf8').catch(() => null);
  return stamp === fingerprint && existsSync(path.join(folder, 'index.html'));
}

/** Builds the site unless it stands as its sources are now. */
export async function ensureSite(settings: SiteSettings = {}): Promise<BuiltSite> {
  const folder = folderOf(settings);
  const lock = await acquireLock(path.join(WORKBOOK, '.cache/site.lock'), (holder: string) =>
    process.stderr.write(`Another process (${holder}) is building the site: waiting for it.\n`),
  );
  try {
    await installSite(lock);
    const wanted = await fingerprint(settings);
    if (await standsAs(folder, wanted)) return { folder, anew: false };
    await rm(path.join(folder, STAMP), { force: true });
    await build(settings, folder);
    await writeFile(path.join(folder, STAMP), wanted);
    return { folder, anew: true };
  } finally {
    lock.release();
  }
}

/** Installs the site's own dependencies, which the command line does without. */
async function installSite(lock: { addCompanion(pid: number): void }): Promise<void> {
  if (!dependenciesMatch(SITE)) await npmInstall(SITE, { what: "the site's dependencies", lock });
}

async function build({ url, basePath, repository }: SiteSettings, folder: string): Promise<void> {
  process.stderr.write('Building the site (the labs have changed, or it is the first time)...\n');
  const began = performance.now();
  const docusaurus = path.join(SITE, 'node_modules/@docusaurus/core/bin/docusaurus.mjs');
  for (const args of [[path.join(SITE, 'content/generate.ts')], [docusaurus, 'build', '--out-dir', folder]]) {
    const { exitCode, all } = await execa(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', ...args],
      {
        cwd: SITE,
        all: true,
        reject: false,
        env: {
          // Said even where it is nothing: the site that `podwire serve` shows is not that of the caller's environment.
          SITE_URL: url ?? '',
          SITE_BASE_PATH: basePath ?? '/',
          SITE_REPOSITORY: repository ?? '',
          NODE_ENV: 'production',
          DOCUSAURUS_NO_UPDATE_NOTIFIER: 'true',
          // It knows a page by its Markdown alone, and keeps the script of one whose lab has other checks now.
          DOCUSAURUS_NO_PERSISTENT_CACHE: 'true',
        },
      },
    );
    if (exitCode !== 0) throw new Error(`The site could not be built:\n${all}`);
  }
  process.stderr.write(`Built the site in ${Math.round((performance.now() - began) / 1000)} s.\n`);
}

/** Changes when anything changes that a page is made of. */
async function fingerprint(settings: SiteSettings): Promise<string> {
  const hash = createHash('sha256').update(
    JSON.stringify([settings.url ?? '', settings.basePath ?? '/', settings.repository ?? '']),
  );
  for (const source of SOURCES) {
    for (const file of await filesIn(source))
      hash.update(`${file}\n`).update(await readFile(path.join(WORKBOOK, file)));
  }
  return hash.digest('hex');
}

async function filesIn(name: string): Promise<string[]> {
  if (NOT_SOURCES.test(name)) return [];
  const entries = await readdir(path.join(WORKBOOK, name), { withFileTypes: true }).catch(() => null);
  if (entries === null) return [name];
  const nested = await Promise.all(
    entries
      .map((entry) => entry.name)
      .sort()
      .map((entry) => filesIn(`${name}/${entry}`)),
  );
  return nested.flat();
}
