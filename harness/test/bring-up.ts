/**
 * Brings a testbed up and ends, for tests that need a second process: bring-up ID TOPOLOGY [hold]
 * With `hold` the testbed is that of this process, which then waits to be killed.
 */
import path from 'node:path';
import { WORKBOOK } from '../src/lab/load-lab.ts';
import { prepare } from '../src/setup/prepare.ts';
import { stderrTerminal } from '../src/setup/terminal.ts';
import { bringUp } from '../src/testbed/up.ts';
import { planAddresses } from '../src/topology/plan.ts';
import { readTopology } from '../src/topology/read-topology.ts';

const [id = '', topologyName = '', hold] = process.argv.slice(2);
const topology = await readTopology(path.join(WORKBOOK, 'topologies', `${topologyName}.yaml`));
const { docker, image } = await prepare(stderrTerminal());
const identity = { id, lab: '00', seed: null, ephemeral: hold !== undefined };
const [testbed, stood] = await bringUp(docker, {
  identity,
  topology,
  plan: planAddresses(topology, null),
  image,
  start: [],
});
process.stdout.write(`${stood ? 'stood' : 'made'}\n`);
if (hold === undefined) await testbed.session.close();
