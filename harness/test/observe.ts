/** What the tests of testbeds look at: a learner's view of a node, processes of containers, the host's interfaces. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { LABEL, listContainers } from '../src/testbed/containers.ts';
import type { Docker } from '../src/testbed/docker.ts';
import type { Finished } from '../src/testbed/session.ts';
import type { Testbed } from '../src/testbed/testbed.ts';

/** Runs a shell script as the learner of a host. */
export function learner(
  testbed: Testbed,
  host: string,
  script: string,
  deadlineMs = 60_000,
): Promise<Finished> {
  return testbed.runAsLearner(testbed.host(host), ['bash', '-c', script], { deadlineMs });
}

/** The same, where it has to succeed. */
export async function mustAsLearner(testbed: Testbed, host: string, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await learner(testbed, host, script);
  if (exitCode !== 0) throw new Error(`on ${host}, status ${exitCode}: ${stderr || stdout}\n${script}`);
  return stdout;
}

/** Waits until the condition holds; its last answer is part of the failure. */
export async function until<T>(
  what: string,
  look: () => Promise<T> | T,
  holds: (answer: T) => boolean,
  withinMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await look();
    if (holds(answer)) return answer;
    if (performance.now() > deadline)
      throw new Error(
        `Not within ${withinMs} ms: ${what}. Last seen: ${JSON.stringify(answer)?.slice(0, 4000)}`,
      );
    await delay(20);
  }
}

export async function containersOf(docker: Docker, testbed: string): Promise<string[]> {
  const containers = await listContainers(docker, { [LABEL.testbed]: testbed });
  return containers.map(({ Names }) => Names[0] ?? '').sort();
}

/** The command lines of all processes in these containers, from the host's /proc. */
export async function processesOf(containerIds: readonly string[]): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(async (pid) => {
      try {
        const cgroup = await readFile(`/proc/${pid}/cgroup`, 'utf8');
        if (!containerIds.some((id) => cgroup.includes(id))) return [];
        return [(await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim()];
      } catch {
        return []; // it ended while we looked
      }
    }),
  );
  return lines.flat().sort();
}

/** Interfaces of the host, by name: a testbed adds none. */
export async function hostInterfaces(): Promise<string[]> {
  return (await readdir('/sys/class/net')).sort();
}

/**
 * All that a learner can see of a node's state and may change: mounts, files, processes, namespaces and,
 * in each of these, interfaces, addresses, routes, rules, neighbours, filters, sets, settings. What differs
 * between any two testbeds (MAC addresses, numbers of processes and interfaces) is taken out.
 */
export async function learnersView(testbed: Testbed, node: string): Promise<string[]> {
  const view = await mustAsLearner(testbed, node, VIEW);
  return view
    .replaceAll(/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'MAC')
    .replaceAll(/@if\d+/g, '@if')
    .split('\n')
    .filter(
      (line) => !/nf_conntrack_count|nf_conntrack_max|tcp_fastopen_key|\.(?:random|stable_secret)/.test(line),
    );
}

const VIEW = `
state() {
  echo "== $1"
  ip -d link | sed -E 's/^[0-9]+: //; s/ link-netns(id)? .*//; s/(numtxqueues|gso|gro|tso).*//'
  ip address | grep -E 'inet|mtu' | sed -E 's/^[0-9]+: //'
  ip route show table all; ip rule; ip neigh; bridge fdb; bridge vlan
  iptables-save | grep -v '^#'; ip6tables-save | grep -v '^#'; nft list ruleset; ipset list; conntrack -L 2>/dev/null
  sysctl -a -r '^(net|user|fs.mqueue|kernel.(host|domain|shm|msg|sem))' 2>/dev/null
}
state node
ip netns list | awk '{ print $1 }' | sort >/tmp/view-namespaces
while read -r name; do
  echo "namespace $name"
  # shellcheck disable=SC2016
  ip netns exec "$name" bash -c "$(declare -f state); state $name" </dev/null
done </tmp/view-namespaces
rm /tmp/view-namespaces
echo == processes
ps -eo uid,args --no-headers | grep -vE 'ps -eo|grep|bash|sort|VIEW' | sort
echo == mounts
awk '{ print $2, $3, $4 }' /proc/mounts | sort
echo == files
find / /run /dev -xdev \\( -path /proc -o -path /sys -o -path /dev/pts \\) -prune -o -printf '%p %y %m %u %g %l\\n' 2>/dev/null | sort -u
cat /etc/hosts /etc/resolv.conf /etc/hostname
hostname; ulimit -a; id; env | sort
ls -A /dev/shm /dev/mqueue /tmp
`;
