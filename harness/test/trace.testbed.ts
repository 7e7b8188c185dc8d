/** Walks on real testbeds: packets that arrive, packets that are lost, and what is left behind afterwards: nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { diagnose, findProvenCause } from '../src/diagnosis/diagnose.ts';
import { capturedInterfaces } from '../src/diagnosis/walk/capture-file.ts';
import type { PacketWalk, Walk } from '../src/diagnosis/walk/walk.ts';
import { walkAndCapture, walkPacket } from '../src/diagnosis/walk/walk-packet.ts';
import { writePcapng } from '../src/probes/write-pcapng.ts';
import type { Testbed } from '../src/testbed/testbed.ts';
import { learner, mustAsLearner, processesOf, until } from './observe.ts';
import { readLab, startLab, startSolved, type TestTestbed } from './testbeds.ts';

const [lab02, lab03, lab04, lab05] = [await readLab('02'), await readLab('03'), await readLab('04'), await readLab('05')]; // biome-ignore format: labs
const [lab06, lab07, lab08] = [await readLab('06'), await readLab('07'), await readLab('08')];

/** `pod/a eth0 out`, ... */
function way(packet: PacketWalk | undefined): string[] {
  return (packet?.stops ?? []).map((stop) => `${stop.host} ${stop.interface} ${stop.direction}`);
}

function kinds(packet: PacketWalk | undefined): string[] {
  return [...(packet?.begins ?? []), ...(packet?.stops.flatMap(({ then }) => then) ?? [])].map(
    ({ kind }) => kind,
  );
}

function roles({ packets }: Walk): string[] {
  return packets.map(({ role }) => role);
}

/** What cannot be traced, and what is said of it. */
const BAD_TARGETS = [
  ['999.1.1.1', null, 'Cannot trace to "999.1.1.1": the numbers of an IPv4 address go from 0 to 255.'],
  [
    '224.0.0.1',
    null,
    'Cannot trace to "224.0.0.1": wanted the address of one host, found none of that kind.',
  ],
  ['fd00::1', null, 'Cannot trace to "fd00::1": wanted an IPv4 address or a name, found IPv6.'],
  ['[fd00::1]:80', null, 'Cannot trace to "[fd00::1]:80": wanted an IPv4 address or a name, found IPv6.'],
  ['web:81', null, 'Cannot trace to Service web: wanted 81, found 80/TCP.'],
  ['web', 'udp', 'Cannot trace to Service web: wanted a port/UDP, found 80/TCP.'],
  ['pod/b:70000', null, 'Cannot trace to "pod/b:70000": wanted a port from 1 to 65535, found 70000.'],
  [
    'nosuch',
    null,
    'There is no host "nosuch" in this lab. There are: node1, node2, router, upstream, pod/a, pod/b, pod/e, pod/c, pod/d, pod/dns. To ask DNS for the name: dns/nosuch',
  ],
  ['dns/a..b', null, 'Cannot trace to "dns/a..b": "a..b" is no name that DNS could know.'],
] as const;

