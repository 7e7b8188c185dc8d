/** Checks a network until what they say holds: whatever a submission left running may still be changing it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { CauseId } from '../diagnosis/causes.ts';
import type { LoadedLab } from '../lab/load-lab.ts';
import { type Change, type Monitor, watchChanges } from '../probes/monitor.ts';
import { findPassing, type Passing, passingText } from '../probes/passing-state.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { readMatrix } from './matrix.ts';
import { runChecks } from './run-checks.ts';
import { findLeftRunning, hasGrown, SHORT_LIVED } from './unrest.ts';
import type { CheckResult, LabReport } from './verdict.ts';

export interface SettleOptions {
  /** When the submission began, in the machine's ticks: what was started later is its own. */
  readonly since: number;
  readonly signal?: AbortSignal;
}

export interface Settled {
  readonly report: LabReport;
  /** Names of what the submission left running, each once. */
  readonly leftRunning: readonly string[];
  /** What can change although nobody is seen to change it, in words. */
  readonly passing: readonly string[];
  /** Checks that passed and failed in turns. */
  readonly unstable: readonly string[];
}

const CHANGES: CauseId = 'network-changes';
const UNKNOWN: CauseId = 'unknown';

/** What was seen of a check when it failed, and why. */
type Failure = Pick<CheckResult, 'observed' | 'cause'>;

/** Between two rounds, at random: whoever changes the network in a rhythm must not find ours. */
const ROUNDS_APART_MS = { least: 150, most: 1_200 };
/** A network that has not come to rest after this time is judged by all that was seen of it. */
const REST_WITHIN_MS = 12_000;
/** What ends within this time is waited for: the network that stands then is what is graded. */
const OUTLIVE_MS = 20_000;
/** The monitor tells what it heard at most so much later. */
const HEARD_AFTER_MS = 50;

/**
 * One round of checks decides where nothing can change the network: no process of the submission is left, and the
 * kernel has no order to change anything later. Elsewhere (a server, a daemon that learns routes, or one that plays
 * with the grader) two rounds in a row must agree with no change from the beginning of the first to the end of the
 * second; and a check that passed in one round and fails in a later one has failed. So has one that passed for patience
 * alone in a network that never came to rest: there, it was not the machine that was slow.
 */
export async function checkUntilSettled(
  lab: LoadedLab,
  testbed: Testbed,
  { since, signal }: SettleOptions,
): Promise<Settled> {
  const patience = new Map<string, Failure>();
  const onPatience = (id: string, observed: string) => void patience.set(id, { observed, cause: null });
  const options = signal ? { signal, onPatience } : { onPatience };
  // Before the first probe, whose own doings would be taken for the submission's.
  const [left, found] = await Promise.all([findLeftRunning(testbed, since), findPassing(testbed)]);
  const leftRunning = [...left.names];
  await using watch = new Watch(testbed);
  if (leftRunning.length > 0) await watch.begin();
  const atRest = leftRunning.length + found.length === 0;
  const first = await runChecks(lab, testbed, { ...options, matrix: atRest });
  const passing = [...new Set(found.map(passingText))].sort();
  if (leftRunning.length + passing.length === 0 && (await hasGrown(testbed, left)))
    leftRunning.push(SHORT_LIVED);
  const movers = [...leftRunning, ...passing];
  if (movers.length === 0) return { report: first, leftRunning, passing, unstable: [] };
  await outlive(found, options);
  await watch.begin();
  const rounds = [first];
  const deadline = performance.now() + REST_WITHIN_MS;
  const allIsHeard = !found.some(({ hidden }) => hidden);
  let calm = left.names.length > 0 && watch.takeChanges().length === 0;
  let rests = false;
  // Of what cannot be heard, nobody knows whether it changed.
  let changed = passing.length > 0 || left.names.includes(SHORT_LIVED);
  while (!rests && performance.now() <= deadline) {
    await delay(chosenGapMs(), undefined, options);
    rounds.push(await runChecks(lab, testbed, options));
    await delay(HEARD_AFTER_MS, undefined, options);
    const [calmBefore, changes] = [calm, watch.takeChanges()];
    calm = allIsHeard && changes.length === 0;
    changed ||= changes.length > 0;
    rests = calmBefore && calm && agree(rounds.at(-2), last(rounds));
  }
  const unstable = new Map([...(rests ? [] : patience), ...regressions(rounds)]);
  const report = withUnstable(last(rounds), unstable, movers, changed);
  // Once, of the network that was judged: no round before the last one knew that it would be.
  const matrix = await readMatrix(lab, testbed);
  const whole = matrix ? { ...report, matrix } : report;
  return { report: whole, leftRunning, passing, unstable: [...unstable.keys()] };
}

