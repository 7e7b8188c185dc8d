import { isMasqueraded, isRedirected, parseFlows } from './conntrack.ts';

const printed = `tcp      6 119 TIME_WAIT src=192.168.56.100 dst=192.168.56.13 sport=40412 dport=30080 src=10.244.2.2 dst=10.244.3.0 sport=8080 dport=39391 [ASSURED] mark=0 use=1
udp      17 29 src=192.168.56.100 dst=192.168.56.11 sport=5000 dport=30123 [UNREPLIED] src=192.168.56.11 dst=192.168.56.100 sport=30123 dport=5000 mark=0 use=1
conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.
`;

test('a connection is read with what became of both addresses', () => {
  const [web, clock, ...others] = parseFlows(printed);
  expect(others).toEqual([]);
  if (!web || !clock) throw new Error('wanted two flows');
  expect(web.reply).toEqual({
    source: '10.244.2.2',
    destination: '10.244.3.0',
    sourcePort: 8080,
    destinationPort: 39391,
  });
  expect([web.replied, isRedirected(web), isMasqueraded(web)]).toEqual([true, true, true]);
  expect([clock.replied, isRedirected(clock), isMasqueraded(clock)]).toEqual([false, false, false]);
});

test('of several events about one connection, an answer is remembered', () => {
  const way = 'src=192.168.56.100 dst=192.168.56.11 sport=5000 dport=30080';
  const back = 'src=10.244.1.3 dst=192.168.56.100 sport=8080 dport=5000';
  const events = `    [NEW] tcp      6 120 SYN_SENT ${way} [UNREPLIED] ${back}
 [UPDATE] tcp      6 60 SYN_RECV ${way} ${back}
[DESTROY] tcp      6 ${way} [UNREPLIED] ${back}
`;
  const flows = parseFlows(events);
  expect(flows.map(({ replied, reply }) => [replied, reply.source])).toEqual([[true, '10.244.1.3']]);
});
