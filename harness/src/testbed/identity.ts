/** Which testbed is meant: a lab, and a seed where the plan is not the canonical one. */
import { createHash, randomBytes } from 'node:crypto';
import type { AddressPlan } from '../topology/plan.ts';
import type { Topology } from '../topology/topology.ts';
import { LABEL } from './containers.ts';
import { describeProcess } from './owner.ts';

export interface TestbedIdentity {
  /** Unique on the engine; part of every container's name: `lab03`, `lab03-alice-5f1c`. */
  readonly id: string;
  readonly lab: string;
  readonly seed: string | null;
  /** Ends with the process that made it (tests, grading). */
  readonly ephemeral: boolean;
}

/** The testbed that a learner means by a lab and a seed. */
export function learnersTestbed(lab: string, seed: string | null): TestbedIdentity {
  if (seed === null) return { id: `lab${lab}`, lab, seed, ephemeral: false };
  const readable = seed
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 20);
  const exact = createHash('sha256').update(seed).digest('hex').slice(0, 6);
  return { id: `lab${lab}-${readable}-${exact}`, lab, seed, ephemeral: false };
}

/** A testbed of its own, swept when this process is dead. */
export function ephemeralTestbed(lab: string, seed: string | null = null): TestbedIdentity {
  return { id: `lab${lab}-x${randomBytes(4).toString('hex')}`, lab, seed, ephemeral: true };
}

export function labelsOf(identity: TestbedIdentity, fingerprint: string): Record<string, string> {
  return {
    [LABEL.lab]: identity.lab,
    [LABEL.testbed]: identity.id,
    [LABEL.fingerprint]: fingerprint,
    [LABEL.builder]: describeProcess(),
    ...(identity.seed === null ? {} : { [LABEL.seed]: identity.seed }),
    ...(identity.ephemeral ? { [LABEL.owner]: describeProcess() } : {}),
  };
}

/** The words that name a testbed on a command line: `03`, or `03 --seed alice`, quoted where a shell wants it. */
export function commandWords({ lab, seed }: Pick<TestbedIdentity, 'lab' | 'seed'>): string {
  if (seed === null) return lab;
  const isPlain = /^[\w./:@%+-]+$/.test(seed);
  return `${lab} --seed ${isPlain ? seed : `'${seed.replaceAll("'", "'\\''")}'`}`;
}

/** Changes when a testbed of the same name would come out otherwise. */
export function fingerprintOf(madeFrom: {
  readonly topology: Topology;
  readonly plan: AddressPlan;
  readonly image: string;
  readonly start?: unknown;
}): string {
  const { topology, plan, image, start } = madeFrom;
  return createHash('sha256')
    .update(JSON.stringify([topology, plan, image, start]))
    .digest('hex')
    .slice(0, 16);
}
