/** Grades one submission in a testbed of its own: apply, check, and tell whose doing a failure was. */
import type { CauseId } from '../diagnosis/causes.ts';
import { errorText } from '../errors.ts';
import type { LoadedLab } from '../lab/load-lab.ts';
import { readTicks } from '../probes/left-running.ts';
import type { Docker } from '../testbed/docker.ts';
import { type EndedNode, findEndedNodes } from '../testbed/ended-nodes.ts';
import type { FreshTestbed } from '../testbed/ephemeral.ts';
import { cpuTimeOf, readUse } from '../testbed/node-use.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { applySubmission } from './apply-submission.ts';
import type { Step } from './graded.ts';
import { readLostPackets } from './lost-packets.ts';
import { reportOfNone } from './report-of-none.ts';
import { checkUntilSettled } from './settle.ts';
import { watchForStalls } from './stalls.ts';
import type { Submission } from './submissions/submission.ts';
import type { LabReport } from './verdict.ts';

export interface GradeOneOptions {
  readonly timeLimitMs: number;
  readonly signal?: AbortSignal;
}

/** What one attempt came to. `error` is set when it says nothing of the submission. */
export interface Attempt {
  readonly report: LabReport | null;
  readonly steps: readonly Step[];
  readonly notes: readonly string[];
  readonly error: string | null;
  /** It got as far as the submission's commands: there was a testbed for them. */
  readonly began: boolean;
  /** Nodes that ended for no reason that names the submission; twice the same is no accident. */
  readonly killed: readonly string[];
  /**
   * Others may have had a part in it: its time was up though it had hardly run, or packets found no room in the
   * kernel, which all testbeds share.
   */
  readonly disturbed: boolean;
  /** Everything went its ordinary way and came to rest: the testbed's containers may serve again. */
  readonly clean: boolean;
}

/** What an attempt came to that did not begin. */
export const NOTHING: Omit<Attempt, 'error'> = {
  report: null,
  steps: [],
  notes: [],
  began: false,
  killed: [],
  disturbed: false,
  clean: false,
};

/** Of its time, a submission that computes gets more than this. */
const RAN_SHARE = 0.25;

/** All checks of one submission; none of it may take longer, whatever was built. */
const CHECKING_LIMIT_MS = 120_000;

const LOST_TEXT =
  'While it was graded, the kernel had no room for all packets (in its queues, or in its table of neighbours).';

/** @throws only when aborted; whatever goes wrong is the attempt's error. */
export async function gradeOne(
  docker: Docker,
  lab: LoadedLab,
  { testbed, cpuMsBefore }: Pick<FreshTestbed, 'testbed' | 'cpuMsBefore'>,
  submission: Submission,
  { timeLimitMs, signal }: GradeOneOptions,
): Promise<Attempt> {
  const limit = AbortSignal.timeout(timeLimitMs + CHECKING_LIMIT_MS);
  const stop = signal ? AbortSignal.any([signal, limit]) : limit;
  let steps: Step[] = [];
  try {
    const [since, lostBefore] = await Promise.all([readTicks(testbed), readLostPackets(testbed)]);
    const stalls = watchForStalls(testbed, since, timeLimitMs);
    let stalled = false;
    try {
      steps = await applySubmission(testbed, submission, { timeLimitMs, signal: stop });
    } finally {
      stalled = await stalls.end();
    }
    const ended = await findEndedNodes(docker, testbed);
    if (ended.length > 0) return endedAttempt(lab, testbed, steps, ended);
    const timeWasUp = steps.some(({ outcome }) => outcome === 'time-limit');
    const ranMs = async () => cpuTimeOf(await readUse(testbed)) - cpuMsBefore;
    const waited = timeWasUp && stalled && (await ranMs()) < RAN_SHARE * timeLimitMs;
    const { report, leftRunning, passing, unstable } = await checkUntilSettled(lab, testbed, {
      since,
      signal: stop,
    });
    const error = report.checks.find(({ verdict }) => verdict === 'error');
    if (error) {
      const endedSince = await findEndedNodes(docker, testbed);
      if (endedSince.length > 0) return endedAttempt(lab, testbed, steps, endedSince);
    }
    const whole = report.checks.every(({ verdict }) => verdict === 'pass' || verdict === 'skipped');
    const lost = (await readLostPackets(testbed)) > lostBefore;
    const notes = whole || leftRunning.length === 0 ? [] : [leftText(leftRunning, unstable.length > 0)];
    if (lost && !whole) notes.push(LOST_TEXT);
    if (passing.length > 0) notes.push(`Can change by itself: ${listed(passing)}.`);
    return {
      report,
      steps,
      notes,
      began: true,
      error: error ? `the check "${error.id}" could not be made: ${error.observed}` : null,
      killed: [],
      disturbed: lost || (waited && !whole),
      clean: !error && !lost && unstable.length === 0 && steps.every(({ outcome }) => outcome === 'ended'),
    };
  } catch (error) {
    signal?.throwIfAborted();
    const ended = await findEndedNodes(docker, testbed).catch(() => []);
    if (ended.length > 0) return endedAttempt(lab, testbed, steps, ended);
    const text = limit.aborted ? `checking took longer than ${CHECKING_LIMIT_MS / 1000} s` : errorText(error);
    return { ...NOTHING, steps, began: true, error: text };
  }
}

function leftText(commands: readonly string[], restless: boolean): string {
  const list = listed(commands);
  return restless ? `The network did not come to rest: ${list} ran on.` : `Left running: ${list}.`;
}

function listed(names: readonly string[]): string {
  const more = names.length - 5;
  return names.slice(0, 5).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function endedAttempt(
  lab: LoadedLab,
  testbed: Testbed,
  steps: readonly Step[],
  ended: readonly EndedNode[],
): Attempt {
  const report = reportOfEnded(lab, testbed, ended);
  const killed = ended.filter(({ why }) => why === 'killed').map(({ node }) => node);
  const ownDoing = killed.length < ended.length;
  return {
    report,
    steps,
    notes: ended.map((each) => endedText(each)),
    began: true,
    error: ownDoing ? null : `${killed.join(', ')} was ended from outside`,
    killed: ownDoing ? [] : killed,
    disturbed: false,
    clean: false,
  };
}

const WHY: Readonly<Record<EndedNode['why'], string>> = {
  memory: 'its processes took all the memory it may have',
  'by-itself': 'the first process in it was ended, as by reboot',
  killed: 'its container was ended',
};

export function endedText({ node, why }: EndedNode): string {
  return `${node} ended while the submission ran in it: ${WHY[why]}.`;
}

const CAUSE: CauseId = 'node-ended';

/** What is built by hand does not outlive its node: nothing is left to be checked. */
export function reportOfEnded(
  lab: LoadedLab,
  testbed: Pick<Testbed, 'identity'>,
  ended: readonly EndedNode[],
): LabReport {
  const text = ended.map(endedText).join(' ');
  const cause = { id: CAUSE, where: ended[0]?.node ?? '', text };
  return reportOfNone(lab, testbed.identity.seed, text, cause);
}
