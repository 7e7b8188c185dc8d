/** The drawing that each topology file bears in the comment at its top, which is generated from the file. */
import { drawTopology } from './diagram.ts';
import { planAddresses } from './plan.ts';
import { parseTopology } from './read-topology.ts';

const DRAWN_LINE = /^# {3}\S|^# {4,}\S/;

/** The file as it should be: the indented part of its opening comment is its drawing. */
export function withDrawing(text: string, file: string): string {
  const topology = parseTopology(text, file);
  const lines = text.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('#'));
  const comment = lines.slice(0, end).filter((line) => !DRAWN_LINE.test(line));
  while (comment.at(-1) === '#') comment.pop();
  const drawing = drawTopology(topology, planAddresses(topology)).split('\n');
  const drawn = drawing.map((line) => (line ? `#   ${line}` : '#'));
  return [...comment, '#', ...drawn, ...lines.slice(end)].join('\n');
}
