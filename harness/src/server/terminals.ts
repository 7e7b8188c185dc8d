/** The terminals of one testbed: one for each host and number, opened by whoever asks first. */
import type { Docker } from '../testbed/docker.ts';
import { openTerminal, type Size } from '../testbed/terminal.ts';
import type { Testbed } from '../testbed/testbed.ts';
import type { TerminalInfo } from './api.ts';
import { ApiError } from './problems.ts';
import {
  type CloseReason,
  Terminal,
  type TerminalEvents,
  type TerminalTimes,
  type Viewer,
} from './terminal.ts';

export class Terminals {
  readonly #docker: Docker;
  readonly #times: TerminalTimes;
  readonly #most: number;
  readonly #events: TerminalEvents;
  readonly #terminals = new Map<string, Promise<Terminal>>();
  #open: readonly Terminal[] = [];

  constructor(docker: Docker, times: TerminalTimes, most: number, events: TerminalEvents) {
    this.#docker = docker;
    this.#times = times;
    this.#most = most;
    this.#events = events;
  }

  get size(): number {
    return this.#terminals.size;
  }

  describe(): TerminalInfo[] {
    return this.#open.map((terminal) => terminal.describe());
  }

  /** Opens the terminal, or joins it when it is open. @throws {TestbedError} when its node is not running. */
  async join(
    testbed: Testbed,
    name: { readonly host: string; readonly number: number },
    size: Size,
    viewer: Viewer,
  ): Promise<Terminal> {
    const key = `${name.host} ${name.number}`;
    const known = this.#terminals.get(key);
    if (!known && this.#terminals.size >= this.#most) {
      throw new ApiError(
        'too-many-requests',
        `${this.#most} terminals are open in this lab. Close one first.`,
      );
    }
    const opening = known ?? this.#start(key, testbed, name, size);
    this.#terminals.set(key, opening);
    const terminal = await opening;
    terminal.join(viewer, known !== undefined);
    return terminal;
  }

  async end(reason: CloseReason): Promise<void> {
    const all = [...this.#terminals.values()];
    await Promise.allSettled(all.map(async (terminal) => (await terminal).end(reason)));
  }

  async #start(
    key: string,
    testbed: Testbed,
    name: { readonly host: string; readonly number: number },
    size: Size,
  ): Promise<Terminal> {
    try {
      const shell = await openTerminal(this.#docker, testbed, testbed.host(name.host), size);
      const terminal = new Terminal(name, shell, size, this.#times, {
        onChange: () => {
          if (terminal.closed) this.#forget(key, terminal);
          this.#events.onChange();
        },
        onPrompt: () => this.#events.onPrompt(),
      });
      this.#open = [...this.#open, terminal];
      return terminal;
    } catch (error) {
      this.#terminals.delete(key);
      throw error;
    }
  }

  #forget(key: string, terminal: Terminal): void {
    this.#terminals.delete(key);
    this.#open = this.#open.filter((each) => each !== terminal);
  }
}
