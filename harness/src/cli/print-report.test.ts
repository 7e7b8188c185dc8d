import type { Reached } from '../probes/reached.ts';
import { drawMatrix } from './print-report.ts';

const plain = (_style: unknown, text: string) => text;
const seen = (way: Reached['way'], ...hosts: string[]): Reached => ({
  way,
  seenAs: hosts.map((host, index) => ({ address: `192.168.56.${index}`, host })),
});

test('the table says as whom one was seen: itself, one node, or several', () => {
  const rows = [
    { from: 'pod/a', cells: [seen('self'), seen('own', 'pod/a'), seen('node', 'node1', 'node1')] },
    { from: 'node1', cells: [seen('node', 'node1', 'node2'), seen('refused'), seen('no')] },
  ];
  const [head, ...lines] = drawMatrix({ columns: ['a', 'web', 'web@node1'], rows }, plain);
  expect([head, ...lines.slice(0, 2)]).toEqual([
    '  asks   a      web      web@node1',
    '  pod/a  .      own      node1',
    '  node1  nodes  refused  no',
  ]);
});
