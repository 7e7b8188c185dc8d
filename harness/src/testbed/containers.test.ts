import { removeContainer } from './containers.ts';
import type { Docker } from './docker.ts';

function engineSaying(statuses: readonly number[]) {
  let asked = 0;
  const remove = async () => {
    const statusCode = statuses[asked++] ?? 404;
    if (statusCode !== 204) throw Object.assign(new Error(`status ${statusCode}`), { statusCode });
  };
  return { docker: { getContainer: () => ({ remove }) } as unknown as Docker, asked: () => asked };
}

test('a container that somebody else removes is waited for until it is gone', async () => {
  const engine = engineSaying([409, 409, 404]);
  await expect(removeContainer(engine.docker, 'it')).resolves.toBe(false);
  expect(engine.asked()).toBe(3);
});

test('one that the other could not remove is removed by us', async () => {
  await expect(removeContainer(engineSaying([409, 204]).docker, 'it')).resolves.toBe(true);
});

test('what else the engine says is an error', async () => {
  await expect(removeContainer(engineSaying([500]).docker, 'it')).rejects.toThrow('status 500');
});
