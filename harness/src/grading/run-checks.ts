/** Runs the checks of a lab once: in parallel, each as soon as those it needs have passed. */
import { diagnose, findProvenCause, unexplained } from '../diagnosis/diagnose.ts';
import { probeOfSymptom } from '../diagnosis/walk/probe-of-symptom.ts';
import { errorText } from '../errors.ts';
import type { Check } from '../lab/define-lab.ts';
import type { LoadedLab } from '../lab/load-lab.ts';
import { Network } from '../probes/network.ts';
import { CheckFailure, CheckSkipped, type NamedCause, type Symptom } from '../probes/symptom.ts';
import { missingFeature } from '../testbed/features.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { fillMatrix } from './matrix.ts';
import { reportRootsOnce } from './report-roots-once.ts';
import { Unfinished } from './unfinished.ts';
import type { CheckResult, LabReport, Verdict } from './verdict.ts';

export interface RunChecksOptions {
  /** Only these checks, and those they need. */
  readonly only?: readonly string[];
  readonly signal?: AbortSignal;
  readonly onResult?: (result: CheckResult) => void;
  /** Whether the lab's table of who reaches whom is filled as well. */
  readonly matrix?: boolean;
  /** For the live board: a proven cause ends a probe's wait, since the next change brings the next verdict. */
  readonly eager?: boolean;
  /** Told how long each diagnosis took, without the probes that showed its symptom. */
  readonly onDiagnosed?: (durationMs: number) => void;
  /** Told of each check that failed for no reason that was found, and passed when it looked again with patience. */
  readonly onPatience?: (id: string, observed: string) => void;
}

/** On one machine an answer takes microseconds; this leaves room for a machine that is busy with a class. */
const PATIENCE_MS = 1_000;
/**
 * For what failed and nothing explains. A node that answers ARP for others may wait 0.8 s before it does
 * (`proxy_delay`, man 7 arp), on the way there and on the way back, and a busy machine is slower still.
 */
const SECOND_PATIENCE_MS = 5_000;
/** A check that takes longer than this has met a fault of ours. */
const CHECK_LIMIT_MS = 60_000;
/**
 * A diagnosis takes about a second (docs/DIAGNOSIS-EVAL.md); on a machine that is very busy, some times as long. One that
 * is not done by then says that it knows nothing.
 */
const DIAGNOSIS_LIMIT_MS = 15_000;

/** @throws only when aborted; whatever goes wrong in a check is that check's verdict. */
export async function runChecks(
  lab: LoadedLab,
  testbed: Testbed,
  options: RunChecksOptions = {},
): Promise<LabReport> {
  const started = performance.now();
  const eager = options.eager ?? false;
  const unfinished = new Unfinished();
  const lookWith = (patienceMs: number): Look => {
    const proven = once((symptom: Symptom) => findProvenCause(testbed, symptom));
    const network = new Network(testbed, { patienceMs, eager, explain: proven.ask });
    // What was proven while the probe waited is its diagnosis.
    const explained = once(async (symptom: Symptom) => {
      const begun = performance.now();
      const cause =
        (await proven.known(symptom)) ?? (await diagnose(testbed, symptom, (work) => unfinished.add(work)));
      options.onDiagnosed?.(performance.now() - begun);
      return cause;
    });
    return { network, explain: ({ symptom }) => explained.ask(symptom) };
  };
  const first = lookWith(PATIENCE_MS);
  await using network = first.network;

  const wanted = withNeeds(lab.checks, options.only);
  // Beside the checks: both ask much of the same, and each question is asked once.
  const filling = options.matrix && lab.matrix ? fillMatrix(lab.matrix, network) : null;
  filling?.catch(() => {});
  const running = new Map<string, Promise<CheckResult>>();
  for (const check of wanted) {
    const needed = (check.needs ?? []).flatMap((id) => running.get(id) ?? []);
    // A live board looks again by itself while something is unexplained.
    const lookAgain = eager ? null : () => lookWith(SECOND_PATIENCE_MS);
    const result = settle(check, needed, first, lookAgain, options);
    running.set(check.id, result);
    if (options.onResult) result.then(options.onResult, () => {});
  }
  const settled = await Promise.all(running.values());
  await unfinished.ended();
  options.signal?.throwIfAborted();
  const checks = reportRootsOnce(settled);
  for (const [index, check] of checks.entries()) if (check !== settled[index]) options.onResult?.(check);
  const matrix = await filling;
  return {
    lab: lab.number,
    seed: testbed.identity.seed,
    passed: checks.filter(({ verdict }) => verdict === 'pass').length,
    total: checks.filter(({ verdict }) => verdict !== 'skipped').length,
    durationMs: Math.round(performance.now() - started),
    checks,
    ...(matrix ? { matrix } : {}),
  };
}

