/** Setting up that is called off: it ends soon, says whose doing that was, and leaves nothing half made. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { lockFile } from '../src/setup/file-lock.ts';
import { packImageContext } from '../src/setup/image-context.ts';
import { readMachine } from '../src/setup/machine.ts';
import { prepare } from '../src/setup/prepare.ts';
import { runAsRoot } from '../src/setup/root-command.ts';
import { stderrTerminal } from '../src/setup/terminal.ts';
import { buildImage, hasImage, pullImage } from '../src/testbed/images.ts';
import { until } from './observe.ts';

const { docker, image } = await prepare(stderrTerminal());
const enough = new Error('enough');
const folder = mkdtempSync(path.join(tmpdir(), 'podwire-interrupted-'));

afterAll(() => rmSync(folder, { recursive: true }));

test('a build ends with its container, and gives its name to nothing', async () => {
  const controller = new AbortController();
  const reference = 'podwire/test-interrupted:1';
  // The step is known by its command, in the list of the engine's containers.
  const command = `sleep ${100_000 + process.pid}`;
  writeFileSync(path.join(folder, 'Dockerfile'), `FROM ${image}\nENTRYPOINT []\nRUN ${command}\n`);
  const containers = async () =>
    (await docker.listContainers({ all: true })).filter(({ Command }) => Command.includes(command));
  const building = buildImage(docker, {
    tar: packImageContext(folder).tar,
    reference,
    buildArguments: {},
    abortSignal: controller.signal,
  }).catch((error: unknown) => error);
  await until('the step runs', containers, (list) => list.some(({ State }) => State === 'running'));
  controller.abort(enough);
  expect(await building).toMatchObject({ message: expect.any(String) });
  await until('its container is gone', containers, (list) => list.length === 0);
  expect(await hasImage(docker, reference)).toBe(false);
});

test('a pull, a wait for another process and a command as root end with the reason', async () => {
  const aborted = AbortSignal.abort(enough);
  const options = { firstWordMs: 10_000, silenceMs: 10_000, signal: aborted };
  await expect(pullImage(docker, 'podwire.invalid/none:1', options)).rejects.toBe(enough);

  const file = path.join(folder, 'lock');
  const held = await lockFile(file, () => {});
  const waiting = new AbortController();
  await expect(lockFile(file, () => waiting.abort(enough), waiting.signal)).rejects.toBe(enough);
  held.release();

  const controller = new AbortController();
  const machine = { ...readMachine(), privilege: 'root' as const };
  const onLine = () => controller.abort(enough);
  const script = 'echo begun >&2; exec sleep 1000';
  await expect(
    runAsRoot(machine, { purpose: 'sleep', script, onLine, signal: controller.signal }),
  ).rejects.toBe(enough);
});
