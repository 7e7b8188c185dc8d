/** Bounds how many samples of one run are under way at once, where a check asks from every host. */
import { Lanes } from './lanes.ts';
import type { Network } from './network.ts';

/**
 * A sample holds up to 32 connections (harness/image/agent/sample.c), and the calls to node ports have six lanes of their
 * own (call-node-port.ts): of 320 requests at once each is answered long before its patience ends.
 */
const SAMPLES_AT_ONCE = 4;

/** Waits for its turn. What is looked at may not itself wait for a turn. */
export async function inLanes(network: Network, look: () => Promise<void>): Promise<void> {
  const lanes = await network.once('lanes of samples', async () => new Lanes(SAMPLES_AT_ONCE));
  await lanes.run(look);
}
