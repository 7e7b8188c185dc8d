/** Makes the base of the node image from Debian's own packages (man 8 debootstrap), where no registry can be reached. */
import { PassThrough } from 'node:stream';
import { TestbedError } from '../errors.ts';
import type { Docker } from '../testbed/docker.ts';
import { importImage } from '../testbed/images.ts';
import { type Machine, readMachine } from './machine.ts';
import { runAsRoot, startAsRoot } from './root-command.ts';
import type { Terminal } from './terminal.ts';

const INSTALL = `
export DEBIAN_FRONTEND=noninteractive
exec 1>&2
apt-get update -q && apt-get install -y -q --no-install-recommends debootstrap debian-archive-keyring ca-certificates`;

/** debootstrap mounts proc in its tree: in a mount namespace of its own that goes away with its processes. */
const IN_OWN_MOUNTS = `
if unshare --mount --propagation private true 2>/dev/null; then how=private; else how=unchanged; fi
exec unshare --mount --propagation $how -- /bin/sh -c "$1" podwire`;

/**
 * Writes the tar of a minimal bookworm to stdout. Everything happens in a folder that goes away with the
 * script. What a killed one has left is removed by the next.
 */
const BOOTSTRAP = `
set -e
exec 3>&1 1>&2
for left in /var/tmp/podwire-base.*; do
  owner=\${left##*.}
  [ -e "$left" ] && [ ! -d "/proc/$owner" ] && rm -rf --one-file-system "$left"
done
folder=/var/tmp/podwire-base.$$
trap 'rm -rf --one-file-system "$folder"' EXIT
trap 'exit 130' INT TERM HUP PIPE
mkdir -m 700 "$folder"
root=$folder/root
debootstrap --variant=minbase bookworm "$root" http://deb.debian.org/debian
printf 'deb http://deb.debian.org/debian %s main\\n' bookworm bookworm-updates >"$root/etc/apt/sources.list"
printf 'deb http://deb.debian.org/debian-security bookworm-security main\\n' >>"$root/etc/apt/sources.list"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/var/log/*
tar -C "$root" --numeric-owner -c . >&3`;

export interface BaseToMake {
  readonly reference: string;
  /** Why it cannot be pulled. */
  readonly why: string;
  readonly signal?: AbortSignal | undefined;
}

/** @throws {TestbedError} where this machine cannot make one; or the signal's reason. */
export async function makeBase(
  docker: Docker,
  terminal: Terminal,
  { reference, why, signal }: BaseToMake,
): Promise<void> {
  const machine = readMachine();
  const refusal = refuseBase(machine, terminal.interactive, why);
  if (refusal !== null) throw new TestbedError(refusal);
  terminal.line(`No registry can be reached (${why.trim()}): making the base image from Debian's packages.`);
  const began = performance.now();
  if (!machine.find('debootstrap')) {
    terminal.progress('Installing debootstrap (once)');
    await runAsRoot(machine, { purpose: 'install debootstrap with apt-get', script: INSTALL, signal });
  }
  terminal.progress('Making the base image (once)');
  const making = startAsRoot(machine, {
    purpose: 'make the base image with debootstrap',
    script: IN_OWN_MOUNTS,
    parameters: [BOOTSTRAP],
    signal,
    onLine: (line) => {
      const [, verb] = /^I: (Retrieving|Validating|Extracting|Unpacking|Configuring) /.exec(line) ?? [];
      if (verb) terminal.progress('Making the base image (once)', verb.toLowerCase());
    },
  });
  // The end of the tar is passed on only when the script has succeeded: half a tree is no image.
  const tar = making.stdout.pipe(new PassThrough(), { end: false });
  const failed = new AbortController();
  const made = making.done.then(
    () => tar.end(),
    (error: unknown) => {
      failed.abort();
      throw error;
    },
  );
  const imported = importImage(docker, tar, reference, failed.signal);
  const [script, image] = await Promise.allSettled([made, imported]);
  for (const part of [script, image]) if (part.status === 'rejected') throw part.reason;
  terminal.line(`Made the base image in ${Math.round((performance.now() - began) / 1000)} s.`);
}

/** Why this machine cannot make the base, or null when it can. */
export function refuseBase(machine: Machine, interactive: boolean, why: string): string | null {
  const mayBecomeRoot =
    machine.privilege === 'root' ||
    machine.privilege === 'sudo' ||
    (machine.privilege === 'sudo-password' && interactive);
  if (machine.platform === 'linux' && machine.debianLike && mayBecomeRoot) return null;
  const here = machine.debianLike
    ? 'takes root, which sudo would not give'
    : 'works on Debian and Ubuntu only';
  return (
    `Could not get the base of the node image, debian:bookworm-slim: ${why.trim()}.\n` +
    `Making it from Debian's packages instead ${here}.\n` +
    'Give the engine access to its registry, or put the image there by hand (`docker load`), and run the same command again.'
  );
}
