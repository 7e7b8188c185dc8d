/** Which processes of a testbed's nodes somebody left running: they can go on changing the network. */
import type { Testbed } from '../testbed/testbed.ts';

export interface RunningProcess {
  readonly node: string;
  readonly command: string;
  /** One letter (man 5 proc): `D` waits in the kernel and cannot be disturbed, `R` runs or would like to. */
  readonly state: string;
  readonly threads: number;
  /** It was there before the submission. */
  readonly older: boolean;
}

/** Clock ticks since the machine began (man 5 proc); on every Linux that Docker runs on there are 100 in a second. */
const TICKS_PER_SECOND = 100;

/** The time of the testbed's machine, to compare when processes were started. */
export async function readTicks(testbed: Testbed): Promise<number> {
  const { stdout } = await testbed.runInFabric(['cat', '/proc/uptime']);
  return Math.floor(Number(stdout.split(' ')[0]) * TICKS_PER_SECOND);
}

/** One program for all of /proc. The first line of a control group file tells one container from another. */
const READ = `
/usr/lib/podwire/agent world "$@"
grep -sHm1 '' /proc/[0-9]*/cgroup
grep -sH '' /proc/[0-9]*/stat
exit 0`;

interface Status {
  readonly command: string;
  readonly state: string;
  readonly threads: number;
  readonly start: number;
}

/** The processes in the nodes' worlds and their containers, and whether they were started at that time or later. */
export async function readProcesses(testbed: Testbed, since: number): Promise<RunningProcess[]> {
  const { nodes } = testbed;
  const inits = nodes.map((node) => String(testbed.initOf(node)));
  const { stdout } = await testbed.runInFabric(['sh', '-c', READ, '-', ...inits], { keepBytes: 1 << 24 });
  return parseProcesses(stdout, nodes, since);
}

export function parseProcesses(printed: string, nodes: readonly string[], since: number): RunningProcess[] {
  const lines = printed.split('\n');
  const worlds = lines.slice(0, nodes.length);
  const cgroups = new Map<string, string>();
  const stats = new Map<string, Status>();
  for (const line of lines.slice(nodes.length)) {
    const [, pid = '', file, content = ''] = /^\/proc\/(\d+)\/(cgroup|stat):(.*)$/.exec(line) ?? [];
    if (file === 'cgroup') cgroups.set(pid, content);
    const [, command, rest] = (file === 'stat' && /^\d+ \((.*)\) (.*)$/.exec(content)) || [];
    if (command === undefined) continue;
    // The state is field 3, the number of threads field 20, the start time field 22.
    const fields = rest?.split(' ') ?? [];
    stats.set(pid, {
      command,
      state: fields[0] ?? '',
      threads: Number(fields[17]),
      start: Number(fields[19]),
    });
  }
  return [...cgroups].flatMap(([pid, cgroup]) => {
    const node = nodes.find((_, index) => cgroups.get(worlds[index] ?? '') === cgroup);
    if (node === undefined) return [];
    // A process may have given itself a name over several lines, which leaves its status unread: it counts.
    const { command, state, threads, start } = stats.get(pid) ?? {
      command: '?',
      state: '',
      threads: 1,
      start: since,
    };
    return { node, command, state, threads, older: start < since };
  });
}

/** A zombie runs no more, unless only the first of its threads has ended. */
export function isLeftRunning({ older, state, threads }: RunningProcess): boolean {
  return !older && (state !== 'Z' || threads > 1);
}
