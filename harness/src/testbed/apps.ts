/**
 * The servers that stand in a testbed: endpoints of Services, and hosts outside the cluster. One process in the
 * fabric serves them all (harness/image/agent/apps.c); learners can ask them, and cannot touch them.
 */
import { CommandError } from '../errors.ts';
import type { AddressPlan } from '../topology/plan.ts';
import { findHost } from './host.ts';
import type { NodeInits } from './node-init.ts';
import type { FabricSession } from './session.ts';

/** How a server stands: it serves; its host has no namespace; somebody else listens on one of its ports. */
export type AppState =
  | { readonly kind: 'serves' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'taken'; readonly port: number };

/**
 * Starts the servers of a plan where they do not stand yet, and says how each stands, by the name of its host
 * (`pod/b`, `internet`). A pod whose namespace was made anew gets its server anew.
 */
export async function standApps(
  session: FabricSession,
  plan: AddressPlan,
  inits: NodeInits,
): Promise<Map<string, AppState>> {
  const names = Object.keys(plan.servers);
  if (names.length === 0) return new Map();
  const argv = ['/usr/lib/podwire/agent', 'apps'];
  for (const name of names) {
    const { node, pod } = findHost(plan, name);
    argv.push(`${pod || node}=${inits[node]}/${pod}/${plan.servers[name]?.join(',')}`);
  }
  const { exitCode, stdout, stderr } = await session.run({ kind: 'fabric' }, argv);
  if (exitCode !== 0) throw new CommandError('the fabric', argv, exitCode, stderr);
  const states = stdout.trim().split('\n').map(readState);
  return new Map(names.map((name, index) => [name, states[index] ?? { kind: 'gone' }]));
}

function readState(line: string): AppState {
  const [, what, port] = line.split(' ');
  if (what === 'gone') return { kind: 'gone' };
  return what === 'taken' ? { kind: 'taken', port: Number(port) } : { kind: 'serves' };
}
