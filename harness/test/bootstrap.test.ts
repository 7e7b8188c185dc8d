/** The bootstrap: harness/bin and harness/bootstrap in a small workbook, with an npm of our own on the PATH. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const HARNESS = path.resolve(import.meta.dirname, '..');
const TOOLS = ['sh', 'readlink', 'find', 'dirname', 'mkdir', 'cat', 'sleep', 'ln', 'tr'];

/** Writes what npm writes down of an installation, and that it was called. */
const NPM = `#!/bin/sh
echo "$PWD" >>"$CALLS"
mkdir -p node_modules
cat package-lock.json >node_modules/.package-lock.json`;

const LOCK = { packages: { '': {}, 'node_modules/a': { version: '1.0.0', integrity: 'sha512-x' } } };

let root: string;
let bin: string;
let calls: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'podwire-bootstrap-')));
  bin = path.join(root, 'bin');
  calls = path.join(root, 'calls');
  mkdirSync(bin);
  for (const folder of ['bin', 'bootstrap'])
    cpSync(path.join(HARNESS, folder), path.join(root, 'harness', folder), { recursive: true });
  mkdirSync(path.join(root, 'harness/runtime'));
  mkdirSync(path.join(root, 'harness/src/cli'), { recursive: true });
  mkdirSync(path.join(root, 'scripts'));
  for (const file of [
    'package.json',
    'harness/package.json',
    'harness/runtime/package.json',
    'harness/runtime/package-lock.json',
  ])
    writeFileSync(path.join(root, file), '{}');
  writeFileSync(path.join(root, 'package-lock.json'), JSON.stringify(LOCK));
  writeFileSync(
    path.join(root, 'harness/src/cli/main.ts'),
    'console.log("podwire", ...process.argv.slice(2) as string[]);',
  );
  writeFileSync(
    path.join(root, 'scripts/check.ts'),
    'console.log("check", ...process.argv.slice(2) as string[]);',
  );
  for (const tool of TOOLS) symlinkSync(findTool(tool), path.join(bin, tool));
  symlinkSync(process.execPath, path.join(bin, 'node'));
  program('npm', NPM);
});
afterEach(() => rmSync(root, { recursive: true }));

function findTool(name: string): string {
  const found = (process.env.PATH ?? '')
    .split(':')
    .map((folder) => path.join(folder, name))
    .find(existsSync);
  if (!found) throw new Error(`This test needs ${name} on the PATH.`);
  return found;
}

function program(name: string, script: string): void {
  rmSync(path.join(bin, name), { force: true });
  writeFileSync(path.join(bin, name), script);
  chmodSync(path.join(bin, name), 0o755);
}

const environment = () => ({ PATH: bin, HOME: root, CALLS: calls });

function run(
  command: string,
  ...args: string[]
): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(path.join(root, 'harness/bin', command), args, { env: environment() }, (error, stdout, stderr) =>
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

const npmCalls = () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []);

test('the first run installs the dependencies and says so; the second starts at once', async () => {
  const first = await run('podwire', 'lab', '03');
  expect(first.stdout).toBe('podwire lab 03\n');
  expect(first.stderr).toMatch(
    /^Installing Podwire's dependencies \(once\)\.\.\.\nInstalled Podwire's dependencies in \d+ s\.\n$/,
  );
  expect(await run('podwire', 'list')).toEqual({ status: 0, stdout: 'podwire list\n', stderr: '' });
  expect(npmCalls()).toEqual([root]);
});

test('the command works through a symbolic link, as npm makes one', async () => {
  symlinkSync('../harness/bin/podwire', path.join(root, 'bin/linked'));
  symlinkSync(path.join(root, 'bin'), path.join(root, 'harness/bin/away'));
  expect((await run('away/linked', 'x')).stdout).toBe('podwire x\n');
});

test('dependencies that are there already are not installed again', async () => {
  mkdirSync(path.join(root, 'node_modules'));
  writeFileSync(path.join(root, 'node_modules/.package-lock.json'), JSON.stringify(LOCK));
  expect(await run('podwire')).toEqual({ status: 0, stdout: 'podwire\n', stderr: '' });
  expect(npmCalls()).toEqual([]);
});

