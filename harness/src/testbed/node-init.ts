/** The init of a node (harness/image/agent/world.c), as it is asked for what it remembers. */
import { setTimeout as delay } from 'node:timers/promises';
import { TestbedError } from '../errors.ts';
import { type FabricSession, RefusedError } from './session.ts';

/** The init of each node's container, as the engine's host numbers it. */
export type NodeInits = Readonly<Record<string, number>>;

/** A world takes some 10 ms to make; on a machine that is busy with a class, much longer. */
const ANSWERS_WITHIN_MS = 20_000;
const ASK_AGAIN_MS = 10;

/**
 * What a node's init was told to remember; empty when its container was started since. It answers once its world stands:
 * one that does not listen yet is waited for.
 *
 * @throws {RefusedError} when there is no such process.
 * @throws {TestbedError} when it does not answer in time.
 */
export async function askMemory(session: FabricSession, name: string, init: number): Promise<string> {
  const deadline = performance.now() + ANSWERS_WITHIN_MS;
  for (;;) {
    try {
      return await session.askInit(init, 'q');
    } catch (error) {
      if (!(error instanceof RefusedError) || error.reason !== 'node-starting') throw error;
      if (performance.now() > deadline) {
        throw new TestbedError(`The world of ${name} does not stand after ${ANSWERS_WITHIN_MS / 1000} s.`, {
          cause: error,
        });
      }
      await delay(ASK_AGAIN_MS);
    }
  }
}
