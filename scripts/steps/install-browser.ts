/** The browser that tests of the site read with: Chromium from the distribution. */
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { readMachine } from '../../harness/src/setup/machine.ts';
import { runAsRoot } from '../../harness/src/setup/root-command.ts';
import type { Terminal } from '../../harness/src/setup/terminal.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const INSTALL = `
export DEBIAN_FRONTEND=noninteractive
exec 1>&2
apt-get update -q && apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core`;

/** The path of a Chromium or Chrome; `CHROME_PATH` names another. Null when there is none. */
export function findBrowser(): string | null {
  const named = process.env.CHROME_PATH;
  const places = (process.env.PATH ?? '').split(path.delimiter);
  const candidates = named ? [named] : NAMES.flatMap((name) => places.map((place) => path.join(place, name)));
  return candidates.find(isExecutable) ?? null;
}

/** @throws where there is no browser and none can be installed, with what to do. */
export async function ensureBrowser(terminal: Terminal): Promise<void> {
  if (findBrowser() !== null) return;
  const machine = readMachine();
  if (!machine.debianLike || (machine.privilege !== 'root' && machine.privilege !== 'sudo'))
    throw new Error(
      'The tests of the site need Chromium, and none is on the PATH.\nInstall Chromium or Chrome (CHROME_PATH names one elsewhere) and run the same command again.',
    );
  terminal.progress('Installing Chromium for the tests of the site (once)');
  await runAsRoot(machine, { purpose: 'install chromium with apt-get', script: INSTALL });
  terminal.line('Installed Chromium.');
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
