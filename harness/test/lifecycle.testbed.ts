/** What a testbed promises about its own life: one of each, nothing half made, nothing left, nobody else's touched. */
import { execFile, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { WORKBOOK } from '../src/lab/load-lab.ts';
import { prepare } from '../src/setup/prepare.ts';
import { stderrTerminal } from '../src/setup/terminal.ts';
import { removeTestbed, sweep } from '../src/testbed/clear-away.ts';
import {
  containerName,
  LABEL,
  listContainers,
  nodeOptions,
  removeContainer,
} from '../src/testbed/containers.ts';
import type { Docker } from '../src/testbed/docker.ts';
import { makeFresh } from '../src/testbed/ephemeral.ts';
import { ephemeralTestbed } from '../src/testbed/identity.ts';
import { findTestbed, findTestbeds } from '../src/testbed/inventory.ts';
import { openTestbed, type Testbed } from '../src/testbed/testbed.ts';
import { type Blueprint, bringUp, reset } from '../src/testbed/up.ts';
import { planAddresses } from '../src/topology/plan.ts';
import { readTopology } from '../src/topology/read-topology.ts';
import type { Topology } from '../src/topology/topology.ts';
import {
  containersOf,
  hostInterfaces,
  learner,
  learnersView,
  mustAsLearner,
  processesOf,
  until,
} from './observe.ts';
import { startTestbed } from './testbeds.ts';

const run = promisify(execFile);
const { docker, image } = await prepare(stderrTerminal());
const [oneNode, twoNodes] = (await Promise.all(
  ['one-node', 'two-nodes'].map((name) => readTopology(path.join(WORKBOOK, 'topologies', `${name}.yaml`))),
)) as [Topology, Topology];

function blueprintOf(topology: Topology, seed: string | null = null): Blueprint {
  return {
    identity: ephemeralTestbed('00', seed),
    topology,
    plan: planAddresses(topology, seed),
    image,
    start: [],
  };
}

/** Removes whatever has the id at the end of a test. */
function cleaning(id: string): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      const containers = await listContainers(docker, { [LABEL.testbed]: id });
      await Promise.all(containers.map(({ Id }) => removeContainer(docker, Id)));
    },
  };
}

/** Ids of a testbed's containers by their names. */
async function idsOf(id: string): Promise<Record<string, string>> {
  const containers = await listContainers(docker, { [LABEL.testbed]: id });
  return Object.fromEntries(containers.map(({ Names, Id }) => [Names[0], Id]));
}

const names = (id: string, ...parts: string[]) => parts.map((part) => `/${containerName(id, part)}`);
/** Less than forever, on a machine that is busy with other tests: what is meant takes a second. */
const SOON_MS = 30_000;
const BRING_UP = path.join(import.meta.dirname, 'bring-up.ts');

