/** A pod that a symptom is about, and that has no network namespace: nothing can be read in it. */
import { readInterfaces } from '../probes/kernel-state.ts';
import type { NamedCause, Symptom } from '../probes/symptom.ts';
import type { Host } from '../testbed/host.ts';
import { RefusedError } from '../testbed/session.ts';
import { cause, Evidence } from './evidence.ts';

/**
 * Asks for a cause; a pod that is gone is the first one, and no error of ours.
 *
 * @throws whatever else goes wrong.
 */
export async function orWithoutNamespace(
  evidence: Evidence,
  symptom: Symptom,
  find: () => Promise<NamedCause | null>,
): Promise<NamedCause | null> {
  const gone = await findWithoutNamespace(evidence, hostsOf(symptom));
  if (gone) return gone;
  try {
    return await find();
  } catch (error) {
    // It went while it was looked at.
    const since = isWithout(error) ? await findWithoutNamespace(new Evidence(evidence.testbed), hostsOf(symptom)) : null; // biome-ignore format: one question
    if (since) return since;
    throw error;
  }
}

async function findWithoutNamespace(evidence: Evidence, hosts: readonly Host[]): Promise<NamedCause | null> {
  for (const host of hosts) {
    if (host.pod === '' || (await evidence.interfaces(host)).length > 0) continue;
    const error = await readInterfaces(evidence.testbed, host).then(
      () => null,
      (found: unknown) => found,
    );
    if (!isWithout(error)) continue;
    const text = `there is no network namespace /run/netns/${host.pod} in ${host.node}`;
    return cause('no-namespace', host, text);
  }
  return null;
}

function isWithout(error: unknown): boolean {
  return error instanceof RefusedError && error.reason === 'no-namespace';
}

function hostsOf(symptom: Symptom): Host[] {
  return Object.values(symptom).flatMap((value: unknown) =>
    value !== null && typeof value === 'object' && 'node' in value && 'pod' in value ? [value as Host] : [],
  );
}