describe('a packet that arrives', () => {
  test('on one node: over two cables and a bridge, and back', async () => {
    await using started = await startSolved(lab03);
    const walk = await walkPacket(started.testbed, { from: 'pod/a', to: 'pod/b', protocol: 'udp' });
    expect(walk.sentence).toMatch(/^Arrived: a datagram from pod\/a reaches pod\/b at /);
    expect(walk.loss).toBeNull();
    const [request, reply] = walk.packets;
    expect(way(request)).toEqual(['pod/a eth0 out', 'node1 veth-a in', 'node1 veth-b out', 'pod/b eth0 in']);
    expect(way(reply)).toEqual(['pod/b eth0 out', 'node1 veth-b in', 'node1 veth-a out', 'pod/a eth0 in']);
    expect(kinds(request)).toEqual(expect.arrayContaining(['routed', 'cable', 'bridged', 'delivered']));
    expect(request?.stops.every(({ packet }) => packet.ttl === 64)).toBe(true);
  });

  test('across nodes by routes: routed twice, with the route that each node used', async () => {
    await using started = await startSolved(lab04);
    const { testbed } = started;
    for (const protocol of ['tcp', 'udp', 'icmp'] as const) {
      const walk = await walkPacket(testbed, { from: 'pod/a', to: 'pod/c', protocol });
      expect({ protocol, loss: walk.loss, roles: roles(walk) }).toEqual({
        protocol,
        loss: null,
        roles: ['request', 'reply'],
      });
      expect(way(walk.packets[0])).toEqual([
        'pod/a eth0 out',
        'node1 veth-a in',
        'node1 cni0 in',
        'node1 eth0 out',
        'node2 eth0 in',
        'node2 cni0 out',
        'node2 veth-c out',
        'pod/c eth0 in',
      ]);
      const routed = walk.packets[0]?.stops
        .flatMap(({ then }) => then)
        .filter(({ kind }) => kind === 'routed');
      expect(routed?.map(({ host }) => host)).toEqual(['node1', 'node2']);
      expect(routed?.[0]?.text).toContain(`${testbed.plan.nodes.node2?.podCidr} via`);
      expect(walk.packets[0]?.stops.at(-1)?.packet.ttl).toBe(62);
    }
  });

  test('through a VXLAN tunnel: followed inside it, over the router between the racks', async () => {
    await using started = await startSolved(lab05);
    const { plan } = started.testbed;
    const walk = await walkPacket(started.testbed, { from: 'pod/a', to: 'pod/c' });
    expect(walk.loss).toBeNull();
    expect(way(walk.packets[0])).toEqual([
      'pod/a eth0 out',
      'node1 veth-a in',
      'node1 cni0 in',
      'node1 flannel.1 out',
      'node1 eth0 out',
      'router eth0 in',
      'router eth1 out',
      'node2 eth0 in',
      'node2 flannel.1 in',
      'node2 cni0 out',
      'node2 veth-c out',
      'pod/c eth0 in',
    ]);
    const wrapped = walk.packets[0]?.stops.filter(({ packet }) => packet.outer !== null);
    expect(wrapped?.map(({ packet }) => packet.outer)).toEqual(
      [64, 64, 63, 63].map((ttl) =>
        expect.objectContaining({
          source: plan.nodes.node1?.interfaces.eth0?.address,
          destination: plan.nodes.node2?.interfaces.eth0?.address,
          vni: plan.cluster.vni,
          port: plan.cluster.vxlanPort,
          ttl,
        }),
      ),
    );
    expect(kinds(walk.packets[0])).toEqual(expect.arrayContaining(['encapsulated', 'decapsulated']));
  });

  test('through NAT: the address of a Service becomes a pod, the sender becomes its node, and both are put back', async () => {
    await using started = await startSolved(lab04);
    const { testbed } = started;
    const target = testbed.plan.pods.c?.address;
    await mustAsLearner(
      testbed,
      'node1',
      `iptables -t nat -A PREROUTING -d 10.96.0.99 -p tcp --dport 80 -j DNAT --to-destination ${target}:8080
      iptables -t nat -A POSTROUTING -d ${target} -p tcp --dport 8080 -j MASQUERADE --random-fully`,
    );
    await mustAsLearner(
      testbed,
      'pod/c',
      'socat TCP-LISTEN:8080,fork,reuseaddr SYSTEM:date >/dev/null 2>&1 & sleep 0.1; ss -ltn | grep -q :8080',
    );
    const walk = await walkPacket(testbed, { from: 'pod/a', to: '10.96.0.99:80' });
    expect(walk.loss).toBeNull();
    const [request, reply] = walk.packets;
    expect(way(request).at(-1)).toBe('pod/c eth0 in');
    expect(request?.stops.at(-1)?.packet).toMatchObject({
      source: testbed.plan.nodes.node1?.interfaces.eth0?.address,
      destination: target,
      destinationPort: 8080,
    });
    const rewritten = request?.stops
      .flatMap(({ then }) => then)
      .filter(({ kind }) => kind === 'dnat' || kind === 'snat');
    expect(rewritten?.map(({ kind, host }) => `${kind} ${host}`)).toEqual(['dnat node1', 'snat node1']);
    expect(rewritten?.[0]?.text).toContain(`dnat to ${target}:8080`);
    expect(reply?.stops.at(-1)?.packet).toMatchObject({ source: '10.96.0.99', sourcePort: 80 });
  });

  test('by a Service back to its own sender: out and in by one port of the bridge, masqueraded', async () => {
    await using started = await startSolved(lab06);
    const { testbed } = started;
    const web = testbed.plan.services.web?.clusterIp ?? '';
    await mustAsLearner(testbed, 'node1', 'iptables -t nat -I KUBE-SVC-WEB 1 -j KUBE-SEP-WEB-B');
    const walk = await walkPacket(testbed, { from: 'pod/b', to: 'web' });
    expect(walk.loss).toBeNull();
    const [request, reply] = walk.packets;
    expect(way(request)[0]).toBe('pod/b eth0 out');
    expect(way(request).slice(-2)).toEqual(['node1 veth-b out', 'pod/b eth0 in']);
    expect(request?.stops.at(-1)?.packet).toMatchObject({
      source: testbed.plan.nodes.node1?.podGateway,
      destination: testbed.plan.pods.b?.address,
      destinationPort: testbed.plan.services.web?.ports[0]?.targetPort,
    });
    expect(kinds(request)).toEqual(expect.arrayContaining(['dnat', 'snat', 'delivered']));
    expect(reply?.stops.at(-1)?.packet).toMatchObject({ source: web, sourcePort: 80 });
  });

  test('by a node port, also of a node that has no backend; and with Local as it is to be', async () => {
    await using started = await startSolved(lab07);
    const { testbed } = started;
    const { nodes } = testbed.plan;
    const client = nodes.client?.interfaces.eth0?.address;
    for (const node of ['node1', 'node3']) {
      const address = nodes[node]?.interfaces.eth0?.address ?? '';
      const port = testbed.plan.services.web?.ports[0]?.nodePort;
      const walk = await walkPacket(testbed, { from: 'client', to: `${address}:${port}` });
      expect({ node, loss: walk.loss, roles: roles(walk) }).toEqual({ node, loss: null, roles: ['request', 'reply'] }); // biome-ignore format: one line
      expect(walk.hosts).toContain(node);
      expect(kinds(walk.packets[0])).toEqual(expect.arrayContaining(['dnat', 'snat']));
      expect(walk.packets[1]?.stops.at(-1)?.packet).toMatchObject({ source: address, sourcePort: port });
    }
    const port = testbed.plan.services.shop?.ports[0]?.nodePort;
    const local = await walkPacket(testbed, { from: 'client', to: `${nodes.node1?.interfaces.eth0?.address}:${port}` }); // biome-ignore format: one line
    expect(local.loss).toBeNull();
    expect(local.packets[0]?.stops.at(-1)).toMatchObject({ host: 'pod/b', packet: { source: client } });
    const silent = await walkPacket(testbed, { from: 'client', to: `${nodes.node3?.interfaces.eth0?.address}:${port}` }); // biome-ignore format: one line
    expect(silent.loss?.causes).toEqual([
      {
        id: 'no-endpoints',
        where: 'node3',
        text: 'shop has externalTrafficPolicy Local and no pod on node3, which stays silent to the world, as it should',
      },
    ]);
  });

  test('by a name: the question and its answer first; and to the DNS server itself over UDP and TCP', async () => {
    await using started = await startSolved(lab08);
    const { testbed } = started;
    for (const name of ['dns/web', 'web.default.svc.cluster.local', 'web.default']) {
      const walk = await walkPacket(testbed, { from: 'pod/a', to: name });
      expect({ name, loss: walk.loss, roles: roles(walk) }).toEqual({
        name,
        loss: null,
        roles: ['question', 'response', 'request', 'reply'],
      });
      expect(walk.packets[0]?.stops.at(-1)?.host).toBe('pod/dns');
    }
    for (const protocol of ['udp', 'tcp'] as const) {
      const walk = await walkPacket(testbed, { from: 'pod/a', to: 'svc/dns', protocol });
      expect({ protocol, loss: walk.loss, roles: roles(walk) }).toEqual({
        protocol,
        loss: null,
        roles: ['request', 'reply'],
      });
      expect(walk.packets[0]?.stops.at(-1)?.host).toBe('pod/dns');
      expect(kinds(walk.packets[0])).toContain('dnat');
    }
    const none = await walkPacket(testbed, { from: 'pod/a', to: 'nosuch.default.svc.cluster.local' });
    expect(none.loss?.causes.map(({ id }) => id)).toEqual(['name-not-found']);
    expect(none.sentence).toMatch(
      /^Not found: nosuch\.default\.svc\.cluster\.local has no address for pod\/a: /,
    );
    for (const [to, protocol, text] of BAD_TARGETS) {
      const walking = walkPacket(testbed, { from: 'pod/a', to, ...(protocol ? { protocol } : {}) });
      await expect(walking).rejects.toMatchObject({ name: 'UsageError', message: text });
    }
    const external = await walkPacket(testbed, { from: 'pod/a', to: 'docs' });
    expect(external.request).toMatchObject({ port: 80 });
  });

  test('of its full size, in one piece; and what is larger than its own interface takes', async () => {
    await using started = await startSolved(lab05);
    const { testbed } = started;
    const fits = await walkPacket(testbed, { from: 'pod/a', to: 'pod/c', protocol: 'udp', size: 1450 });
    expect(fits.loss).toBeNull();
    const answer = await walkPacket(testbed, { from: 'pod/a', to: 'pod/c', size: 200_000 });
    expect(answer.loss).toBeNull();
    const large = await walkPacket(testbed, { from: 'pod/a', to: 'pod/c', protocol: 'udp', size: 1600 });
    expect(large.loss?.causes.map(({ id, where }) => `${id} in ${where}`)).toEqual(['mtu-mismatch in pod/a']);
    expect(large.sentence).toMatch(/^Not sent: a datagram from pod\/a to .* takes packets of \d+ bytes, this one has 1600/); // biome-ignore format: one line
  });

  test('some of many: the first that is lost is walked, and all are counted', async () => {
    await using started = await startSolved(lab06);
    const { testbed } = started;
    await mustAsLearner(testbed, 'pod/c', 'iptables -A INPUT -p tcp --dport 8080 -j DROP');
    const walk = await walkPacket(testbed, { from: 'pod/a', to: 'web', count: 40 });
    expect(walk.sentence).toMatch(
      /^\d+ of 40 probes get no answer\. Unanswered: .*pod\/c does not answer it: the rule "tcp dport 8080 drop"/,
    );
    expect(walk.loss?.causes.map(({ id, where }) => `${id} in ${where}`)).toEqual(['filter-drop in pod/c']);
    const lost = walk.tally.filter(({ answered }) => !answered);
    expect(lost.map(({ where }) => where)).toEqual(['pod/c']);
    expect(walk.tally.reduce((sum, { count }) => sum + count, 0)).toBe(40);
    expect(walk.tally.map(({ where }) => where)).toEqual(expect.arrayContaining(['pod/b', 'pod/d']));
  });

  test('many at once: each is counted where it came to', async () => {
    await using started = await startSolved(lab03);
    const walk = await walkPacket(started.testbed, {
      from: 'pod/a',
      to: 'pod/b',
      protocol: 'icmp',
      count: 10,
    });
    expect(walk.tally).toEqual([{ where: 'pod/b', answered: true, count: 10 }]);
  });
});

