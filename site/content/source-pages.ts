/** Pages for files that texts link to and that are no pages by themselves, so that links work without a network. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

const LANGUAGES: Readonly<Record<string, string>> = {
  '.ts': 'ts',
  '.js': 'ts',
  '.mjs': 'ts',
  '.c': 'c',
  '.h': 'c',
  '.json': 'json',
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.sh': 'sh',
};

export const SOURCE_FOLDER = 'site/.generated/pages/source';

/** @throws when there is no such file: a broken link. */
export async function writeSourcePage(root: string, file: string): Promise<string> {
  const place = path.join(root, file);
  const title = `# \`${file}\``;
  if ((await stat(place)).isDirectory()) {
    const names = (await readdir(place)).filter((name) => !name.startsWith('.') && name !== 'node_modules');
    return [title, '', ...names.sort().map((name) => `- \`${name}\``), ''].join('\n');
  }
  const text = await readFile(place, 'utf8');
  const language =
    LANGUAGES[path.extname(file)] ?? (path.basename(file) === 'Dockerfile' ? 'docker' : 'text');
  const fence = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return [title, '', `${fence}${language}`, text.trimEnd(), fence, ''].join('\n');
}
