/** `podwire status`: what stands on the engine, read from labels alone. */
import { findEngine } from '../../setup/engine.ts';
import { sweep } from '../../testbed/clear-away.ts';
import { commandWords } from '../../testbed/identity.ts';
import { type FoundTestbed, findTestbeds } from '../../testbed/inventory.ts';

function describeState(testbed: FoundTestbed): string {
  switch (testbed.state) {
    case 'ready':
      return 'open';
    case 'building':
      return 'being opened by another command';
    case 'abandoned':
      return 'left by a process that died';
    case 'stopped':
      return `stopped: what was built in it is lost; start over with: npx podwire reset ${commandWords(testbed)}`;
  }
}

export async function status({ json = false }: { readonly json?: boolean }): Promise<number> {
  const docker = await findEngine();
  const swept = await sweep(docker);
  const testbeds = await findTestbeds(docker);
  if (json) {
    const described = testbeds.map(({ id, lab, seed, state, ephemeral, nodes }) => ({
      testbed: id,
      lab,
      seed,
      state,
      ephemeral,
      nodes: Object.keys(nodes).sort(),
    }));
    process.stdout.write(
      `${JSON.stringify({ testbeds: described, swept: swept.map(({ id }) => id) }, null, 2)}\n`,
    );
    return 0;
  }
  for (const { id } of swept) process.stdout.write(`Removed what a process that died had left: ${id}.\n`);
  if (testbeds.length === 0) process.stdout.write('No lab is open. Open one with: npm run lab:03\n');
  for (const testbed of testbeds) {
    const nodes = Object.keys(testbed.nodes).sort().join(', ');
    const use = testbed.ephemeral ? ' (for a test or grading run)' : '';
    process.stdout.write(
      `Lab ${commandWords(testbed).padEnd(20)} ${describeState(testbed)}${use}  ${nodes}\n`,
    );
  }
  return 0;
}
