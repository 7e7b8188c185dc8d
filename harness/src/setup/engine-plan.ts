/** Decides what to do where no Docker engine answers: install one, start one, or say what is wanted. */
import type { Machine } from './machine.ts';

export type EnginePlan =
  | { readonly kind: 'refuse'; readonly text: string }
  | { readonly kind: 'start'; readonly words: string }
  | { readonly kind: 'install'; readonly words: string; readonly packages: readonly string[] };

/** `found` is what trying to connect said; `interactive`: somebody can type a password. */
export function planEngine(machine: Machine, found: string, interactive: boolean): EnginePlan {
  if (machine.dockerHost !== undefined) {
    return refuse(
      'Could not reach the Docker engine that DOCKER_HOST names.',
      found,
      'Start that engine, or unset DOCKER_HOST to use one on this machine.',
    );
  }
  if (/EACCES|EPERM/.test(found)) {
    return refuse(
      'Could not use the Docker engine: its socket is closed to you.',
      found,
      'Run `sudo usermod -aG docker $USER` and log in again, or run the same command with sudo.',
    );
  }
  if (machine.platform !== 'linux') {
    return refuse(
      'Podwire needs a Docker engine, and none answers.',
      found,
      'Start Docker Desktop, OrbStack or Colima (or install one: https://docs.docker.com/get-started/get-docker/) and run the same command again.',
    );
  }
  const mayBecomeRoot =
    machine.privilege === 'root' ||
    machine.privilege === 'sudo' ||
    (machine.privilege === 'sudo-password' && interactive);
  if (machine.find('dockerd')) {
    const start = machine.systemd ? 'systemctl start docker' : 'dockerd';
    return mayBecomeRoot
      ? { kind: 'start', words: 'start the Docker engine that is installed here' }
      : refuse(
          'Podwire needs a Docker engine. One is installed here, but it is not running.',
          found,
          `Start it (\`sudo ${start}\`) and run the same command again.`,
        );
  }
  if (!machine.debianLike) {
    return refuse(
      `Podwire needs a Docker engine, and none answers. It can install one on Debian and Ubuntu; this is ${machine.name || 'another Linux'}.`,
      found,
      'Install Docker Engine (https://docs.docker.com/engine/install/), start it and run the same command again.',
    );
  }
  if (!mayBecomeRoot) {
    return refuse(
      'Podwire needs a Docker engine, and none answers. Installing one takes root, which you are not, and sudo would not let you.',
      found,
      'Let an administrator run `apt-get install docker.io` and add you to the group docker, then run the same command again.',
    );
  }
  const packages = ['docker.io', 'iptables', ...(machine.appArmor ? ['apparmor'] : [])];
  const group = machine.privilege === 'root' ? '' : ', and let you use it (group docker)';
  return {
    kind: 'install',
    packages,
    words: `install docker.io from ${distribution(machine)} and start it${group}`,
  };
}

function refuse(wanted: string, found: string, next: string): EnginePlan {
  return {
    kind: 'refuse',
    text: `${wanted}\n${found
      .split('\n')
      .map((line) => `  ${line}`)
      .join('\n')}\n${next}`,
  };
}

function distribution(machine: Machine): string {
  return /ubuntu/i.test(machine.name)
    ? 'Ubuntu'
    : /debian/i.test(machine.name)
      ? 'Debian'
      : 'the distribution';
}
