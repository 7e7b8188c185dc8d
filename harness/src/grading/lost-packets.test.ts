import { parseLostPackets } from './lost-packets.ts';

const QUEUES = [
  '015e08e6 0000001f 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000',
  '01629470 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000',
];
const NEIGHBOURS = [
  'entries  allocs   destroys lookups  hits     forced_gc_runs unresolved_discards table_fulls',
  '0000005c 000031c2 00003343 0000aacf 0000347a 00000007       00000287            00000100',
  '0000005c 000031be 00002fe1 0000a5e8 000032b8 00000000       000001fe            00000000',
];

test('what the queues of all processors had no room for is added up', () => {
  expect(parseLostPackets([...QUEUES, ''].join('\n'))).toBe(32);
});

test('what the tables of neighbours had no room for is added to it', () => {
  expect(parseLostPackets([...QUEUES, ...NEIGHBOURS, ...NEIGHBOURS].join('\n'))).toBe(32 + 512);
});
