/** What this machine can do: every primitive tried in a throwaway node, and what that means for the labs. */
import { statfsSync } from 'node:fs';
import { errorText, TestbedError } from '../errors.ts';
import type { Docker } from '../testbed/docker.ts';
import { PRIMITIVES } from '../testbed/primitives.ts';
import { TrialNode } from '../testbed/trial-node.ts';
import { readTrials, trialScript } from '../testbed/try-primitives.ts';
import { ensureEngine } from './engine.ts';
import { ensureImage } from './image.ts';
import type { Terminal } from './terminal.ts';

/** `unknown`: it could not be tried, because something before it is missing. */
export type FindingState = 'works' | 'missing' | 'unknown';

export interface Finding {
  readonly id: string;
  readonly title: string;
  readonly essential: boolean;
  readonly state: FindingState;
  /** What was found. */
  readonly found: string;
  /** The labs that need it. */
  readonly labs: string;
  /** What to do where it is missing. */
  readonly advice: string | null;
}

export interface Diagnosis {
  /** Whether everything essential works. */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

const MIB = 1024 * 1024;
const WANTED_MEMORY_MIB = 1024;
const WANTED_DISK_MIB = 1024;

/** Tries everything. Signals abort it between two steps; the throwaway node is removed in any case. */
export async function diagnoseMachine(terminal: Terminal, signal: AbortSignal): Promise<Diagnosis> {
  const findings: Finding[] = [];
  const add = (id: string, title: string, state: FindingState, found: string, advice: string | null = null) =>
    findings.push({ id, title, essential: true, state, found, labs: 'all', advice });
  try {
    const docker = await orMissing(ensureEngine(terminal, signal), (text) =>
      add('engine', 'Docker engine', 'missing', text),
    );
    if (docker) {
      findings.push(...(await describeEngine(docker)));
      signal.throwIfAborted();
      const image = await orMissing(ensureImage(docker, terminal, signal), (text) =>
        add('image', 'node image', 'missing', text),
      );
      if (image) {
        add('image', 'node image', 'works', image);
        signal.throwIfAborted();
        findings.push(...(await tryNode(docker, image, terminal, signal)));
      }
    }
  } finally {
    terminal.clear();
  }
  const tried = new Set(findings.map(({ id }) => id));
  if (!tried.has('userns')) add('userns', "a node's world (user namespaces)", 'unknown', '');
  for (const { id, title, essential, labs } of PRIMITIVES.filter(({ id }) => !tried.has(id)))
    findings.push({ id, title, essential, state: 'unknown', found: '', labs, advice: null });
  return { ok: findings.every(({ essential, state }) => !essential || state === 'works'), findings };
}

async function tryNode(
  docker: Docker,
  image: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Finding[]> {
  terminal.progress('Trying everything in a throwaway node');
  const world = { id: 'userns', title: "a node's world (user namespaces)", essential: true, labs: 'all' };
  let refusal = '';
  const node = await orMissing(TrialNode.start(docker, image), (text) => {
    refusal = text;
  });
  if (!node) return [{ ...world, state: 'missing', found: refusal, advice: adviceForWorld(refusal) }];
  await using trial = node;
  const output = await interruptible(trial.run(trialScript(PRIMITIVES)), signal);
  const trials = readTrials(PRIMITIVES, output);
  return [
    { ...world, state: 'works', found: '', advice: null },
    ...trials.map(
      ({ primitive: { id, title, essential, labs, advice }, works, found }): Finding => ({
        id,
        title,
        essential,
        state: works ? 'works' : 'missing',
        found: works ? '' : found,
        labs,
        advice: works ? null : advice,
      }),
    ),
  ];
}

async function describeEngine(docker: Docker): Promise<Finding[]> {
  const info = (await docker.info()) as {
    ServerVersion: string;
    Driver: string;
    NCPU: number;
    MemTotal: number;
    DockerRootDir: string;
    SecurityOptions?: readonly string[];
  };
  const about = { essential: false, labs: 'all' };
  const rootless = info.SecurityOptions?.some((option) => option.includes('rootless')) ?? false;
  const memory = Math.round(info.MemTotal / MIB);
  const disk = freeDiskMib(info.DockerRootDir);
  return [
    {
      ...about,
      id: 'engine',
      title: 'Docker engine',
      essential: true,
      state: 'works',
      found: `${info.ServerVersion}, ${info.Driver}, ${info.NCPU} CPUs${rootless ? ', rootless' : ''}`,
      advice: rootless
        ? 'A rootless engine can map few user ids: where nodes do not start, use the engine of the system.'
        : null,
    },
    {
      ...about,
      id: 'memory',
      title: 'memory',
      state: memory >= WANTED_MEMORY_MIB ? 'works' : 'missing',
      found: `${memory} MiB`,
      advice:
        memory >= WANTED_MEMORY_MIB
          ? null
          : `Give the machine of the engine ${WANTED_MEMORY_MIB} MiB or more.`,
    },
    {
      ...about,
      id: 'disk',
      title: 'room on the disk',
      state: disk === null ? 'unknown' : disk >= WANTED_DISK_MIB ? 'works' : 'missing',
      found: disk === null ? '' : `${disk} MiB free in ${info.DockerRootDir}`,
      advice:
        disk === null || disk >= WANTED_DISK_MIB ? null : `Make room: building the image takes about 1.5 GB.`,
    },
  ];
}

/** Null where the engine keeps its data on another machine. */
function freeDiskMib(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return Math.round((bavail * bsize) / MIB);
  } catch {
    return null;
  }
}

export function adviceForWorld(said: string): string {
  if (/user namespaces|namespaces of the world/.test(said)) {
    return (
      'The machine of the engine forbids user namespaces. Allow them: `sudo sysctl -w user.max_user_namespaces=28633`, ' +
      'on older Debian also `sudo sysctl -w kernel.unprivileged_userns_clone=1`.'
    );
  }
  if (/uid_map|gid_map/.test(said))
    return 'The engine runs in a user namespace itself (rootless) and cannot map the ids 100000 and up: use the engine of the system.';
  if (/apparmor/i.test(said))
    return 'AppArmor stands in the way. Install `apparmor` on the machine of the engine, or start its kernel with apparmor=0.';
  return 'Nodes do not start on this engine; what it says is above.';
}

/** The result, or null after telling `miss` why there is none. Only what the machinery reports is a finding. */
async function orMissing<Value>(
  attempt: Promise<Value>,
  miss: (text: string) => void,
): Promise<Value | null> {
  try {
    return await attempt;
  } catch (error) {
    if (!(error instanceof TestbedError)) throw error;
    miss(errorText(error));
    return null;
  }
}

function interruptible<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', stop));
}