describe('bringing up', () => {
  test.concurrent('a second time finds the same containers and keeps what the learner built', async () => {
    await using started = await startTestbed(oneNode);
    const { identity } = started.blueprint;
    await mustAsLearner(started.testbed, 'node1', 'ip link add br0 type bridge && echo mine >/root/notes');
    const before = await idsOf(identity.id);
    const [again, stood] = await bringUp(docker, started.blueprint);
    await using _session = again;
    expect(stood).toBe(true);
    expect(await idsOf(identity.id)).toEqual(before);
    expect(await mustAsLearner(again, 'node1', 'ip -br link show br0 | cut -d" " -f1; cat /root/notes')).toBe(
      'br0\nmine\n',
    );
  });

  test.concurrent('three times at once in one process ends with one testbed', async () => {
    const blueprint = blueprintOf(twoNodes);
    await using _cleaning = cleaning(blueprint.identity.id);
    const outcomes = await Promise.all([1, 2, 3].map(() => bringUp(docker, blueprint)));
    await Promise.all(outcomes.map(([testbed]) => testbed.session.close()));
    expect(outcomes.map(([, stood]) => stood).sort()).toEqual([false, true, true]);
    expect(await containersOf(docker, blueprint.identity.id)).toEqual(
      names(blueprint.identity.id, 'fabric', 'node1', 'node2'),
    );
  });

  test.concurrent('in two processes at once ends with one testbed', async () => {
    const { id } = ephemeralTestbed('00');
    await using _cleaning = cleaning(id);
    const outputs = await Promise.all([1, 2].map(() => run(process.execPath, [BRING_UP, id, 'one-node'])));
    expect(outputs.map(({ stdout }) => stdout.trim()).sort()).toEqual(['made', 'stood']);
    expect(await containersOf(docker, id)).toEqual(names(id, 'fabric', 'node1'));
    expect((await findTestbed(docker, id))?.state).toBe('ready');
  });

  test.concurrent('leaves nothing when it is aborted, whenever that is', async () => {
    const began = performance.now();
    await using _probe = await startTestbed(oneNode);
    const wholeMs = performance.now() - began;
    const outcomes: string[] = [];
    for (const part of [0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8]) {
      const blueprint = blueprintOf(oneNode);
      await using _cleaning = cleaning(blueprint.identity.id);
      const controller = new AbortController();
      const timer = setTimeout(() => controller.abort(new Error('enough')), part * wholeMs);
      try {
        const [testbed] = await bringUp(docker, blueprint, { signal: controller.signal });
        await testbed.session.close();
        outcomes.push('stands');
        expect((await findTestbed(docker, blueprint.identity.id))?.state).toBe('ready');
      } catch (error) {
        expect(error).toEqual(new Error('enough'));
        outcomes.push('nothing');
        expect(await containersOf(docker, blueprint.identity.id)).toEqual([]);
      } finally {
        clearTimeout(timer);
      }
    }
    expect(outcomes.filter((outcome) => outcome === 'nothing').length).toBeGreaterThan(2);
  });

  test.concurrent.each(['Starting node1, node2', 'Wiring the testbed'])(
    'leaves nothing when it is aborted at "%s"',
    async (step) => {
      const blueprint = blueprintOf(twoNodes);
      await using _cleaning = cleaning(blueprint.identity.id);
      const controller = new AbortController();
      const onStep = (text: string) => {
        if (text === step) controller.abort(new Error('enough'));
      };
      await expect(bringUp(docker, blueprint, { signal: controller.signal, onStep })).rejects.toThrow(
        'enough',
      );
      expect(await containersOf(docker, blueprint.identity.id)).toEqual([]);
    },
  );

  test.concurrent('is rolled back when a node cannot be wired', async () => {
    const { node1 } = oneNode.nodes;
    if (!node1) throw new Error('one-node has no node1');
    const wrong = {
      ...oneNode,
      nodes: { node1: { ...node1, sysctls: { 'net.ipv4.ip_default_ttl': 99_999 } } },
    };
    const blueprint = { ...blueprintOf(oneNode), topology: wrong };
    await using _cleaning = cleaning(blueprint.identity.id);
    await expect(bringUp(docker, blueprint)).rejects.toThrow(
      /^Could not run `.*ip_default_ttl=99999.*` on node1: it ended with status 1, saying: .*I\/O error/,
    );
    expect(await containersOf(docker, blueprint.identity.id)).toEqual([]);
  });

  test.concurrent('says why when the image is not there', async () => {
    const blueprint = { ...blueprintOf(oneNode), image: 'podwire/node:never' };
    await expect(bringUp(docker, blueprint)).rejects.toThrow(
      /^Could not begin to make lab 00: .*No such image: podwire\/node:never/i,
    );
    expect(await containersOf(docker, blueprint.identity.id)).toEqual([]);
  });

  test.concurrent('goes on where a dead builder had a node made after it was cleaned up', async () => {
    const blueprint = blueprintOf(oneNode);
    await using _cleaning = cleaning(blueprint.identity.id);
    // What the engine still makes of a request whose sender is dead.
    const labels = { [LABEL.testbed]: blueprint.identity.id, [LABEL.lab]: '00' };
    const late = () =>
      docker.createContainer({
        name: containerName(blueprint.identity.id, 'node1'),
        ...nodeOptions(image, 'node1', labels),
      });
    const onStep = (text: string) => {
      if (text.startsWith('Starting')) creating = late();
    };
    let creating: Promise<unknown> | undefined;
    const [testbed] = await bringUp(docker, blueprint, { onStep });
    await testbed.session.close();
    await creating?.catch(() => {}); // whichever of the two came first
    expect((await findTestbed(docker, blueprint.identity.id))?.state).toBe('ready');
  });

  test.concurrent('refuses a testbed that was made from another topology or image, and names reset', async () => {
    await using started = await startTestbed(oneNode);
    const text =
      'Lab 00 is open, but was made from another version of its topology or of the node image. ' +
      'Start over with: npx podwire reset 00';
    const changed = { ...started.blueprint, topology: { ...oneNode, name: 'another' } };
    await expect(bringUp(docker, changed)).rejects.toThrow(text);
    await expect(bringUp(docker, { ...started.blueprint, image: 'podwire/node:other' })).rejects.toThrow(
      text,
    );
    await using _again = await reset(docker, changed);
    expect((await findTestbed(docker, started.blueprint.identity.id))?.state).toBe('ready');
  });
});

