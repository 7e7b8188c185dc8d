/** All benches of a server: one for each lab and seed that somebody asked for. */
import { findLab, listLabs, loadLab, readGuide } from '../lab/load-lab.ts';
import { partOf } from '../lab/parts.ts';
import { readProgress } from '../live/progress-file.ts';
import { watchTestbeds } from '../testbed/engine-events.ts';
import { learnersTestbed } from '../testbed/identity.ts';
import { findTestbeds, type TestbedState } from '../testbed/inventory.ts';
import type { LabSummary, Phase } from './api.ts';
import { Bench, type Workshop } from './bench.ts';
import { ApiError, isEngineGone } from './problems.ts';

/** More seeds than a large class has students. */
const MOST_BENCHES = 300;

const PHASES: Readonly<Record<TestbedState, Phase>> = {
  ready: 'open',
  building: 'opening',
  abandoned: 'closed',
  stopped: 'lost',
};

export class Benches {
  readonly #workshop: Workshop;
  readonly #benches = new Map<string, Promise<Bench>>();
  readonly #ready = new Map<string, Bench>();

  constructor(workshop: Workshop) {
    this.#workshop = workshop;
    watchTestbeds(workshop.docker, workshop.signal, (id) => {
      for (const bench of this.#ready.values())
        if (id === null || bench.identity.id === id) bench.refresh().catch(() => {});
    });
  }

  /** @throws {ApiError} when there is no such lab, or there are too many seeds. */
  async find(number: string, seed: string | null): Promise<Bench> {
    const { id } = learnersTestbed(number, seed);
    const known = this.#benches.get(id);
    if (known) return known;
    if (this.#benches.size >= MOST_BENCHES) this.#forgetOne();
    const making = this.#make(number, seed);
    this.#benches.set(id, making);
    try {
      const bench = await making;
      this.#ready.set(id, bench);
      return bench;
    } catch (error) {
      this.#benches.delete(id);
      throw error;
    }
  }

  async list(seed: string | null): Promise<LabSummary[]> {
    const { docker } = this.#workshop;
    const [folders, progress, testbeds] = await Promise.all([
      listLabs(),
      readProgress(),
      // The list of labs is there to be read where no engine runs.
      findTestbeds(docker).catch((error) => {
        if (isEngineGone(error)) return [];
        throw error;
      }),
    ]);
    return Promise.all(
      folders.map(async (folder) => {
        const { title, minutes, question } = await readGuide(folder);
        const { id } = learnersTestbed(folder.number, seed);
        const found = testbeds.find((testbed) => testbed.id === id);
        return {
          lab: folder.number,
          slug: folder.slug,
          title,
          part: partOf(folder.number),
          minutes,
          question,
          progress: progress[folder.number] ?? null,
          phase: this.#ready.get(id)?.phase ?? (found ? PHASES[found.state] : 'closed'),
        };
      }),
    );
  }

  /** Ends every terminal and session. Testbeds stay. */
  async leave(): Promise<void> {
    await Promise.allSettled([...this.#ready.values()].map((bench) => bench.leave()));
  }

  async #make(number: string, seed: string | null): Promise<Bench> {
    const known = (await listLabs()).map((lab) => lab.number);
    if (!known.includes(number))
      throw new ApiError('not-found', `There is no lab "${number}". There are: ${known.join(', ')}.`);
    const bench = new Bench(await loadLab(await findLab(number)), seed, this.#workshop, () =>
      this.#admitOne(),
    );
    await bench.refresh();
    return bench;
  }

  /** @throws {ApiError} when as many labs are open as may be. */
  #admitOne(): void {
    const open = [...this.#ready.values()].filter(({ phase }) => phase !== 'closed');
    if (open.length < this.#workshop.limits.open) return;
    throw new ApiError(
      'too-many-requests',
      `${open.length} labs are open here, with different seeds, and there may be no more. Close one first.`,
    );
  }

  #forgetOne(): void {
    for (const [id, bench] of this.#ready) {
      // One that is open is counted.
      if (!bench.isIdle || bench.phase !== 'closed') continue;
      this.#ready.delete(id);
      this.#benches.delete(id);
      bench.leave();
      return;
    }
    throw new ApiError('too-many-requests', `${MOST_BENCHES} labs with different seeds are in use here.`);
  }
}
