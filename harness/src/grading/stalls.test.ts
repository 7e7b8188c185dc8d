import type { RunningProcess } from '../probes/left-running.ts';
import { isStalled, mostlyStalled } from './stalls.ts';

const process = (state: string, more: Partial<RunningProcess> = {}): RunningProcess => ({
  node: 'node1',
  command: 'ip',
  state,
  threads: 1,
  older: false,
  ...more,
});

test('who waits in the kernel or for a processor is kept from running; who sleeps has nothing to do', () => {
  expect(isStalled([process('S'), process('D')])).toBe(true);
  expect(isStalled([process('R')])).toBe(true);
  expect(isStalled([process('S', { command: 'ping' }), process('Z')])).toBe(false);
  expect(isStalled([process('D', { older: true })])).toBe(false);
});

test('half of the looks decide, and a few are none', () => {
  expect(mostlyStalled([true, true])).toBe(false);
  expect(mostlyStalled([true, true, false, false])).toBe(true);
  expect(mostlyStalled([true, false, false])).toBe(false);
});
