/** Puts faults into solved testbeds, and asks the checks and the walk what they are. */

import type { WalkRequest } from '../../harness/src/diagnosis/walk/walk.ts';
import { walkPacket } from '../../harness/src/diagnosis/walk/walk-packet.ts';
import { errorText } from '../../harness/src/errors.ts';
import { applyFault, applyFences } from '../../harness/src/grading/apply.ts';
import { type RunChecksOptions, runChecks } from '../../harness/src/grading/run-checks.ts';
import type { CheckResult } from '../../harness/src/grading/verdict.ts';
import type { Fault } from '../../harness/src/lab/define-lab.ts';
import type { LoadedLab } from '../../harness/src/lab/load-lab.ts';
import type { Testbed } from '../../harness/src/testbed/testbed.ts';
import { startLab, type TestTestbed } from '../../harness/test/testbeds.ts';
import type { Draw } from './draw-all.ts';
import { both, Chance, makeFault } from './draw-faults.ts';
import type { DrawnFault } from './fault-kinds.ts';
import { readGround } from './ground.ts';
import { losesNothing, type Measured, NOTHING } from './measured.ts';
import { TARGETED } from './service-kinds.ts';

/** What the guide only looks at is left out: it changes nothing, and takes time. */
async function startAtEnd(lab: LoadedLab, plan: string | null): Promise<TestTestbed> {
  const started = await startLab(lab, plan);
  try {
    await applyFences(
      started.testbed,
      lab.guide.steps.flatMap(({ fences }) => fences).filter(({ look }) => !look),
    );
    return started;
  } catch (error) {
    await started[Symbol.asyncDispose]();
    throw error;
  }
}

/** Solved testbeds of labs, used again for the next fault of the lab when the last one has been repaired. */
export class SolvedTestbeds implements AsyncDisposable {
  readonly #plan: string | null;
  readonly #idle = new Map<string, TestTestbed[]>();

  /** @param plan the seed of the address plan; null: the canonical one. */
  constructor(plan: string | null) {
    this.#plan = plan;
  }

