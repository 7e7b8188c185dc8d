/** The parts of the workbook, by the numbers of their labs. */
const PARTS = [
  { last: 10, name: 'I. A cluster network, by hand' },
  { last: 15, name: 'II. Control planes' },
  { last: 23, name: 'III. Other data planes' },
  { last: 30, name: 'IV. Services in depth' },
  { last: 99, name: 'V. Policy, trouble, speed' },
];

/** `number` has two digits: `03`. */
export function partOf(number: string): string {
  return PARTS.find(({ last }) => Number(number) <= last)?.name ?? '';
}