describe('a testbed', () => {
  test.concurrent('has two nodes that reach each other and nothing else', async () => {
    await using started = await startTestbed(twoNodes);
    const { testbed } = started;
    expect((await learner(testbed, 'node1', 'ping -c1 -W2 192.168.56.12')).exitCode).toBe(0);
    expect((await learner(testbed, 'node2', 'ping -c1 -W2 192.168.56.11')).exitCode).toBe(0);
    const others = ['192.168.56.1', '192.168.56.100', '172.17.0.1', '10.0.0.1', '1.1.1.1', '127.0.0.53:53'];
    const script = others
      .map(
        (other) =>
          `{ timeout 2 bash -c '</dev/tcp/${other.replace(':', '/')}${other.includes(':') ? '' : '/22'}' 2>/dev/null && echo reached ${other}; } &`,
      )
      .join('\n');
    expect(await mustAsLearner(testbed, 'node1', `${script}\nwait`)).toBe('');
    expect(await mustAsLearner(testbed, 'node1', 'ip -br link | cut -d" " -f1; ip route')).toBe(
      'lo\neth0@if3\n192.168.56.0/24 dev eth0 proto kernel scope link src 192.168.56.11 \n',
    );
  });

  test.concurrent('has the same kernel settings in every namespace, whatever the engine’s host has', async () => {
    await using started = await startTestbed(oneNode);
    const { testbed } = started;
    // The host's own are not ours to change: what it could have is written into a namespace of the fabric's.
    const strange = `for file in /proc/sys/net/ipv4/conf/*/*; do
        case $file in *mc_forwarding|*igmp*|*/tag|*/medium_id|*/log_martians|*/bootp_relay) ;; *) echo 1 >$file ;; esac
      done
      echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all; echo 9 >/proc/sys/net/ipv4/ip_default_ttl`;
    const look =
      'cd /proc/sys/net && grep -H . ipv4/conf/all/* ipv4/conf/default/* ipv4/conf/lo/* ipv6/conf/*/disable_ipv6 ' +
      'ipv4/icmp_echo_ignore_all ipv4/icmp_ratelimit ipv4/ip_default_ttl ipv4/ip_forward | grep -vE "igmp|bootp|log_mart|/eth0/"';
    const inNamespace = async (script: string) => {
      const argv = ['unshare', '--net', 'sh', '-ec', `${script}; ${look}`];
      return (await testbed.runInFabric(argv)).stdout.split('\n');
    };
    const wanted = await inNamespace(`${strange}; /usr/lib/podwire/start-namespace`);
    expect(await inNamespace(strange)).not.toEqual(wanted);
    expect(wanted).toContain('ipv4/conf/default/arp_ignore:0');
    const { stdout } = await testbed.probe(testbed.host('pod/a'), ['sh', '-c', look]);
    expect(stdout.split('\n')).toEqual(wanted);
    // What the topology says of its node comes on top: one-node forwards, and with that takes no redirects.
    const ofNode = (await testbed.probe(testbed.host('node1'), ['sh', '-c', look])).stdout.split('\n');
    const differs = ofNode.filter((line) => !wanted.includes(line));
    expect(differs.filter((line) => !/forward|accept_redirects/.test(line))).toEqual([]);
  });

  test.concurrent('does not see others with the same addresses beside it', async () => {
    await using one = await startTestbed(twoNodes, '00');
    await using other = await startTestbed(twoNodes, '01');
    await using third = await startTestbed(oneNode, '00');
    await using seeded = await startTestbed(twoNodes, '00', 'alice');
    expect(seeded.testbed.plan.variables).not.toEqual(one.testbed.plan.variables);
    await mustAsLearner(one.testbed, 'node2', 'ip address add 192.168.56.77/24 dev eth0');
    await mustAsLearner(
      other.testbed,
      'node1',
      'timeout 20 tcpdump -i eth0 -nn -l >/tmp/heard 2>&1 & until grep -q listening /tmp/heard; do :; done',
    );
    expect((await learner(one.testbed, 'node1', 'ping -c1 -W2 192.168.56.77')).exitCode).toBe(0);
    const [inOther, inThird] = await Promise.all([
      learner(other.testbed, 'node1', 'ping -c1 -W1 192.168.56.77'),
      learner(third.testbed, 'node1', 'ping -c1 -W1 192.168.56.12'),
    ]);
    expect([inOther.exitCode, inThird.exitCode]).toEqual([1, 1]);
    expect((await learner(other.testbed, 'node1', 'ping -c1 -W2 192.168.56.12')).exitCode).toBe(0);
    // Its own traffic was heard, so silence about the other's means something.
    const heard = await mustAsLearner(
      other.testbed,
      'node1',
      'until grep -q "echo reply" /tmp/heard; do :; done; cat /tmp/heard',
    );
    expect(heard).not.toMatch(/192\.168\.56\.77.* (is-at|> )|> 192\.168\.56\.77: ICMP/);
  });

  test.concurrent('adds no interface to the host', async () => {
    const before = await hostInterfaces();
    await using _started = await startTestbed(twoNodes);
    const added = (await hostInterfaces()).filter((name) => !before.includes(name));
    expect(added.filter((name) => /underlay|node\d|^br0$/.test(name))).toEqual([]);
  });

  test.concurrent('that is removed ends what others were doing in it, with an error', async () => {
    await using started = await startTestbed(oneNode);
    const { testbed, blueprint } = started;
    const inNode = learner(testbed, 'node1', 'sleep 1000').catch((error: Error) => error);
    const inFabric = testbed.runInFabric(['sleep', '1000']).catch((error: Error) => error);
    const found = await findTestbed(docker, blueprint.identity.id);
    if (found) await removeTestbed(docker, found);
    expect(await inFabric).toEqual(new Error("Lost the testbed's fabric."));
    // Whichever of the two the engine removed first.
    expect([
      new Error("Lost the testbed's fabric."),
      expect.objectContaining({ exitCode: 137 }),
      // The node went before the command had begun in it.
      expect.objectContaining({ name: 'RefusedError' }),
    ]).toContainEqual(await inNode);
    await expect(testbed.runInFabric(['true'])).rejects.toThrow("Lost the testbed's fabric.");
  });

  test.concurrent('goes with everything in it', async () => {
    const started = await startTestbed(twoNodes);
    const { id } = started.blueprint.identity;
    const containers = Object.values(await idsOf(id));
    await mustAsLearner(
      started.testbed,
      'node1',
      'sleep 1000 & ip netns exec a sleep 1000 & setsid -f sleep 1000',
    );
    const capture = started.testbed.startProbe({ node: 'node1', pod: 'a' }, ['tcpdump', '-i', 'any'], {
      deadlineMs: Number.POSITIVE_INFINITY,
    });
    capture.done.catch(() => {});
    await until(
      'the capture runs',
      () => processesOf(containers),
      (lines) => lines.some((line) => line.startsWith('tcpdump')),
    );
    await started[Symbol.asyncDispose]();
    expect(await containersOf(docker, id)).toEqual([]);
    expect(await processesOf(containers)).toEqual([]);
  });
});

