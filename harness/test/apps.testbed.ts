/** The servers that stand in a testbed: they answer whoever asks, prove that they are ours, and come back. */
import { forgetFlows, sample, sharesOf } from '../src/probes/sample.ts';
import { parseTopology } from '../src/topology/read-topology.ts';
import { mustAsLearner } from './observe.ts';
import { readLab, startSolved, startTestbed } from './testbeds.ts';

const topology = parseTopology(
  `name: apps
networks: { underlay: { cidr: 192.168.56.0/24 } }
nodes:
  node1: { interfaces: { eth0: { network: underlay, host: 11 } }, podCidr: 10.244.1.0/24, pods: [a, b] }
  node2: { interfaces: { eth0: { network: underlay, host: 12 } } }
servers: { a: [8080], b: [8080], node2: [80, 53] }
`,
  'apps.yaml',
);

test('a learner asks them with curl and over UDP, and sees who answered whom', async () => {
  await using started = await startTestbed(topology);
  const { testbed } = started;
  const said = await mustAsLearner(testbed, 'node1', 'curl -s http://192.168.56.12/');
  expect(said).toMatch(/^node2 at 192\.168\.56\.12:80 answers 192\.168\.56\.11:\d+\n$/);
  const datagram = await mustAsLearner(testbed, 'node1', 'echo hi | socat -T1 - UDP:192.168.56.12:53');
  expect(datagram).toMatch(/^node2 at 192\.168\.56\.12:53 answers 192\.168\.56\.11:\d+ ttl 64\n$/);
});

test('many are asked at once, and each answer is known to be ours', async () => {
  await using started = await startTestbed(topology);
  const { testbed } = started;
  const question = { address: '192.168.56.12', port: 80, count: 300, timeoutMs: 10_000 };
  const client = testbed.host('node1');
  for (const protocol of ['tcp', 'udp'] as const) {
    const asked = await sample(testbed, client, { ...question, protocol, requests: 2 });
    expect(asked.others).toEqual(new Map());
    expect(asked.moved).toBe(0);
    expect(sharesOf(asked)).toEqual(new Map([['node2', 600]]));
    expect(asked.answers[0]).toMatchObject({ at: '192.168.56.12:80', client: '192.168.56.11' });
  }
  const closed = await sample(testbed, client, { ...question, protocol: 'tcp', port: 81 });
  expect(closed.others).toEqual(new Map([['refused', 300]]));
  const silent = await sample(testbed, client, {
    ...question,
    protocol: 'tcp',
    address: '192.168.56.99',
    timeoutMs: 300,
  });
  expect([...silent.others.keys()]).toEqual(['timeout']);
});

/** Asks a real server with the challenge that it was asked with, and says the same with other addresses. */
const FORGER = `use IO::Socket::INET;
my ($protocol, $port, $change) = @ARGV;
my $here = IO::Socket::INET->new(LocalPort => $port, Proto => $protocol, $protocol eq 'tcp' ? (Listen => 9) : ());
sub forge {
  my ($id) = $_[0] =~ /challenge=([0-9a-f]+)/;
  my $server = IO::Socket::INET->new(PeerAddr => '192.168.56.12', PeerPort => 80, Proto => 'tcp');
  print $server "GET /?challenge=$id HTTP/1.0\\r\\n\\r\\n";
  my $said = (split /\\r\\n\\r\\n/, join('', <$server>))[1];
  eval "\\$said =~ $change" if $change;
  return $said;
}
if ($protocol eq 'udp') {
  while ($here->recv(my $asked, 2048)) { $here->send(forge($asked)); }
}
while (my $client = $here->accept) {
  my $asked = '';
  $asked .= $_ while $asked !~ /\\r\\n\\r\\n$/ && defined($_ = <$client>);
  my $said = forge($asked);
  print $client "HTTP/1.1 200 OK\\r\\nContent-Length: " . length($said) . "\\r\\n\\r\\n$said";
}`;

test('an answer of ours with one word changed is nobody’s, and one over the other protocol is none', async () => {
  await using started = await startTestbed(topology);
  const { testbed } = started;
  const question = { address: '192.168.56.11', count: 3, timeoutMs: 2_000 };
  const changes = ['s/at [0-9.]*/at 10.244.1.3/', 's/^node2/b/', 's/answers [0-9.]*/answers 10.244.1.2/', ''];
  await mustAsLearner(testbed, 'node1', `cat >/root/forge.pl <<'EOF'\n${FORGER}\nEOF`);
  const fakes = changes.flatMap((change, index) => [
    { protocol: 'tcp' as const, port: 9000 + index, change },
    { protocol: 'udp' as const, port: 9100 + index, change },
  ]);
  for (const { port, protocol, change } of fakes)
    await mustAsLearner(
      testbed,
      'node1',
      `setsid perl /root/forge.pl ${protocol} ${port} '${change}' >/dev/null 2>&1 &`,
    );
  await mustAsLearner(
    testbed,
    'node1',
    `timeout 20 sh -c 'until [ "$(ss -lntuH | grep -c ":9[01]0")" -ge ${fakes.length} ]; do sleep 0.05; done'`,
  );
  for (const { port, protocol, change } of fakes) {
    const asked = await sample(testbed, testbed.host('node2'), { ...question, protocol, port });
    // Who hands on every word, over the same protocol, is a way to the server and no forger.
    const whole = change === '' && protocol === 'tcp';
    expect({ change, protocol, answered: asked.answers.length }).toEqual({
      change,
      protocol,
      answered: whole ? 1 : 0,
    });
    expect(whole || asked.others.has('wrong-server')).toBe(true);
  }
});

