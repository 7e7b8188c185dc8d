import { availableParallelism } from 'node:os';
import { findLab, loadLab } from '../lab/load-lab.ts';
import { defaultJobs } from './default-jobs.ts';

test('as many as there are processors, where all their testbeds fit into the free memory, and at least one', async () => {
  const { topology } = await loadLab(await findLab('03'));
  const jobs = defaultJobs(topology);
  expect(jobs).toBeGreaterThanOrEqual(1);
  expect(jobs).toBeLessThanOrEqual(availableParallelism());
  const [name = '', node] = Object.entries(topology.nodes)[0] ?? [];
  if (!node) throw new Error('wanted a node');
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`${name}-${index}`, node]));
  expect(defaultJobs({ ...topology, nodes: many })).toBe(1);
});