  /** `use` says whether the testbed is again as it was. */
  async with<T>(lab: LoadedLab, use: (started: TestTestbed) => Promise<readonly [T, boolean]>): Promise<T> {
    const idle = this.#idle.get(lab.number) ?? [];
    this.#idle.set(lab.number, idle);
    const started = idle.pop() ?? (await startAtEnd(lab, this.#plan));
    let isWhole = false;
    try {
      const [found, whole] = await use(started);
      isWhole = whole;
      return found;
    } finally {
      if (isWhole) idle.push(started);
      else await started[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#idle.values()].flat().map((started) => started[Symbol.asyncDispose]()));
  }
}

export function measureLabFault(
  testbeds: SolvedTestbeds,
  lab: LoadedLab,
  fault: Fault,
): Promise<Omit<Measured, 'id'>> {
  return testbeds.with(lab, async ({ testbed }) => {
    await applyFault(testbed, fault, 'apply');
    const { checks, diagnosisMs } = await check(lab, testbed, { only: [fault.caughtBy] });
    const named = checks.find(({ id }) => id === fault.caughtBy);
    if (named?.verdict === 'error') throw new Error(named.observed);
    const caught =
      named?.verdict === 'blocked' && named.cause ? named : named?.verdict === 'fail' ? named : null;
    const probe = caught?.probe;
    const walked = probe ? await walk(testbed, probe, placesOf(testbed, fault, probe)) : null;
    const about = { lab: lab.number, fault: fault.id, source: 'lab' as const, wanted: [fault.cause] };
    return [
      { ...about, checked: checkedOf(caught, diagnosisMs), walked },
      await isRepaired(testbed, lab, fault),
    ] as const;
  });
}

/** The lab's own proof shows that a repair is one; here the check that caught the fault has to pass again. */
async function isRepaired(testbed: Testbed, lab: LoadedLab, fault: Fault): Promise<boolean> {
  try {
    await applyFault(testbed, fault, 'repair');
    const { checks } = await runChecks(lab, testbed, { only: [fault.caughtBy] });
    return checks.every(({ verdict }) => verdict === 'pass' || verdict === 'skipped');
  } catch {
    return false;
  }
}

/**
 * Where a packet can be in hand when a lab's fault loses it: the hosts that the fault is put into, what shares a node
 * with them (where ARP is not answered the packet never leaves its sender), and, for what is not at the place of its
 * cause, whoever has to do with the probe.
 */
function placesOf(testbed: Testbed, fault: Fault, probe: WalkRequest): string[] {
  const { plan } = testbed;
  const nodes = new Set(Object.keys(fault.apply).map((name) => testbed.host(name).node));
  const near = [...nodes].flatMap((node) => [
    node,
    ...Object.keys(plan.pods)
      .filter((pod) => plan.pods[pod]?.node === node)
      .map((pod) => `pod/${pod}`),
  ]);
  const routers = Object.keys(plan.nodes).filter((node) => plan.nodes[node]?.podCidr === null);
  const everywhere = [...Object.keys(plan.nodes), ...Object.keys(plan.pods).map((pod) => `pod/${pod}`)];
  if (ELSEWHERE.has(fault.cause)) return everywhere;
  return [...near, ...(AT_ROUTERS.has(fault.cause) ? routers : []), probe.from];
}

/** The packet was sent to the wrong place by what is wrong here. */
const ELSEWHERE = new Set([
  ...['vtep-fdb-wrong', 'vtep-mac-wrong', 'vni-mismatch', 'vxlan-port-mismatch', 'wrong-next-hop'],
  ...['wrong-target-port', 'stale-endpoint', 'masquerade-missing', 'masquerade-wrong-address'],
  ...['vtep-no-address', 'snat-wrong-address', 'local-to-remote'],
]);
/** What nobody translates or masquerades gets to a router, which knows neither pods nor Services. */
const AT_ROUTERS = new Set([
  ...['no-dnat', 'service-hook-missing', 'wrong-protocol', 'wrong-service-port', 'last-rule-conditional'],
  ...['no-masquerade', 'snat-wrong-address', 'no-route', 'no-reject', 'link-down', 'route-without-via'],
]);

/** Null where no kind makes sense there. */
export function measureDrawn(testbeds: SolvedTestbeds, draw: Draw): Promise<Omit<Measured, 'id'> | null> {
  return testbeds.with(draw.lab, async ({ testbed }) => {
    const made = await makeDrawn(draw, testbed);
    return made ? [await measureMade(draw, made, testbed), false] : [null, true];
  });
}

async function measureMade(
  { lab, source }: Draw,
  { fault, probe }: { readonly fault: DrawnFault; readonly probe: WalkRequest },
  testbed: Testbed,
): Promise<Omit<Measured, 'id'>> {
  const about = {
    lab: lab.number,
    fault: `${fault.kind} (${probe.from} to ${probe.to}, ${fault.protocol})`,
    source,
    wanted: fault.causes,
  };
  try {
    for (const [host, commands] of Object.entries(fault.apply))
      await applyFault(testbed, asFault(host, commands), 'apply');
  } catch (error) {
    return { ...about, checked: null, walked: null, skipped: `not put in: ${errorText(error)}` };
  }
  const walked = await walk(testbed, probe, fault.lostIn);
  const { checks, diagnosisMs } = await check(lab, testbed);
  const failed = checks.find(({ verdict }) => verdict === 'fail');
  return { ...about, checked: checkedOf(failed, diagnosisMs), walked };
}

async function makeDrawn(
  draw: Draw,
  testbed: Testbed,
): Promise<{ fault: DrawnFault; probe: WalkRequest } | null> {
  const chance = new Chance(draw.seed);
  if (draw.source === 'service') {
    for (const kind of draw.kinds) {
      const made = TARGETED[kind]?.(testbed, (most) => chance.below(most));
      if (!made) continue;
      const { from, to, protocol, count } = made;
      return { fault: { ...made, kind }, probe: { from, to, protocol, ...(count ? { count } : {}) } };
    }
    return null;
  }
  const ground = await readGround(testbed, draw.from, draw.to);
  if (!ground) return null;
  const made: DrawnFault[] = [];
  for (const kind of draw.kinds) {
    const fault = makeFault(kind, ground, chance);
    if (fault) made.push(fault);
    if (made.length === (draw.source === 'double' ? 2 : 1)) break;
  }
  const [first, second] = made;
  if (!first) return null;
  const fault = second ? both(first, second) : first;
  const { protocol, size } = fault;
  const probe = { from: draw.from, to: ground.to.address, protocol, ...(size ? { size } : {}) };
  return { fault, probe };
}

function asFault(host: string, commands: string): Fault {
  return { id: '', title: '', caughtBy: '', cause: '', apply: { [host]: commands }, repair: {} };
}

/** Runs the checks, and tells how long the longest diagnosis took. */
async function check(
  lab: LoadedLab,
  testbed: Testbed,
  options: RunChecksOptions = {},
): Promise<{ readonly checks: readonly CheckResult[]; readonly diagnosisMs: number }> {
  let diagnosisMs = 0;
  const onDiagnosed = (ms: number) => {
    diagnosisMs = Math.max(diagnosisMs, Math.round(ms));
  };
  const { checks } = await runChecks(lab, testbed, { ...options, onDiagnosed });
  return { checks, diagnosisMs };
}

function checkedOf(
  failed: CheckResult | null | undefined,
  diagnosisMs: number,
): NonNullable<Measured['checked']> {
  if (!failed) return { cause: NOTHING, where: '', ms: 0 };
  const { cause, durationMs: ms } = failed;
  return { cause: cause?.id ?? 'unknown', where: cause?.where ?? '', ms, diagnosisMs };
}

async function walk(
  testbed: Testbed,
  probe: WalkRequest,
  lostIn: readonly string[],
): Promise<NonNullable<Measured['walked']>> {
  const { loss, deviations, sentence, durationMs: ms } = await walkPacket(testbed, probe);
  if (!loss) {
    const [deviation] = deviations;
    return {
      cause: deviation?.id ?? NOTHING,
      where: deviation?.where ?? '',
      lastHopRight: null,
      sentence,
      ms,
    };
  }
  const [cause] = loss.causes;
  return {
    cause: cause?.id ?? 'unknown',
    where: loss.where,
    lastHopRight: lostIn.includes(loss.where),
    sentence,
    ms,
  };
}

export function tellMeasured({ lab, fault, wanted, checked, walked, skipped }: Measured): string {
  const mark = (cause: string | undefined) =>
    cause === undefined
      ? '-'
      : cause === NOTHING && losesNothing({ fault, wanted })
        ? 'arrived'
        : wanted.includes(cause)
          ? 'ok'
          : `NOT ${cause}`;
  const hop = walked?.lastHopRight === false ? `; lost in ${walked.where}?` : '';
  const why =
    walked && (!/^(ok|arrived)$/.test(mark(walked.cause)) || hop) ? `\n      ${walked.sentence}` : '';
  return `${lab} ${fault}: ${wanted.join('/')}: check ${mark(checked?.cause)} (${checked?.diagnosisMs ?? 0} ms), walk ${mark(walked?.cause)}${hop}${skipped ? ` [${skipped}]` : ''}${why}`;
}
