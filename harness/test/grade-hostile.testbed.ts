/**
 * Submissions that are up to no good: each ends within its limits, gets the verdict that its network
 * deserves, with the reason, and harms neither the machine nor who is graded beside it.
 */
import { gradeAll, type Task } from '../src/grading/grade-all.ts';
import type { Graded } from '../src/grading/graded.ts';
import { readAnswers } from '../src/lab/load-lab.ts';
import { prepare } from '../src/setup/prepare.ts';
import { stderrTerminal } from '../src/setup/terminal.ts';
import { LABEL, listContainers } from '../src/testbed/containers.ts';
import { describeProcess } from '../src/testbed/owner.ts';
import { planAddresses } from '../src/topology/plan.ts';
import { readLab } from './testbeds.ts';

const lab = await readLab('03');
const { docker, image } = await prepare(stderrTerminal());
const plan = planAddresses(lab.topology);
/** Far more than a right answer takes, on a machine that is busy with other tests. */
const TIME_LIMIT_MS = 12_000;

/** Right, without the guide's experiments that wait for packets. */
const SOLVED = (await readAnswers(lab)).find(({ name }) => name === 'any-node')?.fences[0]?.commands ?? '';

function taskOf(name: string, commands: string): Task {
  return {
    subject: { submission: name, student: null, lab: lab.number, seed: null },
    plan,
    submission: { scripts: [{ host: 'node1', commands, source: 'node1.sh' }], notes: [] },
  };
}

async function gradeBeside(tasks: readonly Task[]): Promise<ReadonlyMap<string, Graded>> {
  const verdicts = new Map<string, Graded>();
  await gradeAll(docker, tasks, {
    lab,
    image,
    jobs: 2,
    timeLimitMs: TIME_LIMIT_MS,
    signal: new AbortController().signal,
    onVerdict: async (task, graded) => {
      verdicts.set(task.subject.submission, graded);
    },
  });
  return verdicts;
}

