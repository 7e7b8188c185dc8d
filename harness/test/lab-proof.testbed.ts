/**
 * The proof of every lab: untouched it fails as announced, its guide turns checks green in order, every
 * other right answer passes, every fault is caught by the named check with the named cause, nothing is
 * left. A new lab is proved by being there; PODWIRE_LABS=03,05 proves these alone.
 */
import { randomBytes } from 'node:crypto';
import { applyFault, applyFences } from '../src/grading/apply.ts';
import { runChecks } from '../src/grading/run-checks.ts';
import type { LabReport, Verdict } from '../src/grading/verdict.ts';
import { type LoadedLab, listLabs, loadLab, readAnswers, readFaults } from '../src/lab/load-lab.ts';
import { LABEL, listContainers } from '../src/testbed/containers.ts';
import { startLab, startSolved, type TestTestbed } from './testbeds.ts';

const chosen = process.env.PODWIRE_LABS?.split(',');
const folders = (await listLabs()).filter(({ number }) => !chosen || chosen.includes(number));
const labs = await Promise.all(
  folders.map(async (folder) => ({
    lab: await loadLab(folder),
    answers: await readAnswers(folder),
    faults: await readFaults(folder),
  })),
);

/** Another plan in every run, named in the title so that a failure can be repeated. */
const seed = process.env.PODWIRE_SEED ?? randomBytes(4).toString('hex');

function verdicts(report: LabReport): Record<string, Verdict> {
  return Object.fromEntries(report.checks.map(({ id, verdict }) => [id, verdict]));
}

/** Everything but what passed, with its reason: what one wants to read when a proof fails. */
function troubles(report: LabReport): unknown[] {
  return report.checks
    .filter(({ verdict }) => verdict !== 'pass' && verdict !== 'skipped')
    .map(({ id, verdict, observed, cause }) => ({ id, verdict, observed, cause }));
}

/** Beside a difference stands what the checks said: a rare failure may not come again. */
function expectOf(report: LabReport, seen: object, expected: object): void {
  const said = troubles(report);
  expect({ ...seen, said }).toEqual({ ...expected, said });
}

function passing(report: LabReport): string[] {
  return report.checks.filter(({ verdict }) => verdict === 'pass').map(({ id }) => id);
}

/** What passes before anything is done: whatever no step claims to turn green. */
function passesFromTheStart(lab: LoadedLab): string[] {
  const turned = new Set(lab.guide.steps.flatMap(({ turnsGreen }) => turnsGreen));
  return lab.checks.map(({ id }) => id).filter((id) => !turned.has(id));
}

for (const { lab, answers, faults } of labs) {
  describe(`lab ${lab.number}`, () => {
    test.concurrent('step by step, the guide turns checks green in the announced order', async () => {
      await using started = await startLab(lab);
      const green = passesFromTheStart(lab);
      const untouched = await runChecks(lab, started.testbed);
      expect(passing(untouched)).toEqual(green);
      expect(untouched.checks.filter(({ verdict }) => verdict === 'error')).toEqual([]);
      for (const step of lab.guide.steps) {
        await applyFences(started.testbed, step.fences);
        green.push(...step.turnsGreen);
        const report = await runChecks(lab, started.testbed);
        expect({ step: step.number, passing: passing(report).sort() }).toEqual({
          step: step.number,
          passing: [...green].sort(),
        });
      }
    });

    test.concurrent.each([null, seed])(
      'the whole guide passes (seed %s), and nothing is left after it',
      async (with_) => {
        const started = await startLab(lab, with_);
        try {
          // As a learner would who follows it to the letter: what only looks has to work too.
          for (const step of lab.guide.steps) await applyFences(started.testbed, step.fences);
          expect(troubles(await runChecks(lab, started.testbed))).toEqual([]);
        } finally {
          await started[Symbol.asyncDispose]();
        }
        expect(
          await listContainers(started.docker, { [LABEL.testbed]: started.blueprint.identity.id }),
        ).toEqual([]);
      },
    );

    // By turns on the canonical plan and on another one; the guide is proved on both.
    const variants = answers.map((answer, index) => [answer.name, index % 2 ? null : seed, answer] as const);
    test.concurrent.each(variants)('the answer "%s" passes (seed %s)', async (_name, with_, answer) => {
      await using started = await startLab(lab, with_);
      await applyFences(started.testbed, answer.fences);
      const report = await runChecks(lab, started.testbed);
      const declared = Object.fromEntries(lab.checks.map(({ id }) => [id, answer.doesNotAim[id] ?? 'pass']));
      expectOf(report, { verdicts: verdicts(report) }, { verdicts: declared });
    });

    /** Solved testbeds whose last fault was repaired, and the check that caught it is green again: there for the next. */
    const solved: TestTestbed[] = [];
    afterAll(() => Promise.all(solved.map((started) => started[Symbol.asyncDispose]())));

    const drills = faults.map((fault) => [fault.id, fault.caughtBy, fault.cause, fault] as const);
    test.concurrent.each(drills)(
      'the fault "%s" is caught by %s, which names %s; repairing it turns that green',
      async (_id, _check, _cause, fault) => {
        const started = solved.pop() ?? (await startSolved(lab));
        await using whatIsLeft = new AsyncDisposableStack();
        whatIsLeft.use(started);
        await applyFault(started.testbed, fault, 'apply');
        const broken = await runChecks(lab, started.testbed, { only: [fault.caughtBy] });
        const named = broken.checks.find(({ id }) => id === fault.caughtBy);
        // A reason that an earlier check has named already is told there.
        const earlier = named?.verdict === 'blocked' && named.cause !== null;
        const caught = earlier ? broken.checks.find(({ id }) => id === named.blockedBy) : named;
        expectOf(
          broken,
          { verdict: caught?.verdict, cause: caught?.cause?.id },
          { verdict: 'fail', cause: fault.cause },
        );
        await applyFault(started.testbed, fault, 'repair');
        // All others are asked when all faults are repaired.
        const only = broken.checks.filter(({ verdict }) => verdict !== 'pass').map(({ id }) => id);
        expect(troubles(await runChecks(lab, started.testbed, { only }))).toEqual([]);
        whatIsLeft.move();
        solved.push(started);
      },
    );

    // After all of the above: a test that is not concurrent waits for those before it.
    test('where all faults are repaired every check passes', async () => {
      for (const { testbed } of solved) expect(troubles(await runChecks(lab, testbed))).toEqual([]);
    });

    test('every check is caught failing by at least one fault, and every id is known', () => {
      const ids = lab.checks.map(({ id }) => id);
      expect([...new Set(faults.map(({ caughtBy }) => caughtBy))].sort()).toEqual([...ids].sort());
    });
  });
}