/** Waits for the end of what ends soon. */
async function outlive(found: readonly Passing[], options: { readonly signal?: AbortSignal }): Promise<void> {
  const soon = found.flatMap(({ leftMs }) => (leftMs !== null && leftMs <= OUTLIVE_MS ? [leftMs] : []));
  // A second more: lifetimes are told in whole ones.
  if (soon.length > 0) await delay(Math.max(...soon) + 1_000, undefined, options);
}

function chosenGapMs(): number {
  const { least, most } = ROUNDS_APART_MS;
  return least + Math.random() * (most - least);
}

/** What changes in the testbed, from a moment on; what the fabric itself does is not told. */
class Watch implements AsyncDisposable {
  readonly #testbed: Testbed;
  #monitor: Monitor | null = null;
  #changes: Change[] = [];

  constructor(testbed: Testbed) {
    this.#testbed = testbed;
  }

  /** Returns when it listens everywhere. */
  async begin(): Promise<void> {
    this.#monitor ??= await watchChanges(this.#testbed, (changes) => {
      this.#changes.push(...changes);
    });
  }

  /** What has changed since this was asked before. */
  takeChanges(): readonly Change[] {
    const taken = this.#changes;
    this.#changes = [];
    return taken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#monitor?.[Symbol.asyncDispose]();
  }
}

function last(rounds: readonly LabReport[]): LabReport {
  const report = rounds.at(-1);
  if (!report) throw new Error('no round of checks was run');
  return report;
}

function agree(a: LabReport | undefined, b: LabReport): boolean {
  return a?.checks.every(({ verdict }, index) => verdict === b.checks[index]?.verdict) ?? false;
}

/** The checks that passed in one round and failed in a later one, with what was seen when they failed last. */
export function regressions(rounds: readonly LabReport[]): Map<string, Failure> {
  const passed = new Set<string>();
  const regressed = new Map<string, Failure>();
  for (const { checks } of rounds) {
    for (const { id, verdict, observed, cause } of checks) {
      if (verdict === 'pass') passed.add(id);
      else if (verdict === 'fail' && passed.has(id)) regressed.set(id, { observed, cause });
    }
  }
  return regressed;
}

function withUnstable(
  report: LabReport,
  unstable: ReadonlyMap<string, Failure>,
  movers: readonly string[],
  changed: boolean,
): LabReport {
  const who = movers.join(', ');
  const changes = `The network changes by itself. What can change it: ${who}.`;
  const chance = `It passed and failed in turns, and nothing was seen to change: who comes when decides, or what ran on (${who}).`;
  const checks = report.checks.map((check): CheckResult => {
    const failed = unstable.get(check.id);
    if (failed === undefined || check.verdict !== 'pass') return check;
    return {
      ...check,
      verdict: 'fail',
      observed: `it passed and failed in turns, while there was ${who}. When it failed: ${failed.observed}`,
      cause: changed
        ? { id: CHANGES, where: 'the testbed', text: changes }
        : (failed.cause ?? { id: UNKNOWN, where: 'the testbed', text: chance }),
    };
  });
  return { ...report, checks, passed: checks.filter(({ verdict }) => verdict === 'pass').length };
}
