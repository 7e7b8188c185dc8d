/**
 * Takes docs/screenshots anew, in the browser tests: of pages (site/test/pages.browser.ts) and of the bench
 * (site/test/bench.browser.ts). Needs an engine and Chromium.
 */
import { prepare } from '../harness/src/setup/prepare.ts';
import { stderrTerminal } from '../harness/src/setup/terminal.ts';
import { ensureSite } from './steps/build-site.ts';
import { ensureBrowser } from './steps/install-browser.ts';
import { runJest } from './steps/run.ts';

const terminal = stderrTerminal();
await prepare(terminal);
await ensureBrowser(terminal);
await ensureSite();
terminal.clear();
await runJest(
  'Pages and bench',
  [['--selectProjects', 'browser', '--testPathPatterns', '(pages|bench).browser']],
  {
    PODWIRE_SCREENSHOTS: '1',
  },
);
