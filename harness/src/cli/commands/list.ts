/** `podwire list`: the labs, with their part, their minutes and how far the learner has come. */
import { listLabs, readGuide } from '../../lab/load-lab.ts';
import { partOf } from '../../lab/parts.ts';
import { readProgress } from '../../live/progress-file.ts';

export async function list({ json = false }: { readonly json?: boolean }): Promise<number> {
  const [folders, progress] = await Promise.all([listLabs(), readProgress()]);
  const labs = await Promise.all(
    folders.map(async (folder) => {
      const { title, minutes, question } = await readGuide(folder);
      return {
        lab: folder.number,
        title,
        part: partOf(folder.number),
        minutes,
        question,
        progress: progress[folder.number] ?? null,
      };
    }),
  );
  if (json) {
    process.stdout.write(`${JSON.stringify({ labs }, null, 2)}\n`);
    return 0;
  }
  let part = '';
  for (const lab of labs) {
    if (lab.part !== part) process.stdout.write(`Part ${lab.part}\n`);
    part = lab.part;
    const done = lab.progress ? `${lab.progress.passed} of ${lab.progress.total} checks` : 'not begun';
    process.stdout.write(
      `  ${lab.lab}  ${lab.title.padEnd(32)} ${String(lab.minutes).padStart(3)} min  ${done}\n`,
    );
  }
  process.stdout.write('\nOpen one with: npm run lab:03\n');
  return 0;
}