/** Breaks a solved lab, and walks: where the packet is lost, and why. */
async function lose(
  lab: typeof lab03,
  broken: Readonly<Record<string, string>>,
  request: Parameters<typeof walkPacket>[1],
): Promise<{ where: string | undefined; causes: string[]; last: string }> {
  await using started = await startSolved(lab);
  for (const [host, script] of Object.entries(broken)) await mustAsLearner(started.testbed, host, script);
  const { loss } = await walkPacket(started.testbed, request);
  const { lastStop } = loss ?? {};
  return {
    where: loss?.where,
    causes: loss?.causes.map(({ id, where }) => `${id} in ${where}`) ?? [],
    last: lastStop ? `${lastStop.host} ${lastStop.interface} ${lastStop.direction}` : '',
  };
}

describe('a packet that is lost, by what loses it', () => {
  const A_TO_C = { from: 'pod/a', to: 'pod/c' };
  test.each([
    [
      'link',
      lab03,
      { node1: 'ip link set veth-b down', 'pod/a': 'ip neigh flush all' },
      { from: 'pod/a', to: 'pod/b' },
      'pod/a',
      'link-down in node1',
      '',
    ],
    [
      'routing',
      lab04,
      { node1: 'ip route del "$NODE2_POD_CIDR"' },
      A_TO_C,
      'node1',
      'no-route in node1',
      'node1 cni0 in',
    ],
    [
      'the way back',
      lab04,
      { node2: 'ip route del "$NODE1_POD_CIDR"' },
      A_TO_C,
      'node2',
      'no-route in node2',
      'node2 cni0 in',
    ],
    [
      'forwarding',
      lab04,
      { node2: 'sysctl -qw net.ipv4.ip_forward=0' },
      A_TO_C,
      'node2',
      'ip-forward-off in node2',
      'node2 eth0 in',
    ],
    [
      'filter',
      lab04,
      { node1: 'iptables -A FORWARD -p tcp -j DROP' },
      A_TO_C,
      'node1',
      'filter-drop in node1',
      'node1 cni0 in',
    ],
    [
      'neighbour',
      lab04,
      { node1: 'ip neigh replace "$NODE2_IP" lladdr 02:00:00:00:00:99 dev eth0 nud permanent' },
      A_TO_C,
      'node1',
      'wrong-neighbour in node1',
      'node1 eth0 out',
    ],
    [
      'overlay',
      lab05,
      { node1: 'bridge fdb del 0e:00:00:00:00:02 dev flannel.1 dst "$NODE2_IP" self' },
      A_TO_C,
      'node1',
      'vtep-fdb-missing in node1',
      'node1 flannel.1 out',
    ],
    [
      'tunnel filter',
      lab05,
      { node2: 'iptables -A INPUT -p udp --dport 8472 -j DROP' },
      A_TO_C,
      'node2',
      'filter-drop in node2',
      'node2 eth0 in',
    ],
    [
      'listener',
      lab04,
      {},
      { from: 'pod/a', to: 'pod/c:81' },
      'pod/c',
      'no-listener in pod/c',
      'pod/c eth0 in',
    ],
  ] as const)('%s', async (_what, lab, broken, request, where, cause, last) => {
    expect(await lose(lab, broken, request)).toEqual({ where, causes: [cause], last });
  });

  test('two at once, either of which loses it: both are told, first the one that the kernel meets first', async () => {
    const broken = {
      node2: `sysctl -qw net.ipv4.ip_forward=0
ip route replace "$NODE1_POD_CIDR" via "$POD_D_IP"
sysctl -qw net.ipv4.conf.eth0.rp_filter=1`,
    };
    expect(await lose(lab04, broken, A_TO_C)).toEqual({
      where: 'node2',
      causes: ['ip-forward-off in node2', 'rp-filter in node2'],
      last: 'node2 eth0 in',
    });
  });
});

