/**
 * One lab with its testbed, as all its clients see it: what phase it is in, how its checks stand, its terminals.
 * Commands run one after the other; what other processes do to the testbed is followed too.
 */
import type { Walk, WalkRequest } from '../diagnosis/walk/walk.ts';
import { walkPacket } from '../diagnosis/walk/walk-packet.ts';
import { applyFault, applySteps } from '../grading/apply.ts';
import { runChecks } from '../grading/run-checks.ts';
import type { LabReport } from '../grading/verdict.ts';
import type { Fault } from '../lab/define-lab.ts';
import { type LoadedLab, readFaults } from '../lab/load-lab.ts';
import { LabWatch } from '../live/lab-watch.ts';
import { rememberProgress } from '../live/progress-file.ts';
import {
  BEGINNING,
  nextSteps,
  openChecks,
  passedCount,
  type Standing,
  totalCount,
} from '../live/standing.ts';
import { removeTestbed, sweep } from '../testbed/clear-away.ts';
import type { Docker } from '../testbed/docker.ts';
import { hostName } from '../testbed/host.ts';
import { learnersTestbed, type TestbedIdentity } from '../testbed/identity.ts';
import { type FoundTestbed, findTestbed } from '../testbed/inventory.ts';
import { endOrphanTerminals, type Size } from '../testbed/terminal.ts';
import { describeLoss, openTestbed, type Testbed } from '../testbed/testbed.ts';
import { type Blueprint, bringUp, reset, type UpOptions } from '../testbed/up.ts';
import { type AddressPlan, planAddresses } from '../topology/plan.ts';
import type { HintAnswer, LiveLab, Phase } from './api.ts';
import type { ServerLimits } from './limits.ts';
import { ApiError, labProblemText } from './problems.ts';
import type { Terminal, TerminalTimes, Viewer } from './terminal.ts';
import { Terminals } from './terminals.ts';

/** What every bench of a server shares. */
export interface Workshop {
  readonly docker: Docker;
  readonly times: TerminalTimes;
  readonly limits: ServerLimits;
  /** Testbeds end with this process: for tests. */
  readonly ephemeral: boolean;
  /** Ends what is being brought up when the server ends. */
  readonly signal: AbortSignal;
  /** Makes sure of the node image. The first call on a machine makes it, and tells what it does. */
  readonly ensureImage: (tell: (text: string) => void) => Promise<string>;
}

type Working = Exclude<Phase, 'closed' | 'open' | 'lost'>;

/** Many events come together; clients are told once. */
const TOGETHER_MS = 10;

export class Bench {
  readonly lab: LoadedLab;
  readonly plan: AddressPlan;
  readonly identity: TestbedIdentity;
  readonly #workshop: Workshop;
  readonly #admit: () => void;
  readonly #terminals: Terminals;
  readonly #listeners = new Set<(live: LiveLab) => void>();
  #phase: Phase = 'closed';
  #progress: string | null = null;
  #problem: string | null = null;
  /** Why the last round of checks could not be run; gone with the next that can. */
  #roundProblem: string | null = null;
  #standing: Standing = { ...BEGINNING, checking: false };
  #withoutEngine = false;
  #watch: LabWatch | null = null;
  /** The command under way. */
  #working: { readonly as: Working; readonly done: Promise<void> } | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #telling: NodeJS.Timeout | undefined;

