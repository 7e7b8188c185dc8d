/** A testbed whose session broke: started over by somebody else, or gone. */
import { setTimeout as delay } from 'node:timers/promises';
import { TestbedError } from '../errors.ts';
import type { AddressPlan } from '../topology/plan.ts';
import type { Docker } from './docker.ts';
import type { TestbedIdentity } from './identity.ts';
import { findTestbed } from './inventory.ts';
import { openTestbed, type Testbed } from './testbed.ts';

/** Starting over takes a second; on a machine that is busy with a class, much longer. */
const WITHIN_MS = 60_000;
/** A testbed that is being removed is listed as one that stands until it is gone. */
const GONE_WITHIN_MS = 5_000;
const LOOK_AGAIN_MS = 50;

/** Opens it once it stands again. Null when it does not: nobody makes it. */
export async function reopenTestbed(
  docker: Docker,
  identity: TestbedIdentity,
  plan: AddressPlan,
): Promise<Testbed | null> {
  const began = performance.now();
  for (;;) {
    const found = await findTestbed(docker, identity.id);
    const waited = performance.now() - began;
    if (found?.state === 'ready') {
      try {
        return await openTestbed(docker, identity, plan);
      } catch (error) {
        if (!(error instanceof TestbedError) || waited > GONE_WITHIN_MS) throw error;
      }
    } else if (found?.state !== 'building' || waited > WITHIN_MS) return null;
    await delay(LOOK_AGAIN_MS);
  }
}
