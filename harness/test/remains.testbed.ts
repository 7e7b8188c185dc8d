/** What a builder left that died: never taken for a testbed that stands, and never removed when it does stand. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { TestbedError } from '../src/errors.ts';
import { WORKBOOK } from '../src/lab/load-lab.ts';
import { prepare } from '../src/setup/prepare.ts';
import { stderrTerminal } from '../src/setup/terminal.ts';
import { clearAway, sweep } from '../src/testbed/clear-away.ts';
import {
  containerName,
  fabricOptions,
  LABEL,
  listContainers,
  nodeOptions,
  removeContainer,
  rightOptions,
} from '../src/testbed/containers.ts';
import { labelsOf, learnersTestbed } from '../src/testbed/identity.ts';
import { BUILDING, CLEARING, FABRIC, type FoundTestbed, findTestbed } from '../src/testbed/inventory.ts';
import { describeProcess } from '../src/testbed/owner.ts';
import { LostStateError, openSession, openTestbed } from '../src/testbed/testbed.ts';
import { type Blueprint, bringUp, reset } from '../src/testbed/up.ts';
import { planAddresses } from '../src/topology/plan.ts';
import { readTopology } from '../src/topology/read-topology.ts';
import { containersOf } from './observe.ts';

const { docker, image } = await prepare(stderrTerminal());
const topology = await readTopology(path.join(WORKBOOK, 'topologies/one-node.yaml'));
const deadProcess = await describeDeadProcess();

async function describeDeadProcess(): Promise<string> {
  const child = spawn('sleep', ['1000']);
  const described = describeProcess(child.pid);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return described;
}

/** A learner's testbed that stands: it outlives whoever made it, so only its right says that one died. */
async function standing(): Promise<{ blueprint: Blueprint; id: string } & AsyncDisposable> {
  const seed = `remains-${randomBytes(4).toString('hex')}`;
  const identity = learnersTestbed('00', seed);
  const blueprint = { identity, topology, plan: planAddresses(topology, seed), image, start: [] };
  const [testbed] = await bringUp(docker, blueprint);
  await testbed.session.close();
  return {
    blueprint,
    id: identity.id,
    [Symbol.asyncDispose]: async () => {
      const containers = await listContainers(docker, { [LABEL.testbed]: identity.id });
      await Promise.all(containers.map(({ Id }) => removeContainer(docker, Id)));
    },
  };
}

/** The right that a process, a dead one unless another is named, did not give back. */
async function leaveRight({ identity }: Blueprint, part = BUILDING, builder = deadProcess): Promise<string> {
  const labels = { ...labelsOf(identity, ''), [LABEL.builder]: builder };
  const right = await docker.createContainer({
    name: containerName(identity.id, part),
    ...rightOptions(image, labels),
  });
  return right.id;
}

async function find(id: string): Promise<FoundTestbed> {
  const found = await findTestbed(docker, id);
  if (!found) throw new Error(`testbed ${id} is not there`);
  return found;
}

test.concurrent('is at no moment of its removal taken for a testbed that stands', async () => {
  await using remains = await standing();
  await leaveRight(remains.blueprint);
  expect((await find(remains.id)).state).toBe('abandoned');
  const seen = new Set<string | undefined>();
  let cleared = false;
  const clearing = sweep(docker).finally(() => {
    cleared = true;
  });
  while (!cleared) seen.add((await findTestbed(docker, remains.id))?.state);
  await clearing;
  expect([...seen]).not.toContain('ready');
  expect([...seen]).not.toContain('stopped');
  expect(await containersOf(docker, remains.id)).toEqual([]);
});

// In the next two the right is a living process's, so that no command of another test clears it away meanwhile.
test.concurrent('is left alone when the dead builder’s last request made it stand', async () => {
  await using remains = await standing();
  const right = await leaveRight(remains.blueprint, BUILDING, describeProcess());
  const found = await find(remains.id);
  await removeContainer(docker, right); // as the engine does when it comes to that request
  expect(await clearAway(docker, found)).toBe(false);
  const after = await find(remains.id);
  expect(after.state).toBe('ready');
  expect(after.fabric?.Id).toBe(found.fabric?.Id);
});

test.concurrent('goes whole when it had more than at the first look', async () => {
  await using remains = await standing();
  await leaveRight(remains.blueprint, BUILDING, describeProcess());
  const found = await find(remains.id);
  const earlier = found.containers.filter(({ Labels }) => Labels[LABEL.role] === 'right');
  expect(await clearAway(docker, { ...found, containers: earlier })).toBe(true);
  expect(await containersOf(docker, remains.id)).toEqual([]);
});

test.concurrent('is cleared away by one of many, and the others wait for it', async () => {
  await using remains = await standing();
  await leaveRight(remains.blueprint);
  const found = await find(remains.id);
  const [first, second, [testbed, stood]] = await Promise.all([
    clearAway(docker, found),
    clearAway(docker, found),
    bringUp(docker, remains.blueprint),
  ]);
  await testbed.session.close();
  expect(first && second).toBe(false);
  expect(stood).toBe(false);
  expect((await find(remains.id)).state).toBe('ready');
});

test.concurrent('goes even when whoever began to clear it away died too', async () => {
  await using remains = await standing();
  await leaveRight(remains.blueprint, CLEARING);
  expect((await find(remains.id)).state).toBe('abandoned');
  const [testbed, stood] = await bringUp(docker, remains.blueprint);
  await testbed.session.close();
  expect(stood).toBe(false);
  expect((await find(remains.id)).state).toBe('ready');
});

test.concurrent('is known when the engine made it after its builder’s death', async () => {
  await using remains = await standing();
  const { identity } = remains.blueprint;
  await Promise.all((await find(remains.id)).containers.map(({ Id }) => removeContainer(docker, Id)));
  const labels = { ...labelsOf(identity, ''), [LABEL.builder]: deadProcess };
  await docker.createContainer({
    name: containerName(identity.id, FABRIC),
    ...fabricOptions(image, { ...labels, [LABEL.nodes]: 'node1' }),
  });
  await docker.createContainer({
    name: containerName(identity.id, 'node1'),
    ...nodeOptions(image, 'node1', labels),
  });
  expect((await find(remains.id)).state).toBe('abandoned');
  await sweep(docker);
  expect(await containersOf(docker, remains.id)).toEqual([]);
});

describe('a testbed that ends while it is opened', () => {
  test.concurrent.each([FABRIC, 'node1'])(
    'is lost when %s goes, whenever that is, and can be made again',
    async (part) => {
      await using started = await standing();
      const { identity, plan } = started.blueprint;
      const name = containerName(identity.id, part);
      for (const afterMs of [0, 5, 10, 20, 40]) {
        const killing = new Promise((resolve) => setTimeout(resolve, afterMs)).then(() =>
          docker.getContainer(name).kill(),
        );
        const [outcome] = await Promise.all([
          openTestbed(docker, identity, plan).then(
            (testbed) => testbed.session.close(),
            (error: unknown) => error,
          ),
          killing,
        ]);
        if (outcome !== undefined) expect(outcome).toBeInstanceOf(LostStateError);
        await using _again = await reset(docker, started.blueprint);
      }
    },
  );

  test.concurrent('tells what the engine said as an error of ours', async () => {
    await using started = await standing();
    const { identity, plan } = started.blueprint;
    const found = await find(started.id);
    await docker.getContainer(containerName(identity.id, FABRIC)).kill();
    const error = await openSession(docker, identity, plan, found).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TestbedError);
    expect((error as Error).message).toMatch(
      /^Could not begin a command in a container: the Docker engine answered 409, saying: Container \w+ is not running$/,
    );
  });
});
