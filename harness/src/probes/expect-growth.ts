/** What must be true of pods that are not there yet: whoever comes later is reached as the others are. */
import { expectRoomForRemotePod } from './expect-between-nodes.ts';
import type { Network } from './network.ts';
import { CheckFailure } from './symptom.ts';

/**
 * As {@link expectRoomForRemotePod}, where the pods of the neighbour's node are plugged into a bridge. Where each pod
 * has a route of its own instead, plugging one in is the work of a CNI plugin, and nothing is there to be asked.
 */
export async function expectRoomAtBridge(network: Network, neighbour: string, remote: string): Promise<void> {
  try {
    await expectRoomForRemotePod(network, neighbour, remote);
  } catch (error) {
    if (error instanceof CheckFailure && error.symptom.kind === 'no-bridge') return;
    throw error;
  }
}