/** The network as one look sees it, and what explains what it sees. */
interface Look {
  readonly network: Network;
  readonly explain: (failure: CheckFailure) => Promise<NamedCause>;
}

/** Asks about each symptom once: several probes and checks may show the same. */
function once<T>(find: (symptom: Symptom) => Promise<T>) {
  const found = new Map<string, Promise<T>>();
  return {
    known: (symptom: Symptom): Promise<T> | undefined => found.get(JSON.stringify(symptom)),
    ask(symptom: Symptom): Promise<T> {
      const key = JSON.stringify(symptom);
      const answer = found.get(key) ?? find(symptom);
      found.set(key, answer);
      return answer;
    },
  };
}

async function settle(
  check: Check,
  needed: readonly Promise<CheckResult>[],
  first: Look,
  lookAgain: (() => Look) | null,
  { signal, onPatience }: RunChecksOptions,
): Promise<CheckResult> {
  const started = performance.now();
  const result = (verdict: Verdict, details: Partial<CheckResult> = {}): CheckResult => ({
    id: check.id,
    title: check.title,
    verdict,
    durationMs: Math.round(performance.now() - started),
    expected: check.title,
    observed: verdict === 'pass' ? check.title : '',
    cause: null,
    blockedBy: null,
    ...details,
  });
  for (const other of await Promise.all(needed)) {
    if (other.verdict === 'pass') continue;
    const blockedBy = other.blockedBy ?? other.id;
    if (other.verdict === 'skipped') return result('skipped', { observed: other.observed });
    return result('blocked', { blockedBy, observed: `not reached: "${blockedBy}" comes first` });
  }
  try {
    signal?.throwIfAborted();
    let found = await look(check, first, signal);
    // Nothing explains it: the network may only have been slow. What it says with patience is what counts.
    if (lookAgain && found?.cause.id === 'unknown') {
      const second = lookAgain();
      await using _network = second.network;
      const { observed } = found.failure;
      found = await look(check, second, signal);
      if (!found) onPatience?.(check.id, observed);
    }
    if (!found) return result('pass');
    if (found.broken) throw found.broken;
    const { expected, observed, symptom } = found.failure;
    const probe = probeOfSymptom(first.network.plan, symptom);
    return result('fail', { expected, observed, cause: found.cause, ...(probe ? { probe } : {}) });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof CheckSkipped) return result('skipped', { observed: error.message });
    return result('error', { observed: errorText(error) });
  }
}

interface ExplainedFailure {
  readonly failure: CheckFailure;
  readonly cause: NamedCause;
  /** Why there is no diagnosis. */
  readonly broken?: Error;
}

/** Runs a check once; null when it passes. @throws whatever is no failure of what is checked. */
async function look(
  check: Check,
  { network, explain }: Look,
  signal: AbortSignal | undefined,
): Promise<ExplainedFailure | null> {
  try {
    await within(CHECK_LIMIT_MS, check.run(network), signal);
    return null;
  } catch (failure) {
    if (!(failure instanceof CheckFailure)) throw failure;
    const missing = await missingFeature(network.testbed, check.features ?? []);
    if (missing) throw new CheckSkipped(missing);
    if (failure.cause) return { failure, cause: failure.cause };
    const late = () =>
      unexplained(failure.symptom, `its diagnosis was not done after ${DIAGNOSIS_LIMIT_MS / 1000} s`);
    try {
      return { failure, cause: await within(DIAGNOSIS_LIMIT_MS, explain(failure), signal, late) };
    } catch (broken) {
      signal?.throwIfAborted();
      const why = `its diagnosis failed: ${errorText(broken)}`;
      return {
        failure,
        cause: unexplained(failure.symptom, why),
        broken: new Error(`${failure.observed}; and ${why}`, { cause: broken }),
      };
    }
  }
}

/** @throws {UsageError} never: unknown ids were refused when the command line was read. */
function withNeeds(checks: readonly Check[], only: readonly string[] | undefined): Check[] {
  if (!only) return [...checks];
  const wanted = new Set(only);
  for (const check of [...checks].reverse()) {
    if (wanted.has(check.id)) for (const id of check.needs ?? []) wanted.add(id);
  }
  return checks.filter(({ id }) => wanted.has(id));
}

/** @param late what stands for work that is not done in time; without it that is an error. */
async function within<T>(
  limitMs: number,
  work: Promise<T>,
  signal: AbortSignal | undefined,
  late?: () => T,
): Promise<T> {
  const stopped = Promise.withResolvers<T>();
  const timer = setTimeout(() => {
    if (late) stopped.resolve(late());
    else stopped.reject(new Error(`it took longer than ${limitMs / 1000} s`));
  }, limitMs);
  const abort = () => stopped.reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, stopped.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