describe('a diagnosis names what hides behind another symptom', () => {
  const later = () => {};

  test('a queue that drops what is for one endpoint of a Service, and not the neighbour that seems to be silent', async () => {
    await using started = await startSolved(lab06);
    const { testbed } = started;
    await mustAsLearner(testbed, 'node1', 'tc qdisc add dev veth-b root blackhole; ip neigh flush all');
    const web = testbed.plan.services.web;
    const [port] = web?.ports ?? [];
    if (!web?.clusterIp || !port) throw new Error('lab 06 has no Service web');
    const wrong = {
      what: 'unanswered',
      outcome: 'timeout',
      count: 4,
      asked: 12,
      answered: ['c', 'd'],
    } as const;
    const asked = { kind: 'service', from: testbed.host('pod/e'), service: 'web', address: web.clusterIp, port, wrong } as const; // biome-ignore format: one question
    const found = await diagnose(testbed, asked, later);
    expect(found).toMatchObject({ id: 'filter-drop', where: 'node1' });
    expect(found.text).toContain('the queue of veth-b');
  });

  test('another bridge, whichever end asks, and not the one that lost its only port', async () => {
    await using started = await startSolved(lab05);
    const { testbed } = started;
    await mustAsLearner(
      testbed,
      'node3',
      'ip link add other0 up type bridge; ip link set veth-e master other0',
    );
    const outcome = { kind: 'timeout', client: null, ttl: null } as const;
    for (const [one, other] of [
      ['pod/c', 'pod/e'],
      ['pod/e', 'pod/c'],
    ] as const) {
      const [from, to] = [testbed.host(one), testbed.host(other)];
      const address = testbed.plan.pods[to.pod]?.address ?? '';
      const silence = { kind: 'no-answer', from, to, address, protocol: 'icmp', port: 0, outcome } as const;
      expect(await diagnose(testbed, silence, later)).toMatchObject({ id: 'other-bridge', where: 'node3' });
    }
  });

  test('backends that drop what comes, and not a masquerade that a Local Service does without', async () => {
    await using started = await startSolved(lab07);
    const { testbed } = started;
    for (const pod of ['b', 'c', 'd'])
      await mustAsLearner(testbed, `pod/${pod}`, 'iptables -I INPUT -p tcp --dport 8090 -j DROP');
    const { address = '' } = Object.values(testbed.plan.nodes.node1?.interfaces ?? {})[0] ?? {};
    const port = testbed.plan.services.shop?.ports[0]?.nodePort ?? 0;
    const hosts = { from: testbed.host('client'), to: testbed.host('node1') };
    const called = { kind: 'node-port', wrong: 'no-answer', service: 'shop', ...hosts, address, protocol: 'tcp', port } as const; // biome-ignore format: one question
    const found = await diagnose(testbed, { ...called, outcome: 'timeout', seen: '' }, later);
    expect(found).toMatchObject({ id: 'filter-drop', where: 'pod/b' });
  });
});

