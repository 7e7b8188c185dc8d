/** What setting up needs to know about this machine. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface Machine {
  readonly platform: NodeJS.Platform;
  /** From /etc/os-release, e.g. `Debian GNU/Linux 12 (bookworm)`; '' where there is none. */
  readonly name: string;
  /** Packages come from apt and are named as in Debian. */
  readonly debianLike: boolean;
  /** How to become root: not needed, by sudo, by sudo with a password, or not at all. */
  readonly privilege: 'root' | 'sudo' | 'sudo-password' | 'none';
  readonly systemd: boolean;
  /** The kernel confines by AppArmor, so that an engine needs `apparmor_parser`. */
  readonly appArmor: boolean;
  /** No cgroup hierarchy is mounted: an engine would not start. */
  readonly lacksCgroups: boolean;
  readonly user: string;
  readonly dockerHost: string | undefined;
  /** The absolute path of a program, as root would find it. */
  find(program: string): string | undefined;
}

export function readMachine(): Machine {
  const release = parseOsRelease(read('/etc/os-release'));
  const find = (program: string) => findProgram(program, process.env.PATH ?? '');
  return {
    platform: process.platform,
    name: release.PRETTY_NAME ?? '',
    debianLike: isDebianLike(release) && find('apt-get') !== undefined,
    privilege: readPrivilege(find('sudo')),
    systemd: existsSync('/run/systemd/system'),
    appArmor: read('/sys/module/apparmor/parameters/enabled').startsWith('Y'),
    lacksCgroups: !/^\S+ \/sys\/fs\/cgroup\S* cgroup2? /m.test(read('/proc/mounts')),
    user: process.env.USER ?? '',
    dockerHost: process.env.DOCKER_HOST || undefined,
    find,
  };
}

/** The fields of man 5 os-release. */
export function parseOsRelease(text: string): Partial<Record<string, string>> {
  const fields = text.split('\n').flatMap((line) => {
    const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value.replace(/^(["'])(.*)\1$/, '$2')]];
  });
  return Object.fromEntries(fields) as Partial<Record<string, string>>;
}

export function isDebianLike(release: Partial<Record<string, string>>): boolean {
  const family = [release.ID ?? '', ...(release.ID_LIKE ?? '').split(' ')];
  return family.includes('debian') || family.includes('ubuntu');
}

/** Root's programs are often missing from a user's PATH. */
export function findProgram(program: string, searchPath: string): string | undefined {
  return [...searchPath.split(':').filter(Boolean), '/usr/local/sbin', '/usr/sbin', '/sbin']
    .map((folder) => path.join(folder, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function readPrivilege(sudo: string | undefined): Machine['privilege'] {
  if (process.getuid?.() === 0) return 'root';
  if (!sudo) return 'none';
  return spawnSync(sudo, ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? 'sudo' : 'sudo-password';
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