describe('reset', () => {
  test.concurrent('restores what a learner sees of a fresh testbed, in the same containers', async () => {
    await using fresh = await startTestbed(twoNodes);
    await using used = await startTestbed(twoNodes);
    const { id } = used.blueprint.identity;
    const [wanted, before] = await Promise.all([learnersView(fresh.testbed, 'node1'), idsOf(id)]);
    await mustAsLearner(used.testbed, 'node1', CLUTTER);
    expect(await learnersView(used.testbed, 'node1')).not.toEqual(wanted);
    await used.testbed.session.close();

    await using again = await reset(docker, used.blueprint);
    expect(await learnersView(again, 'node1')).toEqual(wanted);
    const after = await idsOf(id);
    for (const node of names(id, 'node1', 'node2')) expect(after[node]).toBe(before[node]);
    expect((await learner(again, 'node1', 'ping -c1 -W2 192.168.56.12')).exitCode).toBe(0);
    // Nor does the fabric remember the cables of before.
    expect(
      (await again.runInFabric(['sh', '-c', 'ip -br link | cut -d@ -f1 | cut -d" " -f1'])).stdout
        .trim()
        .split('\n'),
    ).toEqual(['lo', 'underlay', 'node1-eth0', 'node2-eth0']);
  });

  test.concurrent('ends commands whose asker is gone, even those that cling to life', async () => {
    await using started = await startTestbed(oneNode);
    // Without its death signal the command survives its waiter and becomes a child of the container's init.
    const clinging = `perl -e 'syscall(157, 1, 0, 0, 0, 0); $SIG{TERM} = $SIG{HUP} = "IGNORE"; print "ready\\n"; $| = 1; close STDOUT; sleep 1000'`;
    const job = started.testbed.session.start(
      { kind: 'world', init: started.testbed.initOf('node1'), pod: '' },
      ['bash', '-c', `exec ${clinging}`],
      { deadlineMs: 1_500, env: { PATH: '/usr/bin' } },
    );
    expect((await job.done).timedOut).toBe(true);
    await started.testbed.session.close();
    await using again = await reset(docker, started.blueprint);
    expect(await mustAsLearner(again, 'node1', 'pgrep -c perl || true')).toBe('0\n');
  });

  test.concurrent('leaves nothing when it is aborted', async () => {
    await using started = await startTestbed(oneNode);
    await started.testbed.session.close();
    const controller = new AbortController();
    const onStep = () => controller.abort(new Error('enough'));
    await expect(reset(docker, started.blueprint, { signal: controller.signal, onStep })).rejects.toThrow(
      'enough',
    );
    expect(await containersOf(docker, started.blueprint.identity.id)).toEqual([]);
  });

  test.concurrent('makes a testbed that is not there, or is not whole', async () => {
    const blueprint = blueprintOf(oneNode);
    await using _cleaning = cleaning(blueprint.identity.id);
    await (await reset(docker, blueprint)).session.close();
    await removeContainer(
      docker,
      (await idsOf(blueprint.identity.id))[`/${containerName(blueprint.identity.id, 'node1')}`] ?? '',
    );
    await using _again = await reset(docker, blueprint);
    expect((await findTestbed(docker, blueprint.identity.id))?.state).toBe('ready');
  });
});

