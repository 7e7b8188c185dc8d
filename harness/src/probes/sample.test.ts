import { TestbedError } from '../errors.ts';
import { readSample, sharesOf } from './sample.ts';

test('what the agent counted is told by server, client and outcome', () => {
  const sample = readSample(
    '34 answer b 10.244.1.3:8080 10.244.1.2 0\n1 answer b 10.244.1.3:8080 10.244.1.1 0\n' +
      '30 answer c 10.244.2.2:8123 10.244.1.2 62\n2 moved c\n3 unreachable remote\n1 timeout\n80 ports 10300 10.244.1.2\n',
  );
  expect(sample.answers).toEqual([
    { server: 'b', at: '10.244.1.3:8080', client: '10.244.1.2', ttl: null, count: 34 },
    { server: 'b', at: '10.244.1.3:8080', client: '10.244.1.1', ttl: null, count: 1 },
    { server: 'c', at: '10.244.2.2:8123', client: '10.244.1.2', ttl: 62, count: 30 },
  ]);
  expect(sample.moved).toBe(2);
  expect(sample.ports).toEqual({ first: 10300, count: 80, address: '10.244.1.2' });
  expect(sample.others).toEqual(
    new Map([
      ['unreachable-remote', 3],
      ['timeout', 1],
    ]),
  );
  expect(sharesOf(sample)).toEqual(
    new Map([
      ['b', 35],
      ['c', 30],
    ]),
  );
});

test('an error that is no outcome is the probe’s own', () => {
  expect(() => readSample('2 failed Too many open files\n')).toThrow(TestbedError);
});
