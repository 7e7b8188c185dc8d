/** Tries every primitive in one go, in a node: a script for all, and the reading of what it prints. */
import type { Primitive } from './primitives.ts';

export interface Trial {
  readonly primitive: Primitive;
  readonly works: boolean;
  /** It came to its own end: what it says is not for want of time. */
  readonly ended: boolean;
  /** The last line that the primitive's script wrote. */
  readonly found: string;
}

const MARK = '@@';
const DEADLINE_SECONDS = 15;

/**
 * Runs a shell script, its last argument, in a network namespace of its own and with a /run of its own, where
 * names of namespaces and locks go: whoever watches the node sees nothing of it, and nothing stays.
 */
export const ALONE = `unshare --net --mount sh -c 'mount -t tmpfs none /run && exec sh -ec "$1"' -`;

/**
 * One shell script that tries all of them side by side, each alone, and prints `@@ ID STATUS` and the last
 * line of each.
 */
export function trialScript(primitives: readonly Primitive[]): string {
  const tries = primitives.map(({ id, script }) => `try ${id} ${quote(`peer=doctor-${id}\n${script}`)} &`);
  return `
results=$(mktemp -d)
try() {
  timeout ${DEADLINE_SECONDS} ${ALONE} "$2" >"$results/$1.out" 2>&1 </dev/null
  echo $? >"$results/$1.status"
}
${tries.join('\n')}
wait
for status in "$results"/*.status; do
  id=\${status##*/}; id=\${id%.status}
  echo "${MARK} $id $(cat "$status")"
  grep -v '^$' "$results/$id.out" | tail -n 1
done
rm -r "$results"`;
}

/** A primitive of which nothing is said does not work: its trial did not get to its end. */
export function readTrials(primitives: readonly Primitive[], output: string): Trial[] {
  const said = new Map<string, { status: number; found: string }>();
  for (const part of output.split(new RegExp(`^${MARK} `, 'm')).slice(1)) {
    const [head = '', ...rest] = part.split('\n');
    const [id = '', status] = head.split(' ');
    said.set(id, { status: Number(status), found: rest.join('\n').trim() });
  }
  return primitives.map((primitive) => {
    const trial = said.get(primitive.id);
    if (!trial) return { primitive, works: false, ended: false, found: 'its trial was cut off' };
    if (trial.status === 124)
      return { primitive, works: false, ended: false, found: `no end within ${DEADLINE_SECONDS} s` };
    return { primitive, works: trial.status === 0, ended: true, found: trial.found };
  });
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
