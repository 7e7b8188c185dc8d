/** What each operation of the API does. */
import { setTimeout as delay } from 'node:timers/promises';
import { listLabs, readFaults, readGuide } from '../lab/load-lab.ts';
import { partOf } from '../lab/parts.ts';
import { readProgress } from '../live/progress-file.ts';
import { drawTopology } from '../topology/diagram.ts';
import { drawTopologySvg } from '../topology/diagram-svg.ts';
import type { HostInfo, LabDetail, LiveLab } from './api.ts';
import type { Bench } from './bench.ts';
import type { Benches } from './benches.ts';
import type { AnswerOf, BodyOf, OperationName } from './operations.ts';

export interface Question<Name extends OperationName> {
  /** Empty where the path has no lab. */
  readonly lab: string;
  readonly seed: string | null;
  readonly authorized: boolean;
  readonly body: BodyOf<Name>;
}

export type Answers = {
  readonly [Name in OperationName]: (question: Question<Name>) => Promise<Unchanged<AnswerOf<Name>>>;
};

/** An answer is written out and not changed any more. */
type Unchanged<T> = T extends object ? { readonly [Key in keyof T]: Unchanged<T[Key]> } : T;

/** A client waits no longer for a command; the events tell how it goes on. */
const ANSWER_WITHIN_MS = 20_000;

export function answersOf(benches: Benches, version: string): Answers {
  const bench = ({ lab, seed }: { readonly lab: string; readonly seed: string | null }) =>
    benches.find(lab, seed);
  const command = async (of: Bench, done: Promise<void>): Promise<LiveLab> => {
    await Promise.race([done, delay(ANSWER_WITHIN_MS, undefined, { ref: false })]);
    return of.describe();
  };
  return {
    server: async ({ authorized }) => ({ name: 'podwire', version, authorized }),
    labs: async ({ seed }) => ({ labs: await benches.list(seed) }),
    lab: async (question) => describeLab(await bench(question)),
    live: async (question) => (await bench(question)).describe(),
    plan: async (question) => (await bench(question)).plan,
    diagram: async (question) => {
      const { lab, plan, identity } = await bench(question);
      return {
        lab: lab.number,
        seed: identity.seed,
        topology: lab.topology,
        plan,
        text: drawTopology(lab.topology, plan),
        svg: {
          wide: drawTopologySvg(lab.topology, plan, { room: 'wide' }),
          narrow: drawTopologySvg(lab.topology, plan, { room: 'narrow' }),
        },
      };
    },
    open: async (question) => {
      const found = await bench(question);
      return command(found, found.open());
    },
    reset: async (question) => {
      const found = await bench(question);
      return command(found, found.reset());
    },
    close: async (question) => {
      const found = await bench(question);
      return command(found, found.close());
    },
    solve: async (question) => {
      const found = await bench(question);
      return command(found, found.solve(question.body.to));
    },
    break: async (question) => {
      const { lab, body } = question;
      const fault = await (await bench(question)).breakBy(body.fault);
      // Which one it is, is for the learner to find.
      return { lab, fault: body.fault === undefined ? null : fault.id };
    },
    check: async (question) => (await bench(question)).check(question.body.only),
    hint: async (question) => (await bench(question)).hint(question.body.check),
    trace: async (question) => {
      const { protocol, size, count, ...request } = question.body;
      return (await bench(question)).walk({
        ...request,
        ...(protocol === undefined ? {} : { protocol }),
        ...(size === undefined ? {} : { size }),
        ...(count === undefined ? {} : { count }),
      });
    },
  };
}

/** All of it is read from files: a lab can be looked at where no engine runs. */
async function describeLab(bench: Bench): Promise<Unchanged<LabDetail>> {
  const { lab, plan, identity } = bench;
  const [labs, progress, faults] = await Promise.all([listLabs(), readProgress(), readFaults(lab)]);
  const next = labs.find(({ number }) => number > lab.number);
  const hosts: HostInfo[] = [
    ...Object.keys(plan.nodes).map((name) => ({ name, kind: 'node' as const, node: name })),
    ...Object.entries(plan.pods).map(([pod, { node }]) => ({
      name: `pod/${pod}`,
      kind: 'pod' as const,
      node,
    })),
  ];
  return {
    lab: lab.number,
    slug: lab.slug,
    title: lab.guide.title,
    part: partOf(lab.number),
    minutes: lab.guide.minutes,
    question: lab.guide.question,
    progress: progress[lab.number] ?? null,
    phase: bench.phase,
    seed: identity.seed,
    needs: lab.guide.needs,
    hosts,
    checks: lab.checks.map(({ id, title, needs, hints }) => ({
      id,
      title,
      needs: needs ?? [],
      hints: hints.length,
    })),
    steps: lab.guide.steps,
    faults: faults.length,
    plan: plan,
    nextLab: next ? { number: next.number, slug: next.slug, title: (await readGuide(next)).title } : null,
  };
}