describe('renewal for the next submission', () => {
  const freshOf = (seed: string | null) =>
    makeFresh(
      docker,
      { lab: '00', topology: twoNodes, plan: planAddresses(twoNodes, seed), image, start: [] },
      new AbortController().signal,
    );

  test.concurrent('makes what new containers would be, of another plan', async () => {
    const [wanted, used] = await Promise.all([freshOf('bob'), freshOf(null)]);
    try {
      const before = await idsOf(used.testbed.identity.id);
      await mustAsLearner(used.testbed, 'node1', CLUTTER);
      expect(wanted.testbed.plan.variables).not.toEqual(used.testbed.plan.variables);
      const again = await used.renew(wanted.testbed.plan);
      for (const node of ['node1', 'node2'])
        expect(await learnersView(again.testbed, node)).toEqual(await learnersView(wanted.testbed, node));
      expect(again.testbed.identity).toMatchObject({ id: used.testbed.identity.id, seed: 'bob' });
      expect(again.cpuMsBefore).toBeGreaterThan(0);
      expect(await idsOf(used.testbed.identity.id)).toEqual(before);
      const { variables } = again.testbed.plan;
      expect((await learner(again.testbed, 'node1', `ping -c1 -W2 ${variables.NODE2_IP}`)).exitCode).toBe(0);
    } finally {
      await Promise.all([wanted.remove(), used.remove()]);
    }
    expect(await containersOf(docker, used.testbed.identity.id)).toEqual([]);
  });

  const inContainer = async (testbed: Testbed, ...argv: string[]) => {
    const id = (await idsOf(testbed.identity.id))[`/${containerName(testbed.identity.id, 'node1')}`] ?? '';
    const exec = await docker.getContainer(id).exec({ Cmd: argv });
    (await exec.start({ Detach: true })).resume();
  };
  const remains: Readonly<Record<string, (testbed: Testbed) => Promise<unknown>>> = {
    'a process is left outside of the world': (testbed) => inContainer(testbed, 'sleep', '1000'),
    'a process is left in the fabric': async (testbed) => {
      testbed.startInFabric(['sleep', '1000']).done.catch(() => {});
    },
    'a process was killed for lack of memory': (testbed) => learner(testbed, 'node1', 'tail /dev/zero'),
  };
  test.concurrent.each(Object.keys(remains))('is refused where %s', async (what) => {
    const used = await freshOf(null);
    try {
      await remains[what]?.(used.testbed);
      await expect(used.renew(used.testbed.plan)).rejects.toThrow('Something is left in the containers');
    } finally {
      await used.remove();
    }
  });
});

