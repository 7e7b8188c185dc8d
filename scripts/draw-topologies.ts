/** Rewrites the drawing at the top of each topology file. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withDrawing } from '../harness/src/topology/drawing-comment.ts';

const directory = path.resolve(import.meta.dirname, '../topologies');
for (const name of (await readdir(directory)).filter((name) => name.endsWith('.yaml')).sort()) {
  const file = path.join(directory, name);
  const text = await readFile(file, 'utf8');
  const drawn = withDrawing(text, file);
  if (drawn !== text) {
    await writeFile(file, drawn);
    console.log(`drew ${name}`);
  }
}
