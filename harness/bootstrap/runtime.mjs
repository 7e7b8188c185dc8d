// The Node that Podwire runs on: the machine's where it is current, else one that npm carries
// (harness/runtime/package.json).
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { npmInstall } from './npm.mjs';
import { SetupError } from './setup-error.mjs';

/** The first Node that runs our TypeScript as it is. */
const OLDEST_MAJOR = 24;

/**
 * @param {string} root the workbook
 * @param {{addCompanion(pid: number): void}} lock
 * @returns {Promise<string>} the absolute path of a Node that is new enough
 */
export async function installRuntime(root, lock) {
  if (Number(process.versions.node.split('.')[0]) >= OLDEST_MAJOR) return process.execPath;
  const folder = path.join(root, 'harness/runtime');
  const name = `node-${process.platform}-${process.arch}`;
  const { optionalDependencies } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const version = optionalDependencies[name];
  if (!version)
    throw tooOld(`and there is none to be had from npm for ${process.platform} on ${process.arch}`);

  const node = path.join(folder, 'node_modules', name, 'bin/node');
  if (versionOf(node) !== version) await npmInstall(folder, { what: `Node ${version}`, lock });
  const found = versionOf(node);
  if (found !== version) {
    throw tooOld(
      existsSync(node)
        ? `and the one from npm (${node}) does not run on this machine`
        : `and npm installed none at ${node}`,
    );
  }
  return node;
}

function tooOld(why) {
  return new SetupError(
    `Podwire runs on Node ${OLDEST_MAJOR} or newer. \`node\` on the PATH is ${process.version} (${process.execPath}), ${why}.\n` +
      `Install Node ${OLDEST_MAJOR} or newer from https://nodejs.org and run the same command again.`,
  );
}

function versionOf(node) {
  try {
    return execFileSync(node, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .slice(1);
  } catch {
    return null;
  }
}