/** Something of everything that a learner can leave behind. */
const CLUTTER = `set -e
ip link add br0 type bridge && ip link set br0 up && ip address add 10.244.1.1/24 dev br0
ip link add va type veth peer name eth0 netns a && ip link set va master br0 up
ip link add vx0 type vxlan id 1 dstport 8472 local 192.168.56.11 dev eth0
ip netns add mine && ip -n mine link set lo up
ip netns delete b
ip route add default via 192.168.56.12 && ip rule add from 10.0.0.0/8 table 7 && ip neigh add 192.168.56.99 lladdr 02:00:00:00:00:01 dev eth0
iptables -t nat -A POSTROUTING -j MASQUERADE && iptables -t raw -A PREROUTING -p icmp -j TRACE
nft add table inet mine && ipset create mine hash:ip
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=1 net.bridge.bridge-nf-call-iptables=0
echo x >/root/x; echo x >/etc/netns/a/x; rm /usr/sbin/ip; ln -s busybox /usr/local/bin/ls
echo x >/dev/shm/x; echo x >/run/x; echo x >/var/tmp/x; mkdir /dev/mqueue/x 2>/dev/null || touch /dev/mqueue/x || true
mount -t tmpfs none /mnt; hostname other; ipcmk -M 4096 >/dev/null
setsid -f sleep 1000; ping -q -c1 -W1 192.168.56.12 >/dev/null || true
`;