  /** `admit` throws where no more testbeds may be made. */
  constructor(lab: LoadedLab, seed: string | null, workshop: Workshop, admit: () => void = () => {}) {
    this.lab = lab;
    this.plan = planAddresses(lab.topology, seed);
    this.identity = { ...learnersTestbed(lab.number, seed), ephemeral: workshop.ephemeral };
    this.#workshop = workshop;
    this.#admit = admit;
    this.#terminals = new Terminals(workshop.docker, workshop.times, workshop.limits.terminals, {
      onChange: () => this.#changed(),
      // Not all that a command does makes an event: a server that began to answer, a flow that was forgotten.
      onPrompt: () => this.#watch?.check(),
    });
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Nobody would miss it: another one made later tells the same. */
  get isIdle(): boolean {
    return this.#listeners.size === 0 && this.#terminals.size === 0 && this.#working === null;
  }

  describe(): LiveLab {
    const { lab } = this;
    const { results, checking, changes, hintsShown } = this.#standing;
    const followed = { lab: { checks: lab.checks, steps: lab.guide.steps }, results };
    return {
      lab: lab.number,
      seed: this.identity.seed,
      phase: this.#phase,
      progress: this.#progress,
      problem: this.#problem ?? this.#roundProblem,
      checking,
      passed: passedCount(followed),
      total: totalCount(followed),
      checks: lab.checks.map(({ id, title, hints }) => ({
        id,
        title,
        result: results[id] ?? null,
        hints: hints.slice(0, hintsShown[id] ?? 0),
        hintsTotal: hints.length,
      })),
      focus: openChecks(followed)[0]?.id ?? null,
      nextSteps: nextSteps(followed).map(({ number }) => number),
      changes: [...changes],
      terminals: this.#terminals.describe(),
    };
  }

  /** Tells the state, and then again whenever it changes. Returns the way to call it off. */
  subscribe(listener: (live: LiveLab) => void): () => void {
    this.#listeners.add(listener);
    listener(this.describe());
    return () => this.#listeners.delete(listener);
  }

  open(): Promise<void> {
    if (this.#phase === 'open' && this.#watch && !this.#working) return Promise.resolve();
    return this.#work('opening', async (blueprint, options) => {
      await this.#letGo();
      await sweep(this.#workshop.docker);
      const [testbed] = await bringUp(this.#workshop.docker, blueprint, options);
      await this.#attach(testbed);
    });
  }

  reset(): Promise<void> {
    return this.#work('resetting', async (blueprint, options) => {
      await this.#startOver(blueprint, options);
    });
  }

  close(): Promise<void> {
    return this.#take('closing', async () => {
      await this.#letGo();
      const found = await findTestbed(this.#workshop.docker, this.identity.id);
      if (found) await removeTestbed(this.#workshop.docker, found);
      this.#become('closed');
    });
  }

  /** Starts over and applies the guide, up to a step. The checks follow while it goes on. */
  solve(lastStep: number = this.lab.guide.steps.length): Promise<void> {
    const count = this.lab.guide.steps.length;
    if (lastStep > count) {
      throw new ApiError(
        'bad-request',
        `Lab ${this.lab.number} has steps 1 to ${count}; wanted one of them, found ${lastStep}.`,
      );
    }
    return this.#work('resetting', async (blueprint, options) => {
      const testbed = await this.#startOver(blueprint, options);
      await applySteps(testbed, this.lab.guide, lastStep, ({ number, title }) =>
        this.#tell(`Step ${number}. ${title}`),
      );
    });
  }

  /** Starts over, solves the lab and breaks it. Nobody watches meanwhile: the changes would tell the fault. */
  async breakBy(faultId: string | undefined): Promise<Fault> {
    const faults = await readFaults(this.lab);
    const fault =
      faultId === undefined
        ? faults[Math.floor(Math.random() * faults.length)]
        : faults.find(({ id }) => id === faultId);
    if (!fault) {
      throw new ApiError(
        'bad-request',
        `Lab ${this.lab.number} has no fault "${faultId ?? ''}". It has: ${faults.map(({ id }) => id).join(', ')}.`,
      );
    }
    await this.#work('resetting', async (blueprint, options) => {
      await this.#letGo();
      const testbed = await reset(this.#workshop.docker, blueprint, options);
      try {
        await applySteps(testbed, this.lab.guide);
        await applyFault(testbed, fault, 'apply');
      } catch (error) {
        await testbed.session.close();
        throw error;
      }
      await this.#attach(testbed);
    });
    return fault;
  }

  /** All checks once, or some. @throws {ApiError} when the lab is not open. */
  async check(only?: readonly string[]): Promise<LabReport> {
    const known = this.lab.checks.map(({ id }) => id);
    const unknown = only?.find((id) => !known.includes(id));
    if (unknown !== undefined) this.#refuseCheck(unknown);
    const watch = await this.#watched();
    // Two rounds at once would get in each other's way.
    await watch.pause();
    try {
      const report = await runChecks(this.lab, watch.testbed, only ? { only } : {});
      if (!only) await rememberProgress(report);
      return report;
    } finally {
      watch.resume();
    }
  }

  /** One hint more for a check, or for the first that fails. */
  async hint(checkId?: string): Promise<HintAnswer> {
    const { checks, number } = this.lab;
    if (checkId !== undefined && !checks.some(({ id }) => id === checkId)) this.#refuseCheck(checkId);
    const watch = await this.#watched();
    const wanted = checkId ?? (await this.#firstOpen());
    const check = checks.find(({ id }) => id === wanted);
    if (!check) return { lab: number, check: null, level: 0, of: 0, text: '' };
    const level = Math.min(await watch.showHint(check.id), check.hints.length - 1);
    return {
      lab: number,
      check: check.id,
      level: level + 1,
      of: check.hints.length,
      text: check.hints[level] ?? '',
    };
  }

  /** Sends a packet and follows it. No round of checks runs meanwhile, whose packets would be seen too. */
  async walk(request: WalkRequest): Promise<Walk> {
    const watch = await this.#watched();
    await watch.pause();
    try {
      return await walkPacket(watch.testbed, request);
    } finally {
      watch.resume();
    }
  }

  /** Joins a terminal of a host, or opens it. */
  async join(
    name: { readonly host: string; readonly number: number },
    size: Size,
    viewer: Viewer,
  ): Promise<Terminal> {
    const { testbed } = await this.#watched();
    const host = hostName(testbed.host(name.host));
    return this.#terminals.join(testbed, { host, number: name.number }, size, viewer);
  }

  /** Looks what became of the testbed: another process may have opened, reset or closed it. */
  refresh(): Promise<void> {
    return this.#refresh(false);
  }

  /** `failed`: a command of ours left it so, and why is still to be told. */
  #refresh(failed: boolean): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#working) return;
      const found = await this.#look();
      if (found === 'no engine') return;
      await this.#follow(found, failed).catch(async (error) => {
        await this.#letGo();
        this.#problem = labProblemText(error);
        this.#become('lost');
      });
    });
  }

  /** Ends terminals and watching. The testbed stays. */
  async leave(): Promise<void> {
    clearTimeout(this.#telling);
    this.#listeners.clear();
    await this.#working?.done.catch(() => {});
    await this.#inTurn(() => this.#letGo('server'));
  }

  /** An engine that does not answer has no testbeds. When it is back, the events tell. */
  async #look(): Promise<FoundTestbed | null | 'no engine'> {
    try {
      const found = await findTestbed(this.#workshop.docker, this.identity.id);
      if (this.#withoutEngine) this.#problem = null;
      this.#withoutEngine = false;
      return found;
    } catch (error) {
      await this.#letGo();
      this.#withoutEngine = true;
      this.#problem = labProblemText(error);
      this.#become('closed');
      return 'no engine';
    }
  }

  async #follow(found: FoundTestbed | null, failed: boolean): Promise<void> {
    if (!found || found.state === 'abandoned') {
      await this.#letGo();
      if (this.#phase === 'lost') this.#problem = null;
      this.#become('closed');
    } else if (found.state === 'building') {
      await this.#letGo();
      if (!failed) this.#problem = null;
      this.#become('opening', 'Another command is opening this lab');
    } else if (found.state === 'stopped') {
      await this.#letGo();
      this.#problem = describeLoss(found);
      this.#become('lost');
    } else if (!this.#watch) {
      if (!failed) this.#problem = null;
      await this.#attach(await openTestbed(this.#workshop.docker, this.identity, this.plan));
      this.#become('open');
    }
  }

  /** A command that needs to know what the testbed is made from. */
  #work(as: Working, work: (blueprint: Blueprint, options: UpOptions) => Promise<void>): Promise<void> {
    if (this.#phase === 'closed') this.#admit();
    return this.#take(as, async () => {
      const tell = (text: string) => this.#tell(text);
      const image = await this.#workshop.ensureImage(tell);
      const { lab, plan, identity } = this;
      const blueprint = { identity, topology: lab.topology, plan, image, start: lab.start };
      await work(blueprint, { signal: this.#workshop.signal, onStep: tell, onLoss: tell });
      this.#become('open');
    });
  }

  /** Two clients that ask for the same at once get the same; another command has to wait for its turn. */
  #take(as: Working, work: () => Promise<void>): Promise<void> {
    if (this.#working?.as === as && as !== 'resetting') return this.#working.done;
    if (this.#working) {
      throw new ApiError(
        'busy',
        `Lab ${this.lab.number} is ${this.#working.as} right now. Wait until it is done.`,
      );
    }
    this.#problem = null;
    const done = this.#inTurn(async () => {
      try {
        await work();
      } catch (error) {
        await this.#letGo();
        this.#problem = labProblemText(error);
        throw error;
      } finally {
        this.#working = null;
      }
    });
    this.#working = { as, done };
    this.#become(as);
    // How the testbed is left is read from the engine.
    done.catch(() => this.#refresh(true).catch(() => this.#become('closed')));
    return done;
  }

  async #startOver(blueprint: Blueprint, options: UpOptions): Promise<Testbed> {
    await this.#letGo();
    const testbed = await reset(this.#workshop.docker, blueprint, options);
    await this.#attach(testbed);
    return testbed;
  }

  async #attach(testbed: Testbed): Promise<void> {
    let watch: LabWatch | null = null;
    try {
      watch = await LabWatch.begin(this.lab, testbed, {
        onStanding: (standing) => {
          this.#standing = standing;
          this.#changed();
        },
        onReport: (report) => {
          this.#roundProblem = null;
          this.#changed();
          return rememberProgress(report);
        },
        onError: (text) => {
          this.#roundProblem = text;
          this.#changed();
        },
        onLost: () => this.#lose(watch),
      });
    } catch (error) {
      await testbed.session.close();
      throw error;
    }
    this.#watch = watch;
    // What goes wrong with it goes wrong with the watch as well, which tells.
    endOrphanTerminals(testbed).catch(() => {});
  }

  /** The session broke: the testbed went, or begins anew under somebody else's hands. */
  #lose(watch: LabWatch | null): void {
    this.#inTurn(async () => {
      if (watch && this.#watch === watch && !this.#working) await this.#letGo();
    })
      .then(() => this.refresh())
      .catch((error) => {
        this.#problem = labProblemText(error);
        this.#become('lost');
      });
  }

  async #letGo(reason: 'lab' | 'server' = 'lab'): Promise<void> {
    const watch = this.#watch;
    this.#watch = null;
    this.#roundProblem = null;
    this.#standing = { ...BEGINNING, checking: false };
    await this.#terminals.end(reason);
    if (!watch) return;
    await watch[Symbol.asyncDispose]();
    await watch.testbed.session.close().catch(() => {});
  }

  async #watched(): Promise<LabWatch> {
    if (!this.#watch && !this.#working) await this.refresh();
    if (this.#watch && !this.#working) return this.#watch;
    if (this.#working) {
      throw new ApiError(
        'busy',
        `Lab ${this.lab.number} is ${this.#working.as} right now. Wait until it is done.`,
      );
    }
    throw new ApiError('not-open', `Lab ${this.lab.number} is not open. Open it first.`);
  }

  async #firstOpen(): Promise<string | undefined> {
    const { results } = this.#standing;
    const followed = { lab: { checks: this.lab.checks, steps: [] }, results };
    if (Object.keys(results).length > 0) return openChecks(followed)[0]?.id;
    return (await this.check()).checks.find(({ verdict }) => verdict === 'fail')?.id;
  }

  #refuseCheck(id: string): never {
    const known = this.lab.checks.map((check) => check.id).join(', ');
    throw new ApiError('bad-request', `Lab ${this.lab.number} has no check "${id}". It has: ${known}.`);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => {});
    return mine;
  }

  #tell(text: string): void {
    this.#progress = text;
    this.#changed();
  }

  #become(phase: Phase, progress: string | null = null): void {
    this.#phase = phase;
    this.#progress = progress;
    this.#changed();
  }

  #changed(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      const live = this.describe();
      for (const listener of this.#listeners) listener(live);
    }, TOGETHER_MS);
  }
}
