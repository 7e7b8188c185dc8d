/** Bring-up as a recipe: take the right to build, start containers, wire them, give the right back. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Container, ContainerCreateOptions } from 'dockerode';
import { CommandError, TestbedError } from '../errors.ts';
import type { AddressPlan } from '../topology/plan.ts';
import type { Topology } from '../topology/topology.ts';
import { clearAway, removeTestbed } from './clear-away.ts';
import {
  containerName,
  fabricOptions,
  LABEL,
  listContainers,
  nodeOptions,
  readLog,
  removeContainer,
  rightOptions,
  statusOf,
} from './containers.ts';
import type { Docker } from './docker.ts';
import { engineText } from './engine-error.ts';
import { commandWords, fingerprintOf, labelsOf, type TestbedIdentity } from './identity.ts';
import { BUILDING, FABRIC, type FoundTestbed, findTestbed } from './inventory.ts';
import { asLoss, describeLoss, LostStateError, openSession, openTestbed, Testbed } from './testbed.ts';
import { clearFabric, wire } from './wiring.ts';

export interface Blueprint {
  readonly identity: TestbedIdentity;
  readonly topology: Topology;
  readonly plan: AddressPlan;
  readonly image: string;
  /** Commands that bring the wired testbed to the start of the lab, as the learner would have run them. */
  readonly start?: readonly StartCommands[];
}

export interface StartCommands {
  readonly host: string;
  readonly commands: string;
}

export interface UpOptions {
  readonly signal?: AbortSignal;
  readonly onStep?: (text: string) => void;
  /** A testbed stood, but what was built in it is gone: a new one is made in its place. */
  readonly onLoss?: (text: string) => void;
}

/** Another process is building the same testbed: how long it may take, and how often we look. */
const OTHERS_BUILD_MS = 120_000;
const LOOK_AGAIN_MS = 50;
/** A wait that is longer than a bring-up says what it is for. */
const NAME_HOLDER_AFTER_MS = 3_000;
/** How long the engine may still work on what a dead builder asked for. */
const LATE_REQUEST_MS = 5_000;

/**
 * Makes a testbed stand, or finds it standing. Idempotent; two processes that do it at once end with one
 * testbed. What this call made is removed again when it fails or is aborted.
 *
 * @returns the session with it, and whether it stood before.
 * @throws {TestbedError} when it cannot be made, or stands but was made from something else.
 */
export async function bringUp(
  docker: Docker,
  blueprint: Blueprint,
  options: UpOptions = {},
): Promise<[Testbed, boolean]> {
  const { identity } = blueprint;
  const fingerprint = fingerprintOf(blueprint);
  const started = Date.now();
  for (;;) {
    options.signal?.throwIfAborted();
    const found = await findTestbed(docker, identity.id);
    if (found?.state === 'ready') {
      const testbed = await openStanding(docker, blueprint, fingerprint, found, options);
      if (testbed) return [testbed, true];
    } else if (found && found.state !== 'building') {
      if (found.state === 'stopped') tellLoss(options, describeLoss(found));
      else options.onStep?.(`Removing what is left of an earlier ${identity.id}`);
      await (found.state === 'stopped' ? removeTestbed : clearAway)(docker, found);
    }
    if (found?.state !== 'building') {
      const right = await takeRightToBuild(docker, blueprint, fingerprint);
      const testbed = right && (await buildAlone(docker, blueprint, fingerprint, right, options));
      if (testbed) return [testbed, false];
    }
    const waited = Date.now() - started;
    const holder = containerName(identity.id, BUILDING);
    if (waited > OTHERS_BUILD_MS) {
      throw new TestbedError(
        `Could not open lab ${identity.lab}: another command has been opening it for ${OTHERS_BUILD_MS / 1000} s, ` +
          `as the container ${holder} says. Remove what it made with: npx podwire down ${commandWords(identity)}\n` +
          `If the container is still there, it is not Podwire's: docker rm ${holder}`,
      );
    }
    options.onStep?.(
      waited < NAME_HOLDER_AFTER_MS
        ? 'Waiting for another command that opens the same lab'
        : `Waiting until the container ${holder} is gone: another command opens the same lab`,
    );
    await delay(LOOK_AGAIN_MS);
  }
}

/**
 * Makes a testbed whose name nobody else can have, for a process that it ends with. Its owner lives while it is being
 * made, and so nobody clears it away: it needs no right to build, which would cost two requests of the engine.
 *
 * @throws {TestbedError} when it cannot be made; then nothing is left of it.
 */
export async function makeUnique(
  docker: Docker,
  blueprint: Blueprint,
  options: UpOptions = {},
): Promise<Testbed> {
  options.signal?.throwIfAborted();
  const created: string[] = [];
  return undoing(docker, created, () => build(docker, blueprint, fingerprintOf(blueprint), created, options));
}

