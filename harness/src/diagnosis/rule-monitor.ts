/**
 * `nft monitor` in one namespace, with tables of ours that mark packets for tracing (man 8 nft, "Monitor"). The tables
 * are owned by the process that makes them, so the kernel removes them with it, whatever ends it.
 *
 * The monitor tells of new tables and of traced packets in the order in which the kernel had them. So a table that
 * is added and told of is how we know that it listens, and that it has told all that came before.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { TestbedError } from '../errors.ts';
import type { Host } from '../testbed/host.ts';
import type { Job } from '../testbed/session.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { TRACE_TABLE } from './trace-table.ts';

/**
 * A machine that is busy with a class may take seconds. What is not told by then proves nothing, so it is no answer. It is
 * longer than a diagnosis may take (grading/run-checks.ts): one that is so late is not waited for, and the check looks again.
 */
const HEARD_WITHIN_MS = 20_000;
/** At first; each time twice as long, for each table is told to every monitor of the namespace. */
const ASK_AGAIN_MS = 20;

export class RuleMonitor {
  /** The name of the tables that mark, one in each family. */
  readonly table: string;
  readonly #monitor: Job;
  readonly #tables: Job;
  #marks = 0;
  #unread = '';
  #told: { readonly mark: string; resolve(): void } | null = null;

  /**
   * Returns when it listens.
   *
   * @param tables makes the commands that add the tables of a name
   * @param onText what it prints, in pieces
   * @throws {TestbedError} when it does not begin, or the session with the testbed ends
   */
  static async begin(
    testbed: Testbed,
    host: Host,
    tables: (name: string) => readonly string[],
    onText: (text: string) => void,
  ): Promise<RuleMonitor> {
    const monitor = new RuleMonitor(testbed, host, onText);
    try {
      for (const command of tables(monitor.table)) monitor.#tables.write(command);
      await monitor.#mark();
      return monitor;
    } catch (error) {
      await monitor.stop();
      throw error;
    }
  }

  private constructor(testbed: Testbed, host: Host, onText: (text: string) => void) {
    this.table = `${TRACE_TABLE}_${randomBytes(3).toString('hex')}`;
    const deadlineMs = Number.POSITIVE_INFINITY;
    this.#monitor = testbed.startProbe(host, ['nft', 'monitor'], {
      deadlineMs,
      onOutput: (text) => {
        onText(text);
        this.#hear(text);
      },
    });
    this.#tables = testbed.startProbe(host, ['nft', '--interactive'], { deadlineMs });
    // A session that ends under a trace which nobody waits for any more is no error of that trace.
    for (const { done } of [this.#monitor, this.#tables]) done.catch(() => {});
  }

  /**
   * Resolves when all that the kernel had to tell until now is told.
   *
   * @throws {TestbedError} when it is not told in time
   */
  async settle(): Promise<void> {
    await this.#mark();
  }

  async stop(): Promise<void> {
    this.#tables.endInput();
    this.#monitor.kill();
    await Promise.allSettled([this.#tables.done, this.#monitor.done]);
  }

  /** Adds tables until the monitor tells of one. */
  async #mark(): Promise<void> {
    const heard = Promise.withResolvers<true>();
    const mark = `${this.table}_${this.#marks++}_`;
    this.#told = { mark, resolve: () => heard.resolve(true) };
    const ended = Promise.race([this.#monitor.done, this.#tables.done]);
    ended.catch(() => {});
    const deadline = performance.now() + HEARD_WITHIN_MS;
    let waitMs = ASK_AGAIN_MS;
    for (let asked = 0; performance.now() < deadline; asked++) {
      this.#tables.write(`add table ip ${mark}${asked} { flags owner; }\n`);
      const told = await Promise.race([heard.promise, ended, delay(waitMs, false as const)]);
      waitMs *= 2;
      if (told === true) return;
      if (told === false) continue;
      throw new TestbedError(
        `The trace of rules was not heard to its end: nft ended with status ${told.exitCode}. ${told.stderr.trim()}`,
      );
    }
    throw new TestbedError(
      `The trace of rules was not heard to its end: nothing was told for ${HEARD_WITHIN_MS / 1000} s.`,
    );
  }

  #hear(text: string): void {
    const unread = `${this.#unread}${text}`;
    if (this.#told && unread.includes(this.#told.mark)) {
      this.#told.resolve();
      this.#told = null;
    }
    // A name may be cut in two.
    this.#unread = unread.slice(-this.table.length * 2);
  }
}
