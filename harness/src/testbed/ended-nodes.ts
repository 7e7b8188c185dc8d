/** Nodes of a testbed that have ended under whoever was in them. */
import type { Docker } from './docker.ts';
import { findTestbed } from './inventory.ts';
import type { Testbed } from './testbed.ts';

export interface EndedNode {
  readonly node: string;
  /**
   * `by-itself`: the first process of its world is gone, which only its learner can end (reboot, kernel out
   * of memory in its own limits). `killed`: something ended its container from outside.
   */
  readonly why: 'memory' | 'by-itself' | 'killed';
}

/** The init's own status when the world has ended under it (harness/image/agent/world.c). */
const WORLD_ENDED = 1;

export async function findEndedNodes(docker: Docker, testbed: Testbed): Promise<EndedNode[]> {
  const found = await findTestbed(docker, testbed.identity.id);
  const ended: EndedNode[] = [];
  for (const node of testbed.nodes) {
    const container = found?.nodes[node];
    if (container?.State === 'running') continue;
    if (!container) {
      ended.push({ node, why: 'killed' });
      continue;
    }
    const { State } = await docker.getContainer(container.Id).inspect();
    const why = State.OOMKilled ? 'memory' : State.ExitCode === WORLD_ENDED ? 'by-itself' : 'killed';
    ended.push({ node, why });
  }
  return ended;
}