/**
 * Restores the starting state: an empty fabric, and a new world in every node. The containers stay; nothing
 * of what was in them does. A testbed that does not stand whole is made anew.
 */
export async function reset(docker: Docker, blueprint: Blueprint, options: UpOptions = {}): Promise<Testbed> {
  options.signal?.throwIfAborted();
  const fingerprint = fingerprintOf(blueprint);
  const found = await findTestbed(docker, blueprint.identity.id);
  if (!found?.fabric || found.state !== 'ready' || found.fingerprint !== fingerprint) {
    if (found && found.state !== 'building' && found.state !== 'abandoned')
      await removeTestbed(docker, found);
    return (await bringUp(docker, blueprint, options))[0];
  }
  const right = await takeRightToBuild(docker, blueprint, fingerprint);
  if (!right) return (await bringUp(docker, blueprint, options))[0];
  const { fabric, nodes } = found;
  right.push(fabric.Id, ...Object.values(nodes).map(({ Id }) => Id));
  try {
    return await undoing(docker, right, async () => {
      try {
        const testbed = await openSession(docker, blueprint.identity, blueprint.plan, { nodes, fabric });
        await beginAgain(docker, blueprint, testbed, options);
        await removeContainer(docker, right[0] ?? '');
        return testbed;
      } catch (error) {
        throw options.signal?.aborted
          ? error
          : await asLoss(docker, found, commandWords(blueprint.identity), error);
      }
    });
  } catch (error) {
    if (!(error instanceof LostStateError)) throw error;
    return (await bringUp(docker, blueprint, options))[0];
  }
}

/**
 * The same for a testbed that nobody else has, with its session kept; `blueprint` may have another plan of the same
 * topology.
 *
 * @throws {TestbedError} when it cannot be done; then the session is closed, and the containers are the caller's to remove.
 */
export async function renew(
  docker: Docker,
  blueprint: Blueprint,
  { session, inits }: Testbed,
): Promise<Testbed> {
  const testbed = new Testbed(blueprint.identity, blueprint.plan, session, inits);
  await beginAgain(docker, blueprint, testbed, {});
  return testbed;
}

/** An empty fabric and a new world in every node, and then what makes a testbed of bare containers. */
async function beginAgain(
  docker: Docker,
  blueprint: Blueprint,
  testbed: Testbed,
  options: UpOptions,
): Promise<void> {
  await Promise.all([
    clearFabric(testbed.session),
    ...testbed.nodes.map((node) => testbed.session.askInit(testbed.initOf(node), 'n')),
  ]);
  await complete(docker, blueprint, testbed, options);
}

/** Null when it had lost its state: then it is removed, and a new one may be made. */
async function openStanding(
  docker: Docker,
  blueprint: Blueprint,
  fingerprint: string,
  found: FoundTestbed,
  options: UpOptions,
): Promise<Testbed | null> {
  const { identity } = blueprint;
  if (found.fingerprint !== fingerprint) {
    throw new TestbedError(
      `Lab ${identity.lab} is open, but was made from another version of its topology or of the node image. ` +
        `Start over with: npx podwire reset ${commandWords(identity)}`,
    );
  }
  try {
    return await openTestbed(docker, identity, blueprint.plan);
  } catch (error) {
    if (!(error instanceof LostStateError)) throw error;
    tellLoss(options, error.loss);
    await removeTestbed(docker, found);
    return null;
  }
}

function tellLoss({ onLoss, onStep }: UpOptions, loss: string): void {
  (onLoss ?? onStep)?.(`${loss} It starts over.`);
}

/**
 * The name of a container is unique on an engine: whoever creates the one under the building name, which is
 * never started, may build. (Renaming the fabric when it is done would be simpler, but Docker 20.10, which
 * is Debian 12's, can hang for good when one container is renamed while another is removed.)
 *
 * @returns the ids that a failure has to remove, this one's first; null when another builds.
 */
async function takeRightToBuild(
  docker: Docker,
  { identity, image }: Blueprint,
  fingerprint: string,
): Promise<string[] | null> {
  try {
    const right = await docker.createContainer({
      name: containerName(identity.id, BUILDING),
      ...rightOptions(image, labelsOf(identity, fingerprint)),
    });
    return [right.id];
  } catch (error) {
    if (statusOf(error) === 409) return null;
    throw new TestbedError(`Could not begin to make lab ${identity.lab}: ${engineText(error)}`, {
      cause: error,
    });
  }
}