test('a changed package-lock.json is noticed', async () => {
  await run('podwire');
  writeFileSync(
    path.join(root, 'package-lock.json'),
    JSON.stringify({ packages: { 'node_modules/a': { version: '2.0.0', integrity: 'sha512-y' } } }),
  );
  await run('podwire');
  expect(npmCalls()).toEqual([root, root]);
});

test('a task is run by its name, and an unknown one is answered with those there are', async () => {
  expect((await run('run', 'check', '-x')).stdout).toBe('check -x\n');
  expect(await run('run', 'chekc')).toEqual({
    status: 3,
    stdout: '',
    stderr: "run: there is no task 'chekc'; there are: check \n",
  });
});

test('two at once: the second waits for the first and installs nothing', async () => {
  program('npm', `${NPM.replace('mkdir', 'while [ ! -e go ]; do sleep 0.02; done; mkdir')}`);
  const first = run('podwire', 'one');
  const second = spawn(path.join(root, 'harness/bin/podwire'), ['two'], { env: environment() });
  let said = '';
  second.stderr.on('data', (text) => (said += text));
  second.stdout.on('data', (text) => (said += text));
  // Whichever is first holds the lock; let it go on when the other one waits.
  await Promise.race([once(second.stderr, 'data'), first]);
  writeFileSync(path.join(root, 'go'), '');
  const [{ stdout, stderr }] = await Promise.all([first, once(second, 'close')]);
  expect(npmCalls()).toEqual([root]);
  expect(`${stdout}${stderr}${said}`).toContain('podwire one\n');
  expect(`${stdout}${stderr}${said}`).toContain('podwire two\n');
});

test('the lock of a dead process is taken over', async () => {
  mkdirSync(path.join(root, '.cache'));
  writeFileSync(path.join(root, '.cache/set-up.lock'), `${process.pid} 1\n`);
  const { status, stderr } = await run('podwire');
  expect(status).toBe(0);
  expect(stderr).not.toContain('Another process');
});

test('after kill -9 the next run waits for the npm that is left, then repairs', async () => {
  program('npm', `#!/bin/sh\necho "$PWD" >>"$CALLS"\nwhile [ ! -e go ]; do sleep 0.02; done`);
  const killed = spawn(process.execPath, [path.join(root, 'harness/bootstrap/install.mjs')], {
    env: environment(),
  });
  await once(killed.stderr, 'data');
  await until(() => readLock().length === 2);
  killed.kill('SIGKILL');
  await once(killed, 'close');
  const left = readLock()[1]?.split(' ')[0];
  program('npm', NPM);

  const next = spawn(path.join(root, 'harness/bin/podwire'), ['next'], { env: environment() });
  let said = '';
  next.stdout.on('data', (text) => (said += text));
  const [waiting] = (await once(next.stderr, 'data')) as [Buffer];
  expect(waiting.toString()).toBe(`Another process (${left}) is setting up Podwire here: waiting for it.\n`);
  writeFileSync(path.join(root, 'go'), '');
  await once(next, 'close');
  expect(said).toBe('podwire next\n');
  expect(npmCalls()).toEqual([root, root]);
});

test('an npm that fails is quoted, and what to do follows', async () => {
  program(
    'npm',
    '#!/bin/sh\necho "npm warn old"\necho "npm error code ENOTFOUND" >&2\necho "npm error network no such host" >&2\nexit 1',
  );
  const { status, stderr } = await run('podwire');
  expect(status).toBe(3);
  expect(stderr).toBe(
    "Installing Podwire's dependencies (once)...\n" +
      `Could not install Podwire's dependencies: \`npm install\` in ${root} ended with status 1, saying:\n` +
      '  npm error code ENOTFOUND\n  npm error network no such host\n' +
      'The npm registry cannot be reached. Check the network and the proxy (`npm config get registry`, `npm config get proxy`) and run the same command again.\n',
  );
  expect(existsSync(path.join(root, 'node_modules/.podwire-node'))).toBe(false);
});