test('a pod without a namespace is the cause, as sender and as receiver, and no error', async () => {
  await using started = await startLab(lab02);
  const { testbed } = started;
  const text = 'there is no network namespace /run/netns/a in node1';
  const cause = { id: 'no-namespace', where: 'pod/a', text };
  const sender = await walkPacket(testbed, { from: 'pod/a', to: 'node1' });
  expect(sender).toMatchObject({ outcome: 'no-namespace', arrived: false, loss: { causes: [cause] } });
  expect(sender.sentence).toMatch(/^Not sent: .* never leaves pod\/a: there is no network namespace/);
  const receiver = await walkPacket(testbed, { from: 'node1', to: 'pod/a', protocol: 'icmp' });
  expect(receiver.loss?.causes).toEqual([cause]);
  const [from, to] = [testbed.host('node1'), testbed.host('pod/a')];
  const address = testbed.plan.pods.a?.address ?? '';
  for (const hosts of [
    { from, to },
    { from: to, to: from },
  ]) {
    const outcome = { kind: 'timeout', client: null, ttl: null } as const;
    const found = await diagnose(testbed, { kind: 'no-answer', ...hosts, address, protocol: 'icmp', port: 0, outcome }, () => {}); // biome-ignore format: one question
    expect(found).toEqual(cause);
  }
});