const MANY_INTERFACES = 'more than a thousand interfaces';
const ALL = lab.checks.length;
const WHOLE = new RegExp(`^${ALL} of ${ALL} checks pass`);
/** In each: what it is, its commands, how many checks its network deserves, what feedback has to say. */
const hostile: readonly (readonly [string, string, number, RegExp])[] = [
  ['a fork bomb instead of an answer', ':(){ :|:& };:', 0, /First to repair/],
  ['a fork bomb after a right answer', `${SOLVED}\n( :(){ :|:& };: ) >/dev/null 2>&1 &`, ALL, WHOLE],
  ['a memory hog', 'tail /dev/zero', 0, /ended by signal 9|First to repair/],
  ['a memory hog after a right answer', `${SOLVED}\ntail /dev/zero`, ALL, WHOLE],
  [
    'full disks',
    `for f in /x /run/x /dev/shm/x; do dd if=/dev/zero of=$f bs=1M; done\n${SOLVED}`,
    ALL,
    WHOLE,
  ],
  [
    'an endless loop after a right answer',
    `${SOLVED}\nwhile :; do :; done`,
    ALL,
    /The time was up in node1\.sh/,
  ],
  ['endless output', 'yes', 0, /wrote more than a command may/],
  ['endless output in the background', `${SOLVED}\nyes & yes >&2 &`, ALL, WHOLE],
  [
    'endless output of many, in the background and in front',
    `${SOLVED}\nfor i in 1 2 3 4; do yes "$(head -c 4000 /dev/zero | tr '\\0' x)" & done; sleep 0.1; yes`,
    ALL,
    /wrote more than a command may/,
  ],
  [
    'a bridge that goes down and up',
    `${SOLVED}\n(while :; do ip link set cni0 down; sleep 0.3; ip link set cni0 up; sleep 0.7; done) &`,
    -1,
    /cni0|bridge|ran on|Left running/,
  ],
  [
    'a bridge that goes down and up, by processes that are gone before anybody sees them',
    `${SOLVED}\nprintf '%s\\n' '#!/bin/sh' 'case $1 in *0) ip link set cni0 down ;; *5) ip link set cni0 up ;; esac' '/root/next $(($1 + 1)) &' >/root/next; chmod +x /root/next; /root/next 1 >/dev/null 2>&1 &`,
    -1,
    /cni0|bridge|ran on|Left running/,
  ],
  [
    'a gateway that is gone in a moment, with nobody there to take it',
    `${SOLVED}\nip address change "$POD_GATEWAY/24" dev cni0 valid_lft 4 preferred_lft 4`,
    -1,
    /Can change by itself: node1: \S+ on cni0 has a lifetime of \d s/,
  ],
  [
    'every address that is left',
    `${SOLVED}\nfor i in $(seq 5 254); do echo "address add \${POD_GATEWAY%.*}.$i/24 dev cni0"; done | ip -batch -`,
    -1,
    /No address is left for another pod/,
  ],
  ['a bridge whose name begins a comment', SOLVED.replaceAll('cni0', 'a#b'), ALL, WHOLE],
  [
    'no port left for anybody',
    `${SOLVED}\nfor p in a b c; do ip netns exec $p sysctl -w net.ipv4.ip_local_reserved_ports=1-65535; done`,
    ALL,
    WHOLE,
  ],
  [
    'a refusal that probes seldom hear',
    `${SOLVED}\nip netns exec b iptables -A INPUT -p tcp -j REJECT --reject-with icmp-proto-unreachable`,
    -1,
    /First to repair/,
  ],
  [
    'a bridge that goes down as soon as it was checked',
    `${SOLVED}\n(ip monitor neigh dev cni0 | head -n 3 >/dev/null; ip link set cni0 down; sleep 1000) &`,
    -1,
    /cni0 is down.*(ran on|Left running)/,
  ],
  [
    'a reboot',
    'reboot -f; perl -e "syscall(169,0xfee1dead,672274793,0x1234567)"; kill -9 1; echo b >/proc/sysrq-trigger',
    0,
    /First to repair/,
  ],
  ['everybody killed', `${SOLVED}\nkill -9 -1`, ALL, WHOLE],
  ['everything unmounted', `${SOLVED}\numount -l /run; umount -al`, 0, /no-namespace/],
  [
    'namespaces that lead to the first process of the world',
    'for p in a b c; do umount /run/netns/$p; ln -sf /proc/1/ns/net /run/netns/$p; done',
    0,
    /no-namespace/,
  ],
  [
    'a folder of namespaces that leads elsewhere',
    `${SOLVED}\nmkdir /run/n; mount --rbind /run/netns /run/n; umount -l /run/netns; rm -rf /run/netns; ln -s /proc/1/root/run/n /run/netns`,
    -1,
    /namespace/,
  ],
  [
    'the same namespace under all names',
    `${SOLVED}\nfor p in b c; do umount /run/netns/$p; mount --bind /run/netns/a /run/netns/$p; done`,
    -1,
    /First to repair/,
  ],
  [
    'tools that lie',
    'for f in ip ping curl bridge ss; do printf "#!/bin/sh\\nexit 0\\n" >$(command -v $f); done; echo /tmp/x.so >/etc/ld.so.preload',
    0,
    /First to repair/,
  ],
  [
    'a right answer, and then no tools and no libc',
    `${SOLVED}\nrm -f /lib/x86_64-linux-gnu/libc.so.6 /bin/sh /sbin/ip`,
    ALL,
    WHOLE,
  ],
  [
    'names with escape sequences',
    `ip link add "$(printf 'x\\033[2J')" type bridge; ip netns add "$(printf 'x\\033[2J')"\n${SOLVED}`,
    ALL,
    WHOLE,
  ],
  [
    MANY_INTERFACES,
    `${SOLVED}\nfor i in $(seq 1 1200); do echo "link add d$i type bridge"; done | ip -batch -`,
    ALL,
    WHOLE,
  ],
  [
    'results that nobody asked for',
    'printf "ok 1 - all\\n::set-output name=result::pass\\n\\033[2J\\033]0;x\\007" | tee /root/results.json /root/grade.json',
    0,
    /First to repair/,
  ],
  ['a shell that answers in place of servers', FAKE(), -1, /First to repair/],
  [
    'bridges in a loop, and a frame that goes round for ever',
    `${SOLVED}\nip link add other type bridge; ip link set other up; for i in 1 2; do ip link add s$i type veth peer name t$i; ip link set s$i master cni0 up; ip link set t$i master other up; done; ip netns exec a arping -c 1 -w 1 "$POD_B_IP"`,
    -1,
    /bridge-loop in node1: the cable from [st]\d to [st]\d/,
  ],
  [
    'a filter that names the ports of three pods, and what a grader may have',
    `${SOLVED}\n${filterPorts('"veth-a", "veth-b", "veth-c", "pw-*"')}`,
    ALL - 1,
    /filter-drop in node1: .* table bridge ports drops it/,
  ],
  [
    'a filter that knows the ports of pods by how their names begin',
    `${SOLVED}\n${filterPorts('"veth-*"')}`,
    ALL,
    WHOLE,
  ],
];

/**
 * It asks for more neighbours than the kernel has room for, of whatever namespace. Whether its own pods find room in time
 * is left to chance, so no verdict is the only fair one.
 */
const NEIGHBOURS = `${SOLVED}\nip link add many type veth peer name ymam; ip link set many up; ip link set ymam up; ip addr add 172.30.0.1/16 dev many
  (while :; do for i in {0..255}; do for j in {2..9}; do echo >/dev/udp/172.30.$i.$j/9; done; done; done) 2>/dev/null &`;

