/** Installs a Docker engine from the distribution and starts it, under systemd and without. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { errorText, TestbedError } from '../errors.ts';
import { connectDocker, type Docker, EngineUnreachableError } from '../testbed/docker.ts';
import { planEngine } from './engine-plan.ts';
import type { Machine } from './machine.ts';
import { runAsRoot } from './root-command.ts';
import type { Terminal } from './terminal.ts';

const LOG = '/var/log/podwire-dockerd.log';
const PID_FILES = ['/var/run/docker.pid'];
const READY_WITHIN_MS = 60_000;
const ASK_EVERY_MS = 50;

const INSTALL = `
export DEBIAN_FRONTEND=noninteractive
exec 1>&2
apt-get update -q && apt-get install -y -q --no-install-recommends "$@"`;

// Whoever may use sudo is root already; the group docker gives no more. The chown holds for this login,
// which does not know of the group yet, until the engine starts anew.
const ADMIT = 'usermod -aG docker "$1" && chown "$1" /var/run/docker.sock';

/** In a session of its own, so that neither Ctrl-C nor the end of the terminal ends it. */
const START_BY_HAND = `
if [ "$1" = mount ]; then mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit; fi
# The engine and its containerd believe a pid file whose process is a zombie, or by now another's.
for file in ${PID_FILES.join(' ')} /var/run/docker/containerd/containerd.pid; do
	pid=$(cat "$file" 2>/dev/null) || continue
	grep -qE '^[0-9]+ \\((dockerd|containerd)\\) [^ZX]' "/proc/$pid/stat" 2>/dev/null || rm -f "$file"
done
setsid dockerd >>${LOG} 2>&1 </dev/null &
echo $!`;

export async function installEngine(
  machine: Machine,
  packages: readonly string[],
  terminal: Terminal,
  signal?: AbortSignal,
): Promise<void> {
  const began = performance.now();
  terminal.progress('Installing the Docker engine (once)');
  await runAsRoot(machine, {
    purpose: `install ${packages.join(' ')} with apt-get`,
    script: INSTALL,
    parameters: packages,
    signal,
  });
  terminal.line(`Installed the Docker engine in ${Math.round((performance.now() - began) / 1000)} s.`);
}

/**
 * `admit`: let the user of this login use it, where it is closed to them.
 *
 * @throws {TestbedError} with the end of the engine's log, when it ends or does not answer in time.
 */
export async function startEngine(
  machine: Machine,
  terminal: Terminal,
  { admit, signal }: { admit: boolean; signal?: AbortSignal | undefined },
): Promise<Docker> {
  terminal.progress('Starting the Docker engine');
  // Installing the package may have started it.
  let engine = runningEngine();
  if (engine === null && machine.systemd) {
    await runAsRoot(machine, {
      purpose: 'start the Docker engine with systemctl',
      script: 'systemctl start docker 1>&2',
      signal,
    });
  } else if (engine === null) {
    const parameters = machine.lacksCgroups ? ['mount'] : [];
    engine = Number(
      await runAsRoot(machine, { purpose: 'start dockerd', script: START_BY_HAND, parameters, signal }),
    );
  }
  const docker = await untilItAnswers(machine, engine, admit, signal);
  terminal.line('Started the Docker engine.');
  return docker;
}

async function untilItAnswers(
  machine: Machine,
  engine: number | null,
  admit: boolean,
  signal: AbortSignal | undefined,
): Promise<Docker> {
  const deadline = performance.now() + READY_WITHIN_MS;
  let closed = admit && machine.user !== '';
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await connectDocker();
    } catch (error) {
      if (!(error instanceof EngineUnreachableError)) throw error;
      if (/EACCES/.test(error.message)) {
        if (!closed) throw closedToUs(machine, error);
        closed = false;
        await runAsRoot(machine, {
          purpose: `let ${machine.user} use the engine`,
          script: ADMIT,
          parameters: [machine.user],
        });
      } else if (engine !== null && !existsSync(`/proc/${engine}`)) {
        throw new TestbedError(
          `Could not start the Docker engine: dockerd ended at once.\n${endOfLog(machine)}`,
          {
            cause: error,
          },
        );
      } else if (performance.now() > deadline) {
        throw new TestbedError(
          `Could not start the Docker engine: it does not answer after ${READY_WITHIN_MS / 1000} s.\n${errorText(error)}\n${endOfLog(machine)}`,
          { cause: error },
        );
      } else {
        await wait(ASK_EVERY_MS);
      }
    }
  }
}

/** The engine runs, and this user may not use it: the same words as where it ran all along. */
function closedToUs(machine: Machine, error: EngineUnreachableError): TestbedError {
  const plan = planEngine(machine, error.message, false);
  return new TestbedError(plan.kind === 'refuse' ? plan.text : error.message, { cause: error });
}

function runningEngine(): number | null {
  for (const file of PID_FILES) {
    if (!existsSync(file)) continue;
    const pid = Number(readFileSync(file, 'utf8'));
    // `PID (COMMAND) STATE`: one that was killed stays as a zombie until its parent looks (man 5 proc).
    const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
    if (/^\d+ \(dockerd\) [^ZX]/.test(stat)) return pid;
  }
  return null;
}

function endOfLog(machine: Machine): string {
  if (machine.systemd)
    return 'Its log says why: `journalctl -u docker`. Repair that and run the same command again.';
  const lines = existsSync(LOG) ? readFileSync(LOG, 'utf8').trim().split('\n').slice(-10) : [];
  return `The end of its log (${LOG}):\n${lines.map((line) => `  ${line}`).join('\n')}\nRepair that and run the same command again.`;
}