test('a capture file is read by tcpdump, with the interfaces by name', async () => {
  await using started = await startSolved(lab05);
  const { testbed } = started;
  const { sightings, devices } = await walkAndCapture(
    testbed,
    { from: 'pod/a', to: 'pod/c' },
    { snapBytes: 65_535 },
  );
  const { interfaces, packets } = capturedInterfaces(testbed, devices, sightings);
  expect(interfaces.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['pod/a:eth0', 'node1:flannel.1', 'router:eth1']),
  );
  const file = writePcapng(interfaces, packets);
  const directory = await mkdtemp(path.join(tmpdir(), 'podwire-pcap-'));
  try {
    await writeFile(path.join(directory, 'walk.pcapng'), file);
    const { exitCode, stdout, stderr } = await testbed.runInFabric(
      ['sh', '-c', 'base64 -d | tcpdump -n -r - 2>&1'],
      {
        input: file.toString('base64'),
      },
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const flags = stdout.split('\n').filter((line) => line.includes('Flags [S]'));
    expect(flags.length).toBeGreaterThan(5);
  } finally {
    await rm(directory, { recursive: true });
  }
});

/** What a probe could leave: neighbours, connections, rules, routes, settings. States of neighbours change by themselves. */
const STATE = `
state() {
  ip -4 neigh | awk '{ print "neighbour", $1, $3 }' | sort
  # What the kernel itself reports of multicast groups (IGMP) is nobody's probe.
  conntrack -L 2>/dev/null | awk '$1 != "unknown" { print "connection", $0 }'
  { nft list ruleset; iptables-save; } | grep -v '^#' | sed -E 's/packets [0-9]+ bytes [0-9]+//; s/\\[[0-9]+:[0-9]+\\]//'
  ip route show table all; ip rule
  sysctl -a -r '^net' 2>/dev/null | grep -vE 'nf_conntrack_(count|max)|tcp_fastopen_key|stable_secret|\\.random'
}
state
for name in $(ip netns list | awk '{ print $1 }'); do echo "namespace $name"; ip netns exec "$name" bash -c "$(declare -f state); state"; done
`;