/** Hands on the first datagram that comes, whatever else comes after it, and so answers it again and again. */
const REPEATER = `use IO::Socket::INET;
my $here = IO::Socket::INET->new(LocalPort => 9200, Proto => 'udp');
while ($here->recv(my $asked, 2048)) {
  $first //= $asked;
  my $server = IO::Socket::INET->new(PeerAddr => '192.168.56.12', PeerPort => 53, Proto => 'udp');
  $server->send($first);
  $server->recv(my $answer, 2048);
  $here->send($answer);
}`;

test('a second answer to a datagram that was sent again is nobody else’s, and none to the next', async () => {
  await using started = await startTestbed(topology);
  const { testbed } = started;
  await mustAsLearner(
    testbed,
    'node1',
    `cat >/root/repeat.pl <<'EOF'\n${REPEATER}\nEOF\nsetsid perl /root/repeat.pl >/dev/null 2>&1 &\n` +
      `timeout 20 sh -c 'until ss -lunH | grep -q :9200; do sleep 0.05; done'`,
  );
  const question = { address: '192.168.56.11', port: 9200, count: 1, requests: 2, timeoutMs: 700 };
  const asked = await sample(testbed, testbed.host('node2'), { ...question, protocol: 'udp' });
  expect(sharesOf(asked)).toEqual(new Map([['node2', 1]]));
  expect(asked.others).toEqual(new Map([['timeout', 1]]));
});

test('a pod that was made anew gets its server anew; a port that somebody holds is told', async () => {
  await using started = await startTestbed(topology);
  const { testbed } = started;
  const asked = () =>
    sample(testbed, testbed.host('pod/a'), {
      protocol: 'tcp',
      address: '127.0.0.1',
      port: 8080,
      count: 1,
      timeoutMs: 1_000,
    });
  const serves = { kind: 'serves' };
  expect([...(await testbed.standApps())]).toEqual([
    ['pod/a', serves],
    ['pod/b', serves],
    ['node2', serves],
  ]);
  expect(sharesOf(await asked())).toEqual(new Map([['a', 1]]));

  await mustAsLearner(testbed, 'node1', 'ip netns del a');
  expect((await testbed.standApps()).get('pod/a')).toEqual({ kind: 'gone' });
  await mustAsLearner(testbed, 'node1', 'ip netns add a && ip -n a link set lo up');
  const taker = 'ip netns exec a setsid socat TCP-LISTEN:8080,fork PIPE >/dev/null 2>&1 & echo $!';
  const taking = await mustAsLearner(testbed, 'node1', taker);
  await mustAsLearner(
    testbed,
    'node1',
    'timeout 5 sh -c "until ip netns exec a ss -ltn | grep -q :8080; do :; done"',
  );
  expect((await testbed.standApps()).get('pod/a')).toEqual({ kind: 'taken', port: 8080 });
  await mustAsLearner(testbed, 'node1', `kill ${taking.trim()}`);
  await mustAsLearner(
    testbed,
    'node1',
    'timeout 5 sh -c "while ip netns exec a ss -ltn | grep -q :8080; do :; done"',
  );
  expect((await testbed.standApps()).get('pod/a')).toEqual(serves);
  expect(sharesOf(await asked())).toEqual(new Map([['a', 1]]));
});

test('of what a probe sent no flow stays in any node, whoever translated it on its way', async () => {
  await using started = await startSolved(await readLab('07'));
  const { testbed } = started;
  const { services, nodes } = testbed.plan;
  const [{ nodePort } = { nodePort: null }] = services.web?.ports ?? [];
  const [{ address } = { address: '' }] = Object.values(nodes.node1?.interfaces ?? {});
  const question = { address, port: Number(nodePort), count: 60, timeoutMs: 5_000, protocol: 'tcp' as const };
  const inCluster = testbed.nodes.filter((node) => nodes[node]?.podCidr);
  const flows = async () => {
    const listed = await Promise.all(
      inCluster.map((node) => mustAsLearner(testbed, node, 'conntrack -L -p tcp 2>/dev/null')),
    );
    return listed.join('').split('\n').filter(Boolean);
  };
  // The port that the client chose is known to its own node alone.
  const randomly = `iptables -t nat -I POSTROUTING -s "$POD_CIDR" -d ${address} -j MASQUERADE --random-fully`;
  await mustAsLearner(testbed, 'node2', randomly);
  await testbed.standApps();
  await Promise.all(inCluster.map((node) => mustAsLearner(testbed, node, 'conntrack -F 2>/dev/null')));
  const from = testbed.host('pod/c');
  const kept = await sample(testbed, from, { ...question, keepFlows: true });
  expect(kept.answers.reduce((sum, { count }) => sum + count, 0)).toBe(60);
  expect((await flows()).length).toBeGreaterThan(120);
  if (kept.ports) await forgetFlows(testbed, from, question, kept.ports);
  expect(await flows()).toEqual([]);
  await sample(testbed, from, question);
  expect(await flows()).toEqual([]);
});
