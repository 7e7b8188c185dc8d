import { describeAnswer, matchAnswers } from './dns.ts';

/** What dig 9.18 prints, shortened. */
const message = (
  status: string,
  flags: string,
  question: string,
  answers: readonly string[],
) => `- type: MESSAGE
  message:
    type: RECURSIVE_RESPONSE
    socket_protocol: UDP
    response_address: "10.96.0.10"
    response_message_data:
      opcode: QUERY
      status: ${status}
      id: 19957
      flags: ${flags}
      OPT_PSEUDOSECTION:
        EDNS:
          version: 0
          flags:
      QUESTION_SECTION:
        - '${question}'
${answers.length > 0 ? `      ANSWER_SECTION:\n${answers.map((each) => `        - '${each}'\n`).join('')}` : ''}`;

test('each answer goes to its question; a question without one has a status of null', () => {
  const printed = [
    message('NOERROR', 'qr aa rd ra', 'WEB.default.svc.cluster.local. IN A', [
      'WEB.default.svc.cluster.local. 5 IN A 10.96.0.20',
    ]),
    '- type: DIG_ERROR\n  message: |\n    no servers could be reached\n',
    message('NXDOMAIN', 'qr rd ra', 'nosuch.cluster.local. IN AAAA', []),
  ].join('');
  const questions = [
    { name: 'web.default.svc.cluster.local.', type: 'A' as const },
    { name: 'api.cluster.local.', type: 'SRV' as const },
    { name: 'nosuch.cluster.local.', type: 'AAAA' as const },
  ];
  const answers = matchAnswers(questions, 'udp', printed);
  expect(answers.map(describeAnswer)).toEqual(['A 10.96.0.20', 'no answer', 'NXDOMAIN']);
  expect(answers[0]?.records).toEqual([
    { name: 'web.default.svc.cluster.local.', type: 'A', data: '10.96.0.20' },
  ]);
});

test('an answer that was cut off is told', () => {
  const printed = message('NOERROR', 'qr aa tc rd ra', 'large.example.com. IN A', []);
  const [answer] = matchAnswers([{ name: 'large.example.com.', type: 'A' }], 'udp', printed);
  expect(answer).toMatchObject({ truncated: true, status: 'NOERROR', records: [] });
});
