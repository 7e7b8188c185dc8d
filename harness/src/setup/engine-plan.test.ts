/** What is done where no engine answers, for each kind of machine. */
import { planEngine } from './engine-plan.ts';
import type { Machine } from './machine.ts';

const FOUND = 'No Docker engine was found: none of its usual sockets exists.';

/** A bare Debian on which we are root. */
function machine(differences: Partial<Machine> & { programs?: readonly string[] } = {}): Machine {
  const { programs = [], ...rest } = differences;
  return {
    platform: 'linux',
    name: 'Debian GNU/Linux 12 (bookworm)',
    debianLike: true,
    privilege: 'root',
    systemd: true,
    appArmor: false,
    lacksCgroups: false,
    user: 'root',
    dockerHost: undefined,
    find: (program) => (programs.includes(program) ? `/usr/sbin/${program}` : undefined),
    ...rest,
  };
}

test('root on a bare Debian installs docker.io', () => {
  expect(planEngine(machine(), FOUND, false)).toEqual({
    kind: 'install',
    packages: ['docker.io', 'iptables'],
    words: 'install docker.io from Debian and start it',
  });
});

test('a user with sudo on Ubuntu is let into the group, and AppArmor gets its parser', () => {
  const ubuntu = machine({ name: 'Ubuntu 24.04.1 LTS', privilege: 'sudo', user: 'kim', appArmor: true });
  expect(planEngine(ubuntu, FOUND, false)).toEqual({
    kind: 'install',
    packages: ['docker.io', 'iptables', 'apparmor'],
    words: 'install docker.io from Ubuntu and start it, and let you use it (group docker)',
  });
});

test('an engine that is installed is only started', () => {
  expect(planEngine(machine({ programs: ['dockerd'] }), FOUND, false)).toEqual({
    kind: 'start',
    words: 'start the Docker engine that is installed here',
  });
});

test('an engine that is installed is started on a distribution that is not Debian, too', () => {
  const fedora = machine({ name: 'Fedora Linux 42', debianLike: false, programs: ['dockerd'] });
  expect(planEngine(fedora, FOUND, false).kind).toBe('start');
});

test('a password for sudo is asked for only where somebody can type it', () => {
  const debian = machine({ privilege: 'sudo-password' });
  expect(planEngine(debian, FOUND, true).kind).toBe('install');
  expect(planEngine(debian, FOUND, false).kind).toBe('refuse');
});

test.each<[string, Machine, string, string]>([
  [
    'an engine named by DOCKER_HOST is never replaced',
    machine({ dockerHost: 'tcp://10.0.0.1:2375' }),
    'No Docker engine answers at DOCKER_HOST=tcp://10.0.0.1:2375: connect ECONNREFUSED',
    'Could not reach the Docker engine that DOCKER_HOST names.\n' +
      '  No Docker engine answers at DOCKER_HOST=tcp://10.0.0.1:2375: connect ECONNREFUSED\n' +
      'Start that engine, or unset DOCKER_HOST to use one on this machine.',
  ],
  [
    'a socket that is closed to the user is no reason to install anything',
    machine({ privilege: 'sudo', user: 'kim' }),
    'No Docker engine answers at /var/run/docker.sock: connect EACCES /var/run/docker.sock',
    'Could not use the Docker engine: its socket is closed to you.\n' +
      '  No Docker engine answers at /var/run/docker.sock: connect EACCES /var/run/docker.sock\n' +
      'Run `sudo usermod -aG docker $USER` and log in again, or run the same command with sudo.',
  ],
  [
    'a Mac is told which engines there are',
    machine({ platform: 'darwin', debianLike: false, privilege: 'sudo-password' }),
    FOUND,
    'Podwire needs a Docker engine, and none answers.\n' +
      `  ${FOUND}\n` +
      'Start Docker Desktop, OrbStack or Colima (or install one: https://docs.docker.com/get-started/get-docker/) and run the same command again.',
  ],
  [
    'another distribution is told where to get one',
    machine({ name: 'Fedora Linux 42', debianLike: false }),
    FOUND,
    'Podwire needs a Docker engine, and none answers. It can install one on Debian and Ubuntu; this is Fedora Linux 42.\n' +
      `  ${FOUND}\n` +
      'Install Docker Engine (https://docs.docker.com/engine/install/), start it and run the same command again.',
  ],
  [
    'a user without sudo is told what an administrator can do',
    machine({ privilege: 'none', user: 'kim' }),
    FOUND,
    'Podwire needs a Docker engine, and none answers. Installing one takes root, which you are not, and sudo would not let you.\n' +
      `  ${FOUND}\n` +
      'Let an administrator run `apt-get install docker.io` and add you to the group docker, then run the same command again.',
  ],
  [
    'a user without sudo is told how to start the one that is installed',
    machine({ privilege: 'none', programs: ['dockerd'] }),
    FOUND,
    'Podwire needs a Docker engine. One is installed here, but it is not running.\n' +
      `  ${FOUND}\n` +
      'Start it (`sudo systemctl start docker`) and run the same command again.',
  ],
])('%s', (_, here, found, text) => {
  expect(planEngine(here, found, false)).toEqual({ kind: 'refuse', text });
});
