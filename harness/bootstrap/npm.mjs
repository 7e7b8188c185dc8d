// Runs npm in a folder: one line while it works, npm's own words only when it fails.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { startProgress } from './progress.mjs';
import { SetupError } from './setup-error.mjs';

// What an outer `npm run` or `npx` was asked for is not meant for this one.
const OUTER_SETTINGS = [
  'workspace',
  'workspaces',
  'package',
  'call',
  'global',
  'location',
  'prefix',
  'local_prefix',
  'omit',
  'dry_run',
  'only',
  'production',
];

// Not `npm ci`: it refuses a lock file that lacks optional packages for other systems, as one does that was
// written where the registry had none of them. No scripts: none of the packages needs one, and some would
// try to compile.
const ARGUMENTS = [
  'install',
  '--no-save',
  '--ignore-scripts',
  '--include=dev',
  '--include=optional',
  '--no-audit',
  '--no-fund',
  '--no-progress',
  '--no-update-notifier',
  '--loglevel=warn',
];

// A file that could not be unpacked, as on a full disk, is a warning to npm, and its status stays 0.
const INCOMPLETE = /TAR_ENTRY_ERROR/;

/**
 * Installs what the folder's package-lock.json wants, from nothing: what an interrupted npm has left may
 * look whole and not be.
 *
 * @param {string} folder with a package.json and a package-lock.json
 * @param {{what: string, lock: {addCompanion(pid: number): void}}} options what is installed, in words
 */
export async function npmInstall(folder, { what, lock }) {
  const progress = startProgress(`Installing ${what} (once)`);
  removeModules(path.join(folder, 'node_modules'));
  const env = { ...process.env };
  for (const name of OUTER_SETTINGS) delete env[`npm_config_${name}`];
  const npm = spawn('npm', ARGUMENTS, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  if (npm.pid) lock.addCompanion(npm.pid);
  let output = '';
  for (const stream of [npm.stdout, npm.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => (output += text));
  }
  try {
    const [status, signal] = await once(npm, 'close');
    const incomplete = INCOMPLETE.test(output);
    if (status === 0 && !incomplete) return progress.done(`Installed ${what}`);
    progress.clear();
    if (incomplete) removeModules(path.join(folder, 'node_modules'));
    throw new SetupError(
      `Could not install ${what}: \`npm install\` in ${folder} ended with ${signal ? `signal ${signal}` : `status ${status}`}, saying:\n` +
        `${complaint(output)}\n${adviceFor(output)}`,
    );
  } catch (error) {
    progress.clear();
    if (error.code === 'ENOENT') {
      throw new SetupError(
        `Could not install ${what}: there is no \`npm\` on the PATH.\n` +
          'It comes with Node from https://nodejs.org (on Debian and Ubuntu: sudo apt-get install npm). Install it and run the same command again.',
      );
    }
    throw error;
  }
}

function adviceFor(output) {
  if (/ENOSPC/.test(output))
    return 'The disk is full. Make room (about 700 MB) and run the same command again.';
  if (/EACCES|EPERM|EROFS/.test(output))
    return 'A file may not be written. Make the folder yours, or run as its owner, and run the same command again.';
  if (
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT/.test(
      output,
    )
  )
    return 'The npm registry cannot be reached. Check the network and the proxy (`npm config get registry`, `npm config get proxy`) and run the same command again.';
  if (/SELF_SIGNED_CERT|CERT_|UNABLE_TO_(GET|VERIFY)/.test(output))
    return 'The certificate of the npm registry is not trusted here. Behind a proxy that opens TLS, set `npm config set cafile FILE` and run the same command again.';
  return 'Run the same command again once that is repaired.';
}

// What npm calls errors comes first and says why; usage and the name of a log file follow.
function complaint(output) {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const errors = lines.filter(
    (line) =>
      (/^npm (error|ERR!) \S/.test(line) || INCOMPLETE.test(line)) &&
      !/A complete log of this run|usage:/i.test(line),
  );
  return [...new Set(errors.length > 0 ? errors : lines)]
    .slice(0, 8)
    .map((line) => `  ${line}`)
    .join('\n');
}

// What says "installed" goes first, so that a kill in between leaves no claim behind.
function removeModules(folder) {
  for (const claim of ['.podwire-node', '.package-lock.json', ''])
    rmSync(path.join(folder, claim), { recursive: true, force: true });
}