test('files that npm could not unpack are no installation, though it ends well', async () => {
  const full = 'npm warn tar TAR_ENTRY_ERROR ENOSPC: no space left on device, write';
  program('npm', `${NPM}\necho "npm warn deprecated a"\necho "${full}" >&2\necho "${full}" >&2`);
  const { status, stderr } = await run('podwire');
  expect(status).toBe(3);
  expect(stderr).toBe(
    "Installing Podwire's dependencies (once)...\n" +
      `Could not install Podwire's dependencies: \`npm install\` in ${root} ended with status 0, saying:\n` +
      `  ${full}\nThe disk is full. Make room (about 700 MB) and run the same command again.\n`,
  );
  expect(existsSync(path.join(root, 'node_modules'))).toBe(false);
  program('npm', NPM);
  expect((await run('podwire')).stdout).toBe('podwire\n');
});

test('a machine without npm is told where to get it', async () => {
  rmSync(path.join(bin, 'npm'));
  expect((await run('podwire')).stderr).toBe(
    "Installing Podwire's dependencies (once)...\n" +
      "Could not install Podwire's dependencies: there is no `npm` on the PATH.\n" +
      'It comes with Node from https://nodejs.org (on Debian and Ubuntu: sudo apt-get install npm). Install it and run the same command again.\n',
  );
});

test('a machine without Node is told where to get it', async () => {
  rmSync(path.join(bin, 'node'));
  expect(await run('podwire')).toEqual({
    status: 3,
    stdout: '',
    stderr:
      'Podwire needs Node 20 or newer to begin with, and there is no `node` on the PATH.\n' +
      'Install it from https://nodejs.org (on Debian and Ubuntu: sudo apt-get install nodejs npm) and run the same command again.\n',
  });
});

describe('on an old Node', () => {
  const carried = `node-${process.platform}-${process.arch}`;

  /** A `node` that runs on the real one and says that it is 20. */
  beforeEach(() => {
    writeFileSync(
      path.join(root, 'old.mjs'),
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });\n" +
        "Object.defineProperty(process, 'version', { value: 'v20.1.0' });\n",
    );
    program('node', `#!/bin/sh\nexec '${process.execPath}' --import '${path.join(root, 'old.mjs')}' "$@"`);
  });

  test('the one that npm carries is installed and used', async () => {
    const version = process.versions.node;
    writeFileSync(
      path.join(root, 'harness/runtime/package.json'),
      JSON.stringify({ optionalDependencies: { [carried]: version } }),
    );
    program(
      'npm',
      `${NPM}\ncase $PWD in */runtime) mkdir -p node_modules/${carried}/bin; ln -s '${process.execPath}' node_modules/${carried}/bin/node;; esac`,
    );
    const { stdout, stderr } = await run('podwire', 'x');
    expect(stdout).toBe('podwire x\n');
    expect(stderr).toContain(`Installed Node ${version} in `);
    expect(npmCalls().sort()).toEqual([root, path.join(root, 'harness/runtime')]);
    expect(readFileSync(path.join(root, 'node_modules/.podwire-node'), 'utf8')).toBe(
      `${path.join(root, 'harness/runtime/node_modules', carried, 'bin/node')}\n`,
    );
  });

  test('where npm carries none for the machine, one message says what to install', async () => {
    writeFileSync(path.join(root, 'harness/runtime/package.json'), '{"optionalDependencies": {}}');
    const { status, stderr } = await run('podwire');
    expect(status).toBe(3);
    expect(stderr).toContain(
      `Podwire runs on Node 24 or newer. \`node\` on the PATH is v20.1.0 (${realpathSync(process.execPath)}), ` +
        `and there is none to be had from npm for ${process.platform} on ${process.arch}.\n` +
        'Install Node 24 or newer from https://nodejs.org and run the same command again.\n',
    );
  });
});

function readLock(): string[] {
  const file = path.join(root, '.cache/set-up.lock');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 5000; !holds(); ) {
    if (Date.now() > deadline) throw new Error('It did not come about within 5 s.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