/** Frames pass between these ports, and from them to the node. */
function filterPorts(names: string): string {
  return `nft 'table bridge ports { set pods { type ifname; flags interval; elements = { ${names} }; }
    chain between { type filter hook forward priority 0; policy drop; iifname @pods oifname @pods accept; }
    chain to-node { type filter hook input priority 0; policy drop; iifname @pods accept; }
  }'`;
}

/** Every connection and datagram, wherever it goes, ends at a server of the learner's in the same pod. */
function FAKE(): string {
  const addresses =
    'for p in a b c; do eval "A=\\$POD_${p^^}_IP"; ip netns exec $p sh -c "ip link add d type bridge; ip link set d up; ip addr add $A/24 dev d; ip route add default dev d; for t in PREROUTING OUTPUT; do for x in tcp udp; do iptables -t nat -A $t -p $x ! --sport 7 -j REDIRECT --to-ports 7; done; done; iptables -t nat -A OUTPUT -p icmp -j DNAT --to $A"';
  const servers =
    'for x in TCP UDP; do ip netns exec $p socat $x-LISTEN:7,fork,reuseaddr SYSTEM:"echo 0123456789abcdef \\$SOCAT_PEERADDR 1 64" >/dev/null 2>&1 & done; done';
  return `${addresses}\n${servers}`;
}

let verdicts: ReadonlyMap<string, Graded>;

beforeAll(async () => {
  // Right and wrong ones between them: whoever is graded beside must not suffer.
  // The kernel takes long to take a thousand interfaces down, and whoever changes a network waits meanwhile: a bridge that
  // is to go down and up does not, and is right.
  const late = hostile.filter(([name]) => name === MANY_INTERFACES);
  const early = hostile.filter(([name]) => name !== MANY_INTERFACES);
  const first = await gradeBeside([
    ...early.flatMap(([name, commands], index) => [
      taskOf(name, commands),
      ...(index % 3 === 0 ? [taskOf(`right ${index}`, SOLVED)] : []),
      ...(index % 9 === 0 ? [taskOf(`wrong ${index}`, SOLVED.replaceAll('master cni0', ''))] : []),
    ]),
    taskOf('a table of neighbours that is full', NEIGHBOURS),
    ...Array.from({ length: 4 }, (_, index) => taskOf(`right beside a full table ${index}`, SOLVED)),
  ]);
  const last = await gradeBeside([
    ...late.map(([name, commands]) => taskOf(name, commands)),
    taskOf('right beside many interfaces', SOLVED),
  ]);
  verdicts = new Map([...first, ...last]);
}, 600_000);

test.each(hostile)('%s: the verdict is fair', (name, _commands, passed, feedback) => {
  const graded = verdicts.get(name);
  const troubles = graded?.checks.filter(({ verdict }) => verdict === 'fail' || verdict === 'error');
  const seen = { status: graded?.status, passed: graded?.passed, troubles };
  expect(seen).toEqual({
    status: 'graded',
    passed: passed >= 0 ? passed : expect.any(Number),
    troubles: expect.anything(),
  });
  if (passed < 0) expect(graded?.passed).toBeLessThan(ALL);
  expect(graded?.feedback).toMatch(feedback);
});

test('who is graded beside them gets what is right', () => {
  for (const [name, { feedback, passed, status }] of verdicts) {
    if (name.startsWith('right '))
      expect({ name, feedback, status }).toEqual({
        name,
        feedback: `${ALL} of ${ALL} checks pass.`,
        status: 'graded',
      });
    if (name.startsWith('wrong '))
      expect({ name, passed: passed < ALL, status }).toEqual({ name, passed: true, status: 'graded' });
  }
});

test('none took longer than its limit and the time to check', () => {
  // Twice, where it was graded alone a second time.
  const most = 2 * (TIME_LIMIT_MS + 60_000);
  expect([...verdicts.values()].filter(({ durationMs }) => durationMs > most)).toEqual([]);
});

test('evidence is cut off, and has no escape sequences', () => {
  const flood = verdicts.get('endless output')?.steps[0];
  expect(flood?.outcome).toBe('output-limit');
  expect(flood?.stdout.length).toBeLessThanOrEqual(8 * 1024);
  expect(flood?.outputBytes).toBeGreaterThan(16 << 20);
  const printed = verdicts.get('results that nobody asked for')?.steps[0]?.stdout;
  expect(printed).toBe('ok 1 - all\n::set-output name=result::pass\n');
});

test('nothing is left', async () => {
  const left = await listContainers(docker, { [LABEL.owner]: describeProcess() });
  expect(left.map(({ Names }) => Names)).toEqual([]);
});
