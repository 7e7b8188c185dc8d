// The dependencies of package-lock.json, in node_modules.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { npmInstall } from './npm.mjs';

/**
 * Installs the dependencies unless node_modules holds them already.
 *
 * @param {string} root the workbook
 * @param {{addCompanion(pid: number): void}} lock
 */
export async function installDependencies(root, lock) {
  while (!dependenciesMatch(root)) {
    const wanted = readFileSync(path.join(root, 'package-lock.json'), 'utf8');
    await npmInstall(root, { what: "Podwire's dependencies", lock });
    // A `git pull` in the meantime changes what is wanted.
    if (readFileSync(path.join(root, 'package-lock.json'), 'utf8') === wanted) return;
  }
}

/**
 * Whether node_modules holds what package-lock.json wants. npm writes down what it has installed in
 * node_modules/.package-lock.json, when all of it is there.
 */
export function dependenciesMatch(root) {
  const wanted = readLock(path.join(root, 'package-lock.json'));
  const installed = readLock(path.join(root, 'node_modules/.package-lock.json'));
  if (!wanted || !installed) return false;
  return Object.entries(wanted.packages).every(([place, entry]) => {
    if (!place.startsWith('node_modules/')) return true;
    const found = installed.packages[place];
    // Optional ones are left out where they don't fit the machine.
    if (!found) return entry.optional === true || entry.devOptional === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}
