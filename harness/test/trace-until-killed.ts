/** Walks a packet in a testbed of another process and waits to be killed: trace-until-killed IDENTITY SEED FROM TO */
import { walkPacket } from '../src/diagnosis/walk/walk-packet.ts';
import { findLab, loadLab } from '../src/lab/load-lab.ts';
import { prepare } from '../src/setup/prepare.ts';
import { stderrTerminal } from '../src/setup/terminal.ts';
import type { TestbedIdentity } from '../src/testbed/identity.ts';
import { openTestbed } from '../src/testbed/testbed.ts';
import { planAddresses } from '../src/topology/plan.ts';

const [words = '{}', from = '', to = ''] = process.argv.slice(2);
const identity = JSON.parse(words) as TestbedIdentity;
const lab = await loadLab(await findLab(identity.lab));
const { docker } = await prepare(stderrTerminal());
const testbed = await openTestbed(docker, identity, planAddresses(lab.topology, identity.seed));
process.stdout.write('tracing\n');
await walkPacket(testbed, { from, to }, { patienceMs: 60_000 });
