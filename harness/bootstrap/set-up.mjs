// The recipe of the bootstrap: under a lock, dependencies and Node side by side, then the stamp.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { installDependencies } from './dependencies.mjs';
import { acquireLock } from './lock.mjs';
import { installRuntime } from './runtime.mjs';
import { SetupError } from './setup-error.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

export async function main() {
  try {
    await setUp(root);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 3;
  }
}

async function setUp(root) {
  const lock = await acquireLock(path.join(root, '.cache/set-up.lock'), (holder) =>
    process.stderr.write(`Another process (${holder}) is setting up Podwire here: waiting for it.\n`),
  ).catch((error) => {
    throw new SetupError(
      `Could not set up Podwire in ${root}: ${error.message}\nMake the folder writable for you and run the same command again.`,
    );
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      lock.endCompanions();
      lock.release();
      process.stderr.write('\nStopped. The same command goes on from here.\n');
      process.exit(130);
    });
  }
  try {
    const [dependencies, node] = await Promise.allSettled([
      installDependencies(root, lock),
      installRuntime(root, lock),
    ]);
    for (const part of [dependencies, node]) if (part.status === 'rejected') throw part.reason;
    writeStamp(path.join(root, 'node_modules/.podwire-node'), node.value);
  } finally {
    lock.release();
  }
}

// By a rename, so that a stamp is whole or not there.
function writeStamp(file, node) {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${node}\n`);
  renameSync(`${file}.new`, file);
}
