import { parseFlows } from './flows.ts';

test('a translated flow says who answers; one without an answer is told apart', () => {
  const printed = `udp      17 29 src=10.244.1.2 dst=10.96.0.50 sport=58756 dport=8125 src=10.244.2.4 dst=10.244.1.2 sport=9125 dport=58756 mark=0 use=1
udp      17 12 src=10.244.1.2 dst=10.96.0.50 sport=40000 dport=8125 [UNREPLIED] src=10.96.0.50 dst=10.244.1.2 sport=8125 dport=40000 mark=0 use=1
`;
  expect(parseFlows(printed)).toEqual([
    {
      source: '10.244.1.2',
      sourcePort: 58756,
      destination: '10.96.0.50',
      destinationPort: 8125,
      answers: '10.244.2.4',
      answersFromPort: 9125,
      returnsTo: '10.244.1.2',
      replied: true,
      secondsLeft: 29,
    },
    {
      source: '10.244.1.2',
      sourcePort: 40000,
      destination: '10.96.0.50',
      destinationPort: 8125,
      answers: '10.96.0.50',
      answersFromPort: 8125,
      returnsTo: '10.244.1.2',
      replied: false,
      secondsLeft: 12,
    },
  ]);
});