async function stateOf(testbed: Testbed): Promise<string[]> {
  const views = await Promise.all(
    testbed.nodes.map(async (node) => `${node}\n${await mustAsLearner(testbed, node, STATE)}`),
  );
  return views.flatMap((view) => view.split('\n'));
}

async function fabricProcesses({ docker }: TestTestbed, testbed: Testbed): Promise<string[]> {
  const containers = await docker.listContainers({
    filters: { label: [`podwire.testbed=${testbed.identity.id}`] },
  });
  const lines = await processesOf(containers.map(({ Id }) => Id));
  // What a session runs of the agent itself is a copy of the session; this test has one open.
  const [, ...copies] = lines.filter((line) => line.endsWith('agent session'));
  return [...lines.filter((line) => /nft|tcpdump|dig/.test(line)), ...copies];
}

/** Rules make the kernel track connections; TRACE rules and a capture of the learner's own are there too. */
const OWN_WORK = `
iptables -t nat -A POSTROUTING -d 203.0.113.1 -j MASQUERADE
iptables -t raw -A PREROUTING -p icmp -j TRACE
iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
tcpdump -Z root -i any -U -w /tmp/own.pcap >/dev/null 2>&1 &
until [ -s /tmp/own.pcap ]; do :; done
`;

describe('it does not disturb', () => {
  test('nothing of a walk is left: no rule, route, neighbour, connection, setting or process', async () => {
    await using started = await startSolved(lab05);
    const { testbed } = started;
    for (const node of ['node1', 'node2']) await mustAsLearner(testbed, node, OWN_WORK);
    for (const host of ['pod/a', 'pod/c'])
      await mustAsLearner(testbed, host, 'iptables -t nat -A OUTPUT -d 203.0.113.1 -j ACCEPT');
    const before = await stateOf(testbed);
    for (const request of [
      { from: 'pod/a', to: 'pod/c' },
      { from: 'pod/a', to: 'pod/c', protocol: 'udp', size: 1450 },
      { from: 'pod/a', to: 'pod/c', protocol: 'udp', size: 1500 },
      { from: 'node1', to: 'pod/d', protocol: 'icmp', count: 5 },
      { from: 'pod/a', to: '10.244.200.200:80' },
    ] as const) {
      await walkPacket(testbed, request);
      expect({ request, state: await stateOf(testbed) }).toEqual({ request, state: before });
    }
    expect(await fabricProcesses(started, testbed)).toEqual([
      expect.stringContaining('tcpdump'),
      expect.stringContaining('tcpdump'),
    ]);
  });

  test('nor of two hundred at once, which a node translates', async () => {
    await using started = await startSolved(lab06);
    const { testbed } = started;
    const flows = async () =>
      Promise.all(
        // Clock's port and its target port; another Service has a client that goes on.
        ['node1', 'node2'].map((node) =>
          mustAsLearner(testbed, node, 'conntrack -L -p udp 2>/dev/null | grep -E "dport=8?123 " || true'),
        ),
      );
    const before = await flows();
    const walk = await walkPacket(testbed, { from: 'node1', to: 'clock', count: 200 });
    expect(walk.tally.reduce((sum, { count }) => sum + count, 0)).toBe(200);
    expect(await flows()).toEqual(before);
  });

  test('nor of one that was killed in the middle', async () => {
    await using started = await startSolved(lab05);
    const { testbed } = started;
    for (const node of ['node1', 'node2']) await mustAsLearner(testbed, node, OWN_WORK);
    await mustAsLearner(testbed, 'pod/c', 'iptables -A INPUT -p tcp -j DROP');
    await mustAsLearner(testbed, 'pod/a', 'ip neigh flush all');
    const before = await stateOf(testbed);
    const script = path.join(import.meta.dirname, 'trace-until-killed.ts');
    const child = spawn(process.execPath, [script, JSON.stringify(testbed.identity), 'pod/a', 'pod/c'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await until(
      'the walk has made a connection',
      async () => (await learner(testbed, 'node2', 'conntrack -L 2>/dev/null')).stdout,
      (connections) => connections.includes('SYN_SENT'),
    );
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    await until(
      'the walk leaves nothing',
      () => stateOf(testbed),
      (state) => state.join('\n') === before.join('\n'),
    );
    await until(
      'no process of it is left',
      () => fabricProcesses(started, testbed),
      (left) => left.every((line) => line.includes('/tmp/own.pcap')),
    );
  });
});

test('when many probes fail at once, few are traced at the same time, and all are explained', async () => {
  await using started = await startSolved(lab03);
  const { testbed } = started;
  await mustAsLearner(testbed, 'node1', 'iptables -A INPUT -s "$NODE1_POD_CIDR" -d "$NODE1_IP" -j DROP');
  const { address = '' } = Object.values(testbed.plan.nodes.node1?.interfaces ?? {})[0] ?? {};
  const pods = ['pod/a', 'pod/b', 'pod/c'].map((pod) => testbed.host(pod));
  const outcome = { kind: 'timeout', client: null, ttl: null } as const;
  let [asking, most] = [true, 0];
  const explained = Promise.all(
    pods.flatMap((from) =>
      (['icmp', 'tcp', 'udp'] as const).map((protocol) =>
        findProvenCause(testbed, {
          kind: 'no-answer',
          from,
          to: testbed.host('node1'),
          address,
          protocol,
          port: 80,
          outcome,
        }),
      ),
    ),
  ).finally(() => {
    asking = false;
  });
  while (asking) {
    const processes = await fabricProcesses(started, testbed);
    most = Math.max(most, processes.filter((line) => /^nft (monitor|--interactive)/.test(line)).length);
  }
  expect((await explained).map((found) => found?.id)).toEqual(Array(9).fill('filter-drop'));
  // Two traces, in the namespaces of pod and node, with two processes in each.
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(8);
});
