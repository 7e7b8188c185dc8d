/** A running topology: the session with its fabric, and its hosts as places to run commands. */
import { TestbedError } from '../errors.ts';
import type { AddressPlan } from '../topology/plan.ts';
import { type AppState, standApps } from './apps.ts';
import { LABEL, statusOf } from './containers.ts';
import type { Docker } from './docker.ts';
import type { Trials } from './features.ts';
import { findHost, type Host } from './host.ts';
import { commandWords, type TestbedIdentity } from './identity.ts';
import { type FoundTestbed, findTestbed } from './inventory.ts';
import { askMemory, type NodeInits } from './node-init.ts';
import { FabricSession, type Finished, type Job, type Place, type RunOptions } from './session.ts';

const LEARNER_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export class Testbed {
  readonly identity: TestbedIdentity;
  readonly plan: AddressPlan;
  readonly session: FabricSession;
  /** What was tried of its kernel (features.ts). */
  readonly trials: Trials = new Map();
  readonly inits: NodeInits;
  readonly #ahead: boolean;

  constructor(
    identity: TestbedIdentity,
    plan: AddressPlan,
    session: FabricSession,
    inits: NodeInits,
    ahead = false,
  ) {
    this.identity = identity;
    this.plan = plan;
    this.session = session;
    this.inits = inits;
    this.#ahead = ahead;
  }

  /** The same testbed, whose programs get the processor before all others but servers: for who has waited already. */
  ahead(): Testbed {
    return new Testbed(this.identity, this.plan, this.session, this.inits, true);
  }

  host(name: string): Host {
    return findHost(this.plan, name);
  }

  /** Runs one of the fabric's own programs in the network namespace of a host. */
  probe(host: Host, argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.session.run(this.#place('network', host), argv, { ahead: this.#ahead, ...options });
  }

  /** Starts one of the fabric's own programs in the network namespace of a host. */
  startProbe(host: Host, argv: readonly string[], options: RunOptions = {}): Job {
    return this.session.start(this.#place('network', host), argv, { ahead: this.#ahead, ...options });
  }

  /** Runs a program in the fabric itself. */
  runInFabric(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.session.run({ kind: 'fabric' }, argv, { ahead: this.#ahead, ...options });
  }

  /** Starts a program in the fabric itself. */
  startInFabric(argv: readonly string[], options: RunOptions = {}): Job {
    return this.session.start({ kind: 'fabric' }, argv, { ahead: this.#ahead, ...options });
  }

  /** Runs a learner's command in the world of a node, or in a pod of it, with the plan in its environment. */
  runAsLearner(host: Host, argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const env = { ...learnerEnvironment(this.plan, host), ...options.env };
    return this.session.run(this.#place('world', host), argv, { ...options, env });
  }

  /** Sees to it that the plan's servers stand, and says how each does, by the name of its host. */
  standApps(): Promise<Map<string, AppState>> {
    return standApps(this.session, this.plan, this.inits);
  }

  /** The pid of a node container's init, as the engine's host numbers it. */
  initOf(node: string): number {
    const init = this.inits[node];
    if (init === undefined)
      throw new TestbedError(`There is no node "${node}" in testbed ${this.identity.id}.`);
    return init;
  }

  get nodes(): readonly string[] {
    return Object.keys(this.inits);
  }

  get pods(): readonly string[] {
    return Object.keys(this.plan.pods);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.close();
  }

  #place(kind: 'network' | 'world', host: Host): Place {
    return { kind, init: this.initOf(host.node), pod: host.pod };
  }
}

/**
 * What every shell, guide command and answer sees: the plan, where it is, and the plan's words for "here":
 * `$NODE_IP`, `$POD_CIDR`, `$POD_GATEWAY`, `$PODS` on a node, `$POD_IP` and `$POD_GATEWAY` in a pod. Commands that
 * use only these do the same on every node.
 */
export function learnerEnvironment(plan: AddressPlan, host: Host): Record<string, string> {
  return {
    PATH: LEARNER_PATH,
    HOME: '/root',
    PODWIRE_HOST: host.pod ? `pod/${host.pod}` : host.node,
    PODWIRE_NODE: host.node,
    ...plan.variables,
    ...variablesOfHere(plan, host),
  };
}

function variablesOfHere(plan: AddressPlan, host: Host): Record<string, string> {
  const { interfaces = {}, podCidr, podGateway } = plan.nodes[host.node] ?? {};
  const gateway = podGateway ? { POD_GATEWAY: podGateway } : {};
  if (host.pod) return { POD_IP: plan.pods[host.pod]?.address ?? '', ...gateway };
  const pods = Object.keys(plan.pods).filter((pod) => plan.pods[pod]?.node === host.node);
  return {
    NODE_IP: Object.values(interfaces)[0]?.address ?? '',
    ...(podCidr ? { POD_CIDR: podCidr, PODS: pods.join(' ') } : {}),
    ...gateway,
  };
}

/**
 * Opens the session with a testbed that stands.
 *
 * @throws {TestbedError} when it does not stand, or a node was restarted and lost what was built in it.
 */
export async function openTestbed(
  docker: Docker,
  identity: TestbedIdentity,
  plan: AddressPlan,
): Promise<Testbed> {
  const found = await findTestbed(docker, identity.id);
  const words = commandWords(identity);
  if (!found || found.state === 'abandoned' || !found.fabric) {
    throw new TestbedError(`Lab ${identity.lab} is not open. Open it with: npx podwire up ${words}`);
  }
  if (found.state === 'building') {
    throw new TestbedError(`Lab ${identity.lab} is being opened by another command. Try again in a moment.`);
  }
  if (found.state === 'stopped') throw new LostStateError(describeLoss(found), words);
  let opened: Testbed | undefined;
  try {
    const testbed = await openSession(docker, identity, plan, found);
    opened = testbed;
    const memories = await Promise.all(
      testbed.nodes.map(async (node) => [node, await askMemory(testbed.session, node, testbed.initOf(node))]),
    );
    const restarted = memories.flatMap(([node, memory]) => (memory === 'wired' ? [] : [node ?? '']));
    if (restarted.length > 0)
      throw new LostStateError(lossText(found.lab, restarted, 'was restarted'), words);
    return testbed;
  } catch (error) {
    await opened?.session.close();
    throw await asLoss(docker, found, words, error);
  }
}

/** Opens the session without asking whether the nodes are wired: they may be about to be. */
export async function openSession(
  docker: Docker,
  identity: TestbedIdentity,
  plan: AddressPlan,
  found: {
    readonly fabric: { readonly Id: string } | null;
    readonly nodes: Readonly<Record<string, { readonly Id: string }>>;
  },
): Promise<Testbed> {
  if (!found.fabric) throw new TestbedError(`Testbed ${identity.id} has no fabric.`);
  // Both settle before a failure is reported: a rejection that nobody awaits yet would end the process.
  const [opening, inits] = await Promise.allSettled([
    FabricSession.open(docker, found.fabric.Id),
    initsOf(docker, found.nodes),
  ]);
  if (opening.status === 'rejected') throw opening.reason;
  if (inits.status === 'rejected') {
    await opening.value.close();
    throw inits.reason;
  }
  return new Testbed(identity, plan, opening.value, inits.value);
}

async function initsOf(
  docker: Docker,
  nodes: Readonly<Record<string, { readonly Id: string }>>,
): Promise<NodeInits> {
  const entries = Object.entries(nodes).map(async ([name, { Id }]) => {
    const { State } = await docker.getContainer(Id).inspect();
    return [name, State.Pid] as const;
  });
  return Object.fromEntries((await Promise.all(entries)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The engine is the last to learn that a container’s first process has ended; on a busy machine it takes seconds. */
const ENGINE_LEARNS_WITHIN_MS = 4_000;

/**
 * A testbed that was listed as running may be gone when it is used: somebody removes it, or its processes
 * died. Then whatever failed in it failed for that, and it is lost like one that was found stopped.
 *
 * @returns a {@link LostStateError} in place of the error, when a container of the testbed does not run.
 */
export async function asLoss(
  docker: Docker,
  { lab, fabric, nodes }: FoundTestbed,
  words: string,
  error: unknown,
): Promise<unknown> {
  if (error instanceof LostStateError) return error;
  const parts = [...Object.entries(nodes), ...(fabric ? [['the fabric', fabric] as const] : [])];
  const looking = new AbortController();
  const timer = setTimeout(() => looking.abort(), ENGINE_LEARNS_WITHIN_MS);
  const looks = parts.map(async ([name, { Id }]) => {
    try {
      await docker.getContainer(Id).wait({ condition: 'not-running', abortSignal: looking.signal });
    } catch (failure) {
      if (statusOf(failure) !== 404) throw failure;
    }
    return name;
  });
  try {
    return new LostStateError(lossText(lab, [await Promise.any(looks)], 'stopped'), words, error);
  } catch {
    return error;
  } finally {
    clearTimeout(timer);
    looking.abort();
  }
}

/** A testbed whose containers ended or began anew since it was made. */
export class LostStateError extends TestbedError {
  override name = 'LostStateError';
  readonly loss: string;

  constructor(loss: string, words: string, cause?: unknown) {
    super(`${loss} Start over with: npx podwire reset ${words}`, { cause });
    this.loss = loss;
  }
}

/** What became of a testbed that no longer runs whole. */
export function describeLoss({ lab, fabric, nodes, containers }: FoundTestbed): string {
  const expected = (fabric?.Labels[LABEL.nodes] ?? '').split(',').filter(Boolean);
  const removed = expected.filter((node) => !nodes[node]);
  const stopped = containers.filter(({ State }) => State !== 'running');
  const names = stopped.map(({ Labels }) => Labels[LABEL.node] ?? 'the fabric').sort();
  return names.length > 0 ? lossText(lab, names, 'stopped') : lossText(lab, removed, 'was removed');
}

function lossText(lab: string, names: readonly string[], what: string): string {
  return `Lab ${lab} lost its state: ${names.join(', ')} ${what}, and namespaces made by hand do not outlive that.`;
}
