/** Which faults are drawn for which lab: pairs of pods of every lab that has any, kinds in turn. */
import type { LoadedLab } from '../../harness/src/lab/load-lab.ts';
import { Chance } from './draw-faults.ts';
import { KINDS } from './fault-kinds.ts';
import { TARGETED } from './service-kinds.ts';

export interface Draw {
  readonly lab: LoadedLab;
  readonly source: 'single' | 'double' | 'service';
  /** Kinds to try in this order, until one makes sense there (two for a double). */
  readonly kinds: readonly string[];
  readonly from: string;
  readonly to: string;
  readonly seed: string;
}

interface Wanted {
  readonly seed: string;
  readonly singles: number;
  readonly doubles: number;
  /** Faults in Services, node ports, names and the way out. */
  readonly services: number;
  /** These kinds alone, each once for each lab. */
  readonly kinds: readonly string[] | null;
}

export function drawAll(
  labs: readonly LoadedLab[],
  { seed, singles, doubles, services, kinds }: Wanted,
): Draw[] {
  const usable = labs.filter((lab) => pairsOf(lab).length > 0);
  const serving = usable.filter(({ topology }) => Object.keys(topology.services).length > 0);
  if (usable.length === 0) return [];
  const chance = new Chance(`faults ${seed}`);
  const draw = (source: Draw['source'], first: string, lab: LoadedLab): Draw => {
    const [from, to] = chance.pick(pairsOf(lab));
    const rest = shuffled(
      Object.keys(KINDS).filter((kind) => kind !== first),
      chance,
    );
    return { lab, source, kinds: [first, ...rest], from, to, seed: `${seed}-${chance.below(1_000_000)}` };
  };
  if (kinds) {
    return usable.flatMap((lab) =>
      kinds.map((kind) => ({ ...draw(kind in TARGETED ? 'service' : 'single', kind, lab), kinds: [kind] })),
    );
  }
  const targeted = shuffled(Object.keys(TARGETED), new Chance(`services ${seed}`));
  const drawTargeted = (index: number): Draw => {
    const lab = serving[index % serving.length] as LoadedLab;
    const first = index % targeted.length;
    const kinds = [...targeted.slice(first), ...targeted.slice(0, first)];
    return { lab, source: 'service', kinds, from: '', to: '', seed: `${seed}-${chance.below(1_000_000)}` };
  };
  const order = shuffled(Object.keys(KINDS), chance);
  const kindAt = (index: number) => order[index % order.length] as string;
  return [
    ...Array.from({ length: singles }, (_, index) =>
      draw('single', kindAt(index), usable[index % usable.length] as LoadedLab),
    ),
    ...Array.from({ length: doubles }, () => draw('double', chance.pick(order), chance.pick(usable))),
    ...(serving.length === 0 ? [] : Array.from({ length: services }, (_, index) => drawTargeted(index))),
  ];
}

/** Pods of one node, and pods of different nodes. */
function pairsOf({ topology }: LoadedLab): (readonly [string, string])[] {
  const pods = Object.entries(topology.nodes).flatMap(([node, { pods: names }]) =>
    names.map((pod) => ({ node, pod })),
  );
  return pods.flatMap((from) =>
    pods.filter((to) => to.pod !== from.pod).map((to) => [`pod/${from.pod}`, `pod/${to.pod}`] as const),
  );
}

function shuffled<T>(list: readonly T[], chance: Chance): T[] {
  const left = [...list];
  const order: T[] = [];
  while (left.length > 0) order.push(...left.splice(chance.below(left.length), 1));
  return order;
}
