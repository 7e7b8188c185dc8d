/** On what a verdict rests: the commands, the plan, the lab, the harness and the image. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { LoadedLab } from '../lab/load-lab.ts';
import type { Task } from './grade-all.ts';
import { digestOf } from './submissions/submission.ts';

/** Another key, another verdict. */
export type VerdictKey = (
  task: Task,
  circumstances: { readonly image: string; readonly timeLimitMs: number },
) => string;

export async function verdictKeys(lab: LoadedLab): Promise<VerdictKey> {
  const [labDigest, harnessDigest] = await Promise.all([digestOfLab(lab), digestOfHarness()]);
  return ({ submission, plan }, { image, timeLimitMs }) =>
    createHash('sha256')
      .update(JSON.stringify([digestOf(submission), plan, labDigest, harnessDigest, image, timeLimitMs]))
      .digest('hex')
      .slice(0, 16);
}

/** Checks, guide and start of the lab: a verdict of another version of it is no verdict of this one. */
async function digestOfLab({ directory, topology, start }: LoadedLab): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([topology, start]));
  const files = (await readdir(directory))
    .filter((name) => name.endsWith('.ts') || name.endsWith('.md'))
    .sort();
  for (const name of files) hash.update(name).update(await readFile(path.join(directory, name)));
  return hash.digest('hex').slice(0, 16);
}

/** What sends probes, finds causes and gives verdicts. */
async function digestOfHarness(): Promise<string> {
  const hash = createHash('sha256');
  const names = await readdir(HARNESS, { recursive: true });
  const sources = names.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts')).sort();
  for (const name of sources) hash.update(name).update(await readFile(path.join(HARNESS, name)));
  return hash.digest('hex').slice(0, 16);
}

const HARNESS = path.resolve(import.meta.dirname, '..');
