import type { Fault } from '../lab/define-lab.ts';
import { findLab, loadLab, readFaults } from '../lab/load-lab.ts';
import { planAddresses } from '../topology/plan.ts';
import { drawFaults, nodesOf } from './draw-faults.ts';

const lab = await loadLab(await findLab('10'));
const plan = planAddresses(lab.topology);

function fault(id: string, caughtBy: string, ...hosts: string[]): Fault {
  const apply = Object.fromEntries(hosts.map((host) => [host, 'true']));
  return { id, title: id, caughtBy, cause: 'no-route', apply, repair: apply };
}

test('three faults of lab 10 are on three different nodes, whatever is drawn first', async () => {
  const faults = await readFaults(lab);
  for (const first of faults.keys()) {
    const drawn = drawFaults(faults, plan, 3, (most, turn) => (first + 7 * turn) % most);
    expect(new Set(drawn.map(({ caughtBy }) => caughtBy)).size).toBe(3);
    expect(drawn.flatMap((each) => nodesOf(each, plan)).sort()).toEqual(['node1', 'node2', 'node3']);
  }
});

test('one fault alone may be on any nodes', () => {
  const faults = [fault('both', 'a', 'node1', 'node2')];
  expect(drawFaults(faults, plan, 1, () => 0)).toEqual(faults);
});

test('a pod counts as its node, and a node is shared only when nothing is left elsewhere', () => {
  const faults = [
    fault('one', 'a', 'pod/a'),
    fault('two', 'b', 'node1'),
    fault('three', 'c', 'pod/c'),
    fault('four', 'c', 'node3'),
  ];
  const ids = drawFaults(faults, plan, 3, () => 0).map(({ id }) => id);
  expect(ids).toEqual(['one', 'three', 'two']);
});
