/**
 * A node on its own, in which `doctor` tries things out. It is removed however the trial ends; that of a killed
 * process by the next command, as its owner is dead.
 */
import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import { errorText, TestbedError } from '../errors.ts';
import { sweep } from './clear-away.ts';
import { LABEL, nodeOptions, readLog, removeContainer, statusOf, withTun } from './containers.ts';
import type { Docker } from './docker.ts';
import { engineText } from './engine-error.ts';
import { describeProcess } from './owner.ts';

const ROLE = 'doctor';
const READY_WITHIN_MS = 10_000;
const ASK_EVERY_MS = 20;

export class TrialNode implements AsyncDisposable {
  readonly #docker: Docker;
  readonly #container: Dockerode.Container;

  private constructor(docker: Docker, container: Dockerode.Container) {
    this.#docker = docker;
    this.#container = container;
  }

  /**
   * Starts a node as a testbed's, with TUN where the host has it, and waits until a learner's world stands
   * in it.
   *
   * @throws {TestbedError} with what the engine or the node's init said.
   */
  static async start(docker: Docker, image: string): Promise<TrialNode> {
    await sweep(docker);
    const labels = { [LABEL.role]: ROLE, [LABEL.owner]: describeProcess() };
    const name = `podwire-doctor-${randomBytes(3).toString('hex')}`;
    const options = { ...nodeOptions(image, 'doctor', {}), name, Labels: labels };
    try {
      return await TrialNode.#begin(docker, withTun(options));
    } catch (error) {
      if (!/\/dev\/net\/tun/.test(errorText(error))) throw error;
      return TrialNode.#begin(docker, options);
    }
  }

  static async #begin(docker: Docker, options: Dockerode.ContainerCreateOptions): Promise<TrialNode> {
    const container = await docker.createContainer(options);
    const node = new TrialNode(docker, container);
    try {
      await container.start();
      await node.#untilItStands();
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      if (statusOf(error) === undefined) throw error;
      throw new TestbedError(`The engine does not start a node: ${engineText(error)}`, {
        cause: error,
      });
    }
  }

  /** Runs a shell script as a learner would. Returns what it wrote to stdout. */
  async run(script: string): Promise<string> {
    const { output } = await this.#enter(['sh', '-c', script]);
    return output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeContainer(this.#docker, this.#container.id);
  }

  async #untilItStands(): Promise<void> {
    const deadline = performance.now() + READY_WITHIN_MS;
    for (;;) {
      const { State } = await this.#container.inspect();
      if (!State.Running)
        throw new TestbedError(
          (await readLog(this.#docker, this.#container.id)) || `it ended with status ${State.ExitCode}`,
        );
      const { exitCode, output } = await this.#enter(['true']).catch((error: unknown) => {
        if (statusOf(error) === undefined) throw error;
        // It ended in this very moment: looking again tells why.
        return { exitCode: 125, output: engineText(error) };
      });
      if (exitCode === 0) return;
      if (performance.now() > deadline) throw new TestbedError(output || 'the world does not stand in time');
      await wait(ASK_EVERY_MS);
    }
  }

  async #enter(command: readonly string[]): Promise<{ exitCode: number; output: string }> {
    const exec = await this.#container.exec({
      Cmd: ['/usr/lib/podwire/agent', 'enter', '--', ...command],
      AttachStdout: true,
      AttachStderr: true,
    });
    const stream = await exec.start({ hijack: true, stdin: false });
    const output = new PassThrough();
    this.#docker.modem.demuxStream(stream, output, output);
    stream.once('end', () => output.end());
    stream.once('error', (error) => output.destroy(error));
    const said = await text(output);
    return { exitCode: (await exec.inspect()).ExitCode ?? 125, output: said.trim() };
  }
}