/** Null when the right came too late or too early: somebody else has finished, or is still clearing away. */
async function buildAlone(
  docker: Docker,
  blueprint: Blueprint,
  fingerprint: string,
  right: string[],
  options: UpOptions,
): Promise<Testbed | null> {
  const found = await findTestbed(docker, blueprint.identity.id);
  if (found && found.containers.length > 1) {
    await removeContainer(docker, right[0] ?? '');
    return null;
  }
  return undoing(docker, right, async () => {
    const testbed = await build(docker, blueprint, fingerprint, right, options);
    try {
      // Giving it back is what makes the testbed ready.
      await removeContainer(docker, right[0] ?? '');
      return testbed;
    } catch (error) {
      await testbed.session.close();
      throw error;
    }
  });
}

/** Removes the containers in the list when the work fails; the work adds those it creates. */
async function undoing<T>(docker: Docker, created: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // The right, where there is one, goes last: until then nobody else may build under these names.
    const [first, ...others] = created;
    await Promise.all(others.map((id) => removeContainer(docker, id)));
    if (first !== undefined) await removeContainer(docker, first);
    throw error;
  }
}

async function build(
  docker: Docker,
  blueprint: Blueprint,
  fingerprint: string,
  created: string[],
  options: UpOptions,
): Promise<Testbed> {
  const { identity, topology, plan, image } = blueprint;
  const labels = labelsOf(identity, fingerprint);
  const names = Object.keys(topology.nodes);
  options.onStep?.(`Starting ${names.join(', ')}`);
  const start = async (part: string, made: ContainerCreateOptions) => {
    const container = await createNamed(docker, identity, {
      ...made,
      name: containerName(identity.id, part),
    });
    created.push(container.id);
    await container.start();
    return { Id: container.id };
  };
  // All of them settle before a failure is reported, so that the list of what was created is complete.
  const [fabric, ...nodes] = await Promise.allSettled([
    start(FABRIC, fabricOptions(image, { ...labels, [LABEL.nodes]: names.join(',') })),
    ...names.map((name) => start(name, nodeOptions(image, name, labels))),
  ]);
  const ids = [fabric, ...nodes].map((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    throw new TestbedError(
      `Could not start the containers of lab ${identity.lab}: ${engineText(outcome.reason)}`,
      { cause: outcome.reason },
    );
  });
  options.signal?.throwIfAborted();
  const testbed = await openSession(docker, identity, plan, {
    fabric: ids[0] ?? null,
    nodes: Object.fromEntries(names.map((name, index) => [name, ids[index + 1] ?? { Id: '' }])),
  }).catch(async (error: unknown) => {
    throw (await explainDeadNode(docker, identity)) ?? error;
  });
  await complete(docker, blueprint, testbed, options);
  return testbed;
}

/**
 * Creates a container. Whoever has the right to build and finds one of its names taken has met what a dead
 * builder asked of the engine with its last breath: that goes.
 */
async function createNamed(
  docker: Docker,
  identity: TestbedIdentity,
  options: ContainerCreateOptions,
): Promise<Container> {
  const deadline = Date.now() + LATE_REQUEST_MS;
  for (;;) {
    try {
      return await docker.createContainer(options);
    } catch (error) {
      if (statusOf(error) !== 409 || Date.now() > deadline) throw error;
      // The engine reserves a name before it lists the container.
      const ours = await listContainers(docker, { [LABEL.testbed]: identity.id });
      const late = ours.find(({ Names }) => Names.includes(`/${options.name}`));
      if (late) await removeContainer(docker, late.Id);
      else await delay(LOOK_AGAIN_MS);
    }
  }
}

/** Wires the nodes, and runs what the lab begins with. */
async function complete(
  docker: Docker,
  { identity, topology, plan, start = [] }: Blueprint,
  testbed: Testbed,
  options: UpOptions,
): Promise<void> {
  try {
    options.onStep?.('Wiring the testbed');
    await wire(testbed.session, topology, plan, testbed.inits);
    for (const { host, commands } of start) {
      const argv = ['bash', '-e', '-c', commands];
      const { exitCode, stderr } = await testbed.runAsLearner(testbed.host(host), argv);
      if (exitCode !== 0) throw new CommandError(host, [commands.trim()], exitCode, stderr);
      options.signal?.throwIfAborted();
    }
    options.signal?.throwIfAborted();
  } catch (error) {
    await testbed.session.close();
    throw (await explainDeadNode(docker, identity)) ?? error;
  }
}

/** A node whose world cannot be made ends at once, and its log says why. */
async function explainDeadNode(docker: Docker, identity: TestbedIdentity): Promise<TestbedError | null> {
  const nodes = (await findTestbed(docker, identity.id))?.nodes ?? {};
  for (const [name, { Id, State }] of Object.entries(nodes)) {
    if (State !== 'exited') continue;
    const said = await readLog(docker, Id);
    return new TestbedError(
      `${name} ended while it was being made${said ? `, saying: ${said}` : ''}. ` +
        'What this machine can do: npx podwire doctor',
    );
  }
  return null;
}
