/** A node's way to its own pods: there is one, so no other interface claims their addresses. */
import type { Host } from '../testbed/host.ts';
import { readDevicesTo } from './kernel-state.ts';
import type { Network } from './network.ts';
import { CheckFailure } from './symptom.ts';

/**
 * Of two routes to one range with one metric the kernel takes the one that came first. A tunnel end with the mask of the
 * bridge works until the bridge is set down and up again: from then on the node looks for its own pods in the tunnel.
 */
export async function expectOwnRange({ testbed, plan }: Network, node: string): Promise<void> {
  const host: Host = { node, pod: '' };
  const cidr = plan.nodes[node]?.podCidr ?? '';
  const devices = await readDevicesTo(testbed, host, cidr);
  if (devices.length <= 1) return;
  const text = `${node} has equal routes to its own pods, ${cidr}, by ${devices.join(' and by ')}: the one that came first counts`;
  const named = { id: 'subnet-clash', where: node, text };
  const symptom = { kind: 'no-bridge', host } as const;
  throw new CheckFailure(`one way from ${node} to its own pods`, devices.join(', '), symptom, named);
}
