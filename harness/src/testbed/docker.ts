/** The connection to the Docker engine. Only `testbed/` knows Docker. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { errorText, TestbedError } from '../errors.ts';
import { tellEngineErrors } from './engine-error.ts';

export type { Docker };

/** No engine answers. `setup/` catches this to install or start one; others let it reach the learner. */
export class EngineUnreachableError extends TestbedError {
  override name = 'EngineUnreachableError';
}

/** Where a local engine listens, in the order in which they are tried. `DOCKER_HOST` goes before all. */
function localSockets(): string[] {
  const runtime = process.env.XDG_RUNTIME_DIR;
  return [
    '/var/run/docker.sock',
    path.join(homedir(), '.docker/run/docker.sock'),
    path.join(homedir(), '.colima/default/docker.sock'),
    path.join(homedir(), '.orbstack/run/docker.sock'),
    ...(runtime ? [path.join(runtime, 'docker.sock')] : []),
  ];
}

/**
 * Connects to the engine that `DOCKER_HOST` names, else to the first local socket that answers.
 *
 * @throws {EngineUnreachableError} when none answers, with what each one said.
 */
export async function connectDocker(): Promise<Docker> {
  if (process.env.DOCKER_HOST) return answering(new Docker(), `DOCKER_HOST=${process.env.DOCKER_HOST}`);
  const tried: string[] = [];
  for (const socketPath of localSockets().filter((candidate) => existsSync(candidate))) {
    try {
      return await answering(new Docker({ socketPath }), socketPath);
    } catch (error) {
      tried.push(errorText(error));
    }
  }
  throw new EngineUnreachableError(
    tried.length > 0 ? tried.join('\n') : 'No Docker engine was found: none of its usual sockets exists.',
  );
}

/**
 * The engine that would be connected to, whether it answers or not: for who has something to do without one, and
 * finds out by asking. Its requests fail until it is there.
 */
export function expectDocker(): Docker {
  if (process.env.DOCKER_HOST) return tellEngineErrors(new Docker());
  const [usual = ''] = localSockets();
  return tellEngineErrors(new Docker({ socketPath: localSockets().find(existsSync) ?? usual }));
}

async function answering(docker: Docker, where: string): Promise<Docker> {
  try {
    await docker.ping();
    return tellEngineErrors(docker);
  } catch (error) {
    throw new EngineUnreachableError(`No Docker engine answers at ${where}: ${errorText(error)}`, {
      cause: error,
    });
  }
}
