/** Watches an open lab: what changes in its testbed begins a round of checks, and the standing follows. */
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../errors.ts';
import { runChecks } from '../grading/run-checks.ts';
import type { LabReport } from '../grading/verdict.ts';
import type { LoadedLab } from '../lab/load-lab.ts';
import { type Monitor, watchChanges } from '../probes/monitor.ts';
import type { Job } from '../testbed/session.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { askHint, followHints } from './hints.ts';
import { Rounds } from './rounds.ts';
import { BEGINNING, type Standing, withChanges, withHint, withResult } from './standing.ts';

export interface WatchEvents {
  onStanding(standing: Standing): void;
  /** All checks were looked at, and nothing changed meanwhile. */
  onReport(report: LabReport): void;
  /** A round could not be run. */
  onError(text: string): void;
  /** The testbed went away. */
  onLost(why: string): void;
}

/** A check whose mending makes no event is looked at again after this time. */
const LOOK_AGAIN_MS = 2_000;
/** Causes that a process mends, or a table that tells nobody; and what nothing explains. */
const UNHEARD =
  /^(unknown|no-listener|no-pause|port-clash|not-restarted|name-not-found|stale-conntrack|unready-endpoint)$|^(dns|srv|ptr|alias)-/;
const ENDS_WITHIN_MS = 300;

export class LabWatch implements AsyncDisposable {
  readonly testbed: Testbed;
  readonly #events: WatchEvents;
  readonly #rounds: Rounds;
  #standing: Standing = BEGINNING;
  #monitor: Monitor | null = null;
  #hints: Job | null = null;
  #lookingAgain: NodeJS.Timeout | undefined;
  #ended = false;

  /** Resolves when it listens everywhere: whatever changes after that is told. The first round has begun. */
  static async begin(lab: LoadedLab, testbed: Testbed, events: WatchEvents): Promise<LabWatch> {
    const watch = new LabWatch(lab, testbed, events);
    try {
      await watch.#listen();
      return watch;
    } catch (error) {
      await watch[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(lab: LoadedLab, testbed: Testbed, events: WatchEvents) {
    this.testbed = testbed;
    this.#events = events;
    this.#rounds = new Rounds(
      async (options) => {
        const report = await runChecks(lab, testbed, { ...options, eager: true });
        if (!this.#ended) events.onReport(report);
        return report;
      },
      {
        onBegin: () => this.#become({ ...this.#standing, checking: true }),
        onResult: (result) => this.#become(withResult(this.#standing, result)),
        onEnd: () => {
          this.#become({ ...this.#standing, checking: false });
          this.#lookAgainWhileUnheard();
        },
        onError: (error) => {
          if (!this.#ended) events.onError(errorText(error));
        },
      },
    );
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Looks at all checks again, although nothing was heard to change. */
  check(): void {
    this.#rounds.request();
  }

  /** Lets no round run until {@link resume}. */
  pause(): Promise<void> {
    return this.#rounds.pause();
  }

  resume(): void {
    this.#rounds.resume();
  }

  /** Shows one hint more of a check, here and wherever else the lab is watched. */
  async showHint(checkId: string): Promise<number> {
    return askHint(this.testbed, checkId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#lookingAgain);
    this.#hints?.kill();
    // On a testbed that is gone, neither comes to an end.
    const ended = Promise.allSettled([this.#rounds.pause(), this.#monitor?.[Symbol.asyncDispose]()]);
    await Promise.race([ended, delay(ENDS_WITHIN_MS)]);
  }

  async #listen(): Promise<void> {
    this.#hints = followHints(this.testbed, (id) => this.#become(withHint(this.#standing, id)));
    // What became of the session is told by the monitor.
    this.#hints.done.catch(() => {});
    this.#monitor = await watchChanges(this.testbed, (changes) => {
      this.#become(withChanges(this.#standing, changes));
      this.#rounds.request();
    });
    this.#monitor.closed.then((why) => {
      // What ends after it was called off was ended by us.
      if (!this.#ended) this.#events.onLost(why);
    });
    this.#rounds.request();
  }

  /**
   * Some things heal without an event, such as what a bridge or a neighbour table has to forget first, or what a
   * server answers. Where the cause is one of a kind that is heard, a change is waited for.
   */
  #lookAgainWhileUnheard(): void {
    clearTimeout(this.#lookingAgain);
    const unheard = Object.values(this.#standing.results).some(
      (result) => result?.verdict === 'fail' && UNHEARD.test(result.cause?.id ?? ''),
    );
    if (unheard) this.#lookingAgain = setTimeout(() => this.#rounds.request(), LOOK_AGAIN_MS);
  }

  #become(standing: Standing): void {
    this.#standing = standing;
    if (!this.#ended) this.#events.onStanding(standing);
  }
}
