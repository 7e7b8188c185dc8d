/**
 * The processes of a node's world, as the fabric sees them: which namespaces each one is in, and which of
 * them listen on which ports. A container is nothing but processes that are in the same namespaces.
 */
import { TestbedError } from '../errors.ts';
import type { Testbed } from '../testbed/testbed.ts';

export interface WorldProcess {
  /** As the engine's host numbers it. */
  readonly pid: number;
  readonly command: string;
  /** Clock ticks since the machine began: the larger, the younger (man 5 proc, /proc/PID/stat). */
  readonly startedAt: number;
  /** Namespaces, as `net:[4026532321]`: equal text, same namespace. */
  readonly net: string;
  readonly mnt: string;
  readonly uts: string;
}

/** A TCP socket that waits for connections, and who has it. */
export interface Listener {
  readonly net: string;
  readonly address: string;
  readonly port: number;
  readonly owners: readonly WorldProcess[];
}

export interface NodeProcesses {
  /** The first process of the world: it is in the node's own namespaces. */
  readonly first: WorldProcess;
  readonly all: readonly WorldProcess[];
  readonly listeners: readonly Listener[];
}

/** One program for all of /proc: a `readlink` for each process would take longer than all checks together. */
const READ = `
/usr/lib/podwire/agent world "$1"
readlink /proc/self/ns/user
stat -c %N /proc/[0-9]*/ns/user /proc/[0-9]*/ns/net /proc/[0-9]*/ns/mnt /proc/[0-9]*/ns/uts 2>/dev/null
grep -sH '' /proc/[0-9]*/cgroup
grep -sH '' /proc/[0-9]*/stat
exit 0`;

export async function readProcesses(testbed: Testbed, node: string): Promise<NodeProcesses> {
  const init = String(testbed.initOf(node));
  const { stdout } = await testbed.runInFabric(['sh', '-c', READ, '-', init], { keepBytes: 1 << 24 });
  const [world = '', ownUser = '', ...lines] = stdout.split('\n');
  const facts = new Map<number, Map<string, string>>();
  const note = (pid: string | undefined, key: string, value: string) => {
    const known = facts.get(Number(pid)) ?? new Map<string, string>();
    facts.set(Number(pid), known.set(key, (known.get(key) ?? '') + value));
  };
  for (const line of lines) {
    const namespace = /^'\/proc\/(\d+)\/ns\/(\w+)' -> '(.*)'$/.exec(line);
    const file = /^\/proc\/(\d+)\/(cgroup|stat):(.*)$/.exec(line);
    if (namespace) note(namespace[1], namespace[2] ?? '', namespace[3] ?? '');
    else if (file) note(file[1], file[2] ?? '', file[3] ?? '');
  }
  // Whatever runs in the node is in its container's control group; what is ours there has our user namespace.
  const cgroup = facts.get(Number(world))?.get('cgroup');
  const all = [...facts].flatMap(([pid, fact]) => {
    const stat = /^\d+ \((.*)\) (.*)$/.exec(fact.get('stat') ?? '');
    const [net, mnt, uts] = [fact.get('net'), fact.get('mnt'), fact.get('uts')];
    if (!stat || !net || !mnt || !uts || fact.get('user') === ownUser || fact.get('cgroup') !== cgroup)
      return [];
    // Field 22 of the file, counted from the one after the command.
    const startedAt = Number(stat[2]?.split(' ')[19]);
    return [{ pid, command: stat[1] ?? '', startedAt, net, mnt, uts }];
  });
  const first = all.find(({ pid }) => pid === Number(world));
  if (!first) throw new TestbedError(`Could not read the processes of ${node}: it has no running world.`);
  return { first, all, listeners: await readListeners(testbed, all) };
}

/** `ss` in each namespace that has a process of the node's in it. */
async function readListeners(testbed: Testbed, all: readonly WorldProcess[]): Promise<Listener[]> {
  const spaces = Map.groupBy(all, ({ net }) => net);
  const found = [...spaces].map(async ([net, processes]) => {
    const stdout = await listSockets(testbed, processes);
    return stdout.split('\n').flatMap((line) => {
      const local = /^LISTEN\s+\d+\s+\d+\s+(\S+):(\d+)\s/.exec(line);
      if (!local) return [];
      const pids = [...line.matchAll(/pid=(\d+)/g)].map(([, owner]) => Number(owner));
      const owners = all.filter((process) => pids.includes(process.pid));
      const address = (local[1] ?? '').replace(/^\[|\]$|%.*$/g, '');
      return owners.length > 0 ? [{ net, address, port: Number(local[2]), owners }] : [];
    });
  });
  return (await Promise.all(found)).flat();
}

/** By the oldest of the processes that is still there: a server's child may end at any moment. */
async function listSockets(testbed: Testbed, processes: readonly WorldProcess[]): Promise<string> {
  for (const { pid } of processes.toSorted((a, b) => a.startedAt - b.startedAt)) {
    const { exitCode, stdout } = await testbed.runInFabric([
      'nsenter',
      `--net=/proc/${pid}/ns/net`,
      'ss',
      '-Hltnp',
    ]);
    if (exitCode === 0) return stdout;
  }
  return '';
}

/** The hostname that the process sees. */
export async function readHostname(testbed: Testbed, { pid }: WorldProcess): Promise<string> {
  const { stdout } = await testbed.runInFabric(['nsenter', `--uts=/proc/${pid}/ns/uts`, 'uname', '-n']);
  return stdout.trim();
}