describe('what stands', () => {
  test.concurrent('is known from labels alone', async () => {
    await using started = await startTestbed(twoNodes, '07', 'bob');
    const { id } = started.blueprint.identity;
    const found = (await findTestbeds(docker)).find((testbed) => testbed.id === id);
    expect(found).toMatchObject({ id, lab: '07', seed: 'bob', state: 'ready', ephemeral: true });
    expect(Object.keys(found?.nodes ?? {}).sort()).toEqual(['node1', 'node2']);
    if (found) await removeTestbed(docker, found);
    expect(await containersOf(docker, id)).toEqual([]);
  });

  test.concurrent('is swept when its owner is dead, and nothing else is', async () => {
    await using living = await startTestbed(oneNode);
    const { id } = ephemeralTestbed('00');
    await using _cleaning = cleaning(id);
    const owner = spawn(process.execPath, [BRING_UP, id, 'one-node', 'hold'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const died = new Promise((resolve) => owner.once('exit', resolve));
    await new Promise((resolve) => owner.stdout.once('data', resolve));
    expect((await findTestbed(docker, id))?.state).toBe('ready');
    expect((await sweep(docker)).map((swept) => swept.id)).not.toContain(id);

    owner.kill('SIGKILL');
    await died;
    expect((await findTestbed(docker, id))?.state).toBe('abandoned');
    await sweep(docker);
    expect(await containersOf(docker, id)).toEqual([]);
    expect((await findTestbed(docker, living.blueprint.identity.id))?.state).toBe('ready');
  });

  test.concurrent('is removed, and no foreign container whose name looks like ours', async () => {
    await using started = await startTestbed(oneNode);
    const { id } = started.blueprint.identity;
    const foreign = [
      containerName(id, 'node2'),
      containerName(`${id}9`, 'fabric'),
      `${containerName(id, 'building')}`,
    ];
    const made = await Promise.all(
      foreign.map((name) =>
        docker.createContainer({ name, Image: image, Cmd: ['pause'], HostConfig: { NetworkMode: 'none' } }),
      ),
    );
    try {
      const found = await findTestbed(docker, id);
      expect(found?.state).toBe('ready');
      if (found) await removeTestbed(docker, found);
      await sweep(docker);
      const states = await Promise.all(
        made.map(async (container) => (await container.inspect()).State.Status),
      );
      expect(states).toEqual(['created', 'created', 'created']);
      expect(await containersOf(docker, id)).toEqual([]);
    } finally {
      await Promise.all(made.map(({ id: madeId }) => removeContainer(docker, madeId)));
    }
  });
});

describe('a node that ended', () => {
  const lost = (what: string) =>
    `Lab 00 lost its state: ${what}, and namespaces made by hand do not outlive that.`;
  const ways: readonly [
    string,
    (container: ReturnType<Docker['getContainer']>) => Promise<unknown>,
    string,
  ][] = [
    ['killed', (container) => container.kill(), 'node1 stopped'],
    ['stopped', (container) => container.stop(), 'node1 stopped'],
    ['restarted', (container) => container.restart(), 'node1 was restarted'],
    ['removed', (container) => container.remove({ force: true }), 'node1 was removed'],
  ];

  test.concurrent.each(ways)(
    'because it was %s is told by whoever opens the testbed, and `up` starts over',
    async (_way, end, what) => {
      await using started = await startTestbed(twoNodes);
      const { identity, plan } = started.blueprint;
      await end(
        docker.getContainer((await idsOf(identity.id))[`/${containerName(identity.id, 'node1')}`] ?? ''),
      );
      await expect(openTestbed(docker, identity, plan)).rejects.toThrow(
        `${lost(what)} Start over with: npx podwire reset 00`,
      );

      const told: string[] = [];
      const [again, stood] = await bringUp(docker, started.blueprint, { onLoss: (text) => told.push(text) });
      await using _session = again;
      expect({ stood, told }).toEqual({ stood: false, told: [`${lost(what)} It starts over.`] });
      expect((await learner(again, 'node1', 'ping -c1 -W2 192.168.56.12')).exitCode).toBe(0);
    },
  );

  test.concurrent('stops when it is told to, and is not killed for not doing so', async () => {
    await using started = await startTestbed(oneNode);
    await mustAsLearner(
      started.testbed,
      'node1',
      'setsid -f bash -c "trap : TERM; while :; do sleep 1; done"',
    );
    const began = performance.now();
    await docker
      .getContainer(
        (await idsOf(started.blueprint.identity.id))[
          `/${containerName(started.blueprint.identity.id, 'node1')}`
        ] ?? '',
      )
      .stop({ t: 2 * (SOON_MS / 1000) });
    expect(performance.now() - began).toBeLessThan(SOON_MS);
  });

  test.concurrent('by its learner: PID 1 of the world cannot be killed from inside; all else can, and the node goes on', async () => {
    await using started = await startTestbed(oneNode);
    const { testbed } = started;
    expect(
      (await learner(testbed, 'node1', 'kill -9 1; kill -TERM 1; kill -SEGV 1; echo alive')).stdout,
    ).toBe('alive\n');
    await mustAsLearner(testbed, 'node1', 'setsid -f sleep 1000; kill -9 -1');
    // What is killed is there until its parent has heard of it.
    await mustAsLearner(testbed, 'node1', 'timeout 30 sh -c "while pgrep -x sleep >/dev/null; do :; done"');
    expect(await mustAsLearner(testbed, 'node1', 'pgrep -c sleep || true; ip netns list | sort')).toBe(
      '0\na\nb\nc\n',
    );
    expect(await mustAsLearner(testbed, 'pod/a', 'ip -br link show lo | cut -d" " -f1')).toBe('lo\n');
    const [again, stood] = await bringUp(docker, started.blueprint);
    await using _session = again;
    expect(stood).toBe(true);
  });

  test.concurrent('with its world is told from one that runs', async () => {
    await using started = await startTestbed(oneNode);
    const { testbed, blueprint } = started;
    const printed = await testbed.runInFabric([
      '/usr/lib/podwire/agent',
      'world',
      String(testbed.initOf('node1')),
    ]);
    process.kill(Number(printed.stdout), 'SIGKILL');
    await until(
      'the node has ended',
      () => findTestbed(docker, blueprint.identity.id),
      (found) => found?.state === 'stopped',
    );
    await expect(learner(testbed, 'node1', 'true')).rejects.toMatchObject({ reason: 'node-gone' });
    await expect(testbed.probe({ node: 'node1', pod: '' }, ['true'])).rejects.toMatchObject({
      reason: 'node-gone',
    });
    await expect(openTestbed(docker, blueprint.identity, blueprint.plan)).rejects.toThrow(
      lost('node1 stopped'),
    );
  });
});

describe('limits', () => {
  /** The rest of the testbed works, the engine answers, and the testbed can be removed soon. */
  async function expectHarmless(testbed: Testbed, id: string): Promise<void> {
    expect(
      (
        await learner(
          testbed,
          'node2',
          'ping -c1 -W2 127.0.0.1 && ip link add br9 type bridge && ip link delete br9',
        )
      ).exitCode,
    ).toBe(0);
    expect((await testbed.runInFabric(['true'])).exitCode).toBe(0);
    expect((await docker.ping()).toString()).toBe('OK');
    const began = performance.now();
    const found = await findTestbed(docker, id);
    if (found) await removeTestbed(docker, found);
    expect(performance.now() - began).toBeLessThan(SOON_MS);
  }

  test.concurrent('a fork bomb meets its limit in its own node', async () => {
    await using started = await startTestbed(twoNodes);
    const { testbed, blueprint } = started;
    const bomb = learner(testbed, 'node1', 'bomb() { bomb | bomb & }; bomb; sleep 1000', 60_000);
    bomb.catch(() => {});
    const node1 =
      (await idsOf(blueprint.identity.id))[`/${containerName(blueprint.identity.id, 'node1')}`] ?? '';
    const most = await until(
      'the bomb is at its limit',
      () => processesOf([node1]),
      (lines) => lines.length > 400,
    );
    expect(most.length).toBeLessThanOrEqual(512);
    // A probe runs in the fabric, so it is not refused for want of processes.
    expect((await testbed.probe({ node: 'node1', pod: '' }, ['ip', '-br', 'link'])).exitCode).toBe(0);
    await expectHarmless(testbed, blueprint.identity.id);
  });

  test.concurrent('a fork bomb does not outlive a reset', async () => {
    await using started = await startTestbed(oneNode);
    learner(started.testbed, 'node1', 'bomb() { bomb | bomb & }; bomb; sleep 1000', 60_000).catch(() => {});
    const ids = Object.values(await idsOf(started.blueprint.identity.id));
    await until(
      'the bomb is at its limit',
      () => processesOf(ids),
      (lines) => lines.length > 400,
    );
    await started.testbed.session.close();
    await using again = await reset(docker, started.blueprint);
    expect(Number(await mustAsLearner(again, 'node1', 'ps -e --no-headers | wc -l'))).toBeLessThan(10);
  });

  /** On a machine of one processor they never reach the bound. */
  const testOfBound = availableParallelism() > 1 ? test.concurrent : test.concurrent.skip;
  testOfBound('busy loops get no more than one processor, together', async () => {
    await using started = await startTestbed(oneNode);
    const { testbed, blueprint } = started;
    const [node1 = ''] = names(blueprint.identity.id, 'node1');
    const container = docker.getContainer((await idsOf(blueprint.identity.id))[node1] ?? '');
    const look = async () => {
      const { cpu_stats: cpu } = await container.stats({ stream: false, 'one-shot': true } as {
        stream: false;
      });
      return { usedMs: cpu.cpu_usage.total_usage / 1e6, heldBack: cpu.throttling_data.throttled_periods };
    };
    const before = await look();
    const began = performance.now();
    const loops = learner(testbed, 'node1', 'for i in 1 2 3 4; do while :; do :; done & done; wait', SOON_MS);
    loops.catch(() => {});
    const isHeld = ({ usedMs, heldBack }: typeof before) =>
      heldBack > before.heldBack && usedMs - before.usedMs > 500;
    const after = await until('the loops are held back', look, isHeld);
    // A period of the bound is 100 ms: one may be begun, and one not yet be counted.
    expect(after.usedMs - before.usedMs).toBeLessThan(performance.now() - began + 200);
    await mustAsLearner(testbed, 'node1', 'ip -br link show eth0');
  });

  test.concurrent('a process that takes all memory is ended, and nothing else is', async () => {
    await using started = await startTestbed(twoNodes);
    const { testbed, blueprint } = started;
    expect(await learner(testbed, 'node1', 'tail /dev/zero')).toMatchObject({
      exitCode: 137,
      timedOut: false,
    });
    expect((await learner(testbed, 'node1', 'ip netns list')).exitCode).toBe(0);
    expect((await findTestbed(docker, blueprint.identity.id))?.state).toBe('ready');
    await expectHarmless(testbed, blueprint.identity.id);
  });

  test.concurrent('files end at the bounds of the node’s disk, in bytes and in number', async () => {
    await using started = await startTestbed(twoNodes);
    const { testbed, blueprint } = started;
    for (const [folder, mib] of [
      ['/var/tmp', 64],
      ['/run', 8],
      ['/dev/shm', 16],
    ] as const) {
      const { stderr } = await learner(testbed, 'node1', `dd if=/dev/zero of=${folder}/big bs=1M count=300`);
      expect(stderr).toMatch(/No space left on device/);
      expect(
        Number(await mustAsLearner(testbed, 'node1', `stat -c %s ${folder}/big; rm ${folder}/big`)),
      ).toBeLessThanOrEqual(mib << 20);
      const many = await learner(
        testbed,
        'node1',
        `mkdir ${folder}/many && cd ${folder}/many && seq 100000 | xargs touch`,
      );
      expect(many.stderr).toMatch(/No space left on device/);
      await mustAsLearner(testbed, 'node1', `rm -r ${folder}/many`);
    }
    await expectHarmless(testbed, blueprint.identity.id);
  });

  test.concurrent('a file system in memory counts as memory of its node', async () => {
    await using started = await startTestbed(twoNodes);
    const { testbed, blueprint } = started;
    const script = 'mount -t tmpfs -o size=2g none /mnt && dd if=/dev/zero of=/mnt/big bs=1M count=1500';
    // Its pages belong to no process, so that in the end the kernel may have to end the node.
    const ended = await learner(testbed, 'node1', script).catch((error: Error) => error);
    expect(ended instanceof Error || ended.exitCode !== 0).toBe(true);
    await expectHarmless(testbed, blueprint.identity.id);
  });
});
