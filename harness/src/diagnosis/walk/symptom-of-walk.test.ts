import { findLab, loadLab } from '../../lab/load-lab.ts';
import { planAddresses } from '../../topology/plan.ts';
import { readDnsSilence, readSymptom, type Unanswered } from './symptom-of-walk.ts';

const planOf = async (number: string) => planAddresses((await loadLab(await findLab(number))).topology);
const [services, nodePorts] = await Promise.all([planOf('06'), planOf('07')]);
const A = { node: 'node1', pod: 'a' };
const CLIENT = { node: 'client', pod: '' };
const node = (name: string) => ({ node: name, pod: '' });

const asked = (change: Partial<Unanswered>): Unanswered => ({
  from: A,
  address: '10.96.0.20',
  port: 80,
  protocol: 'tcp',
  size: 0,
  outcome: { kind: 'timeout', client: null, ttl: null },
  count: 1,
  asked: 1,
  owner: null,
  ...change,
});
const refused = { outcome: { kind: 'refused', client: null, ttl: null } } as const;

test('a ClusterIP is a Service that does not answer', () => {
  expect(readSymptom(services, asked({}))).toMatchObject({
    symptom: { kind: 'service', service: 'web', wrong: { what: 'unanswered', count: 1, asked: 1 } },
  });
});

test('a Service without endpoints is to refuse, and what it does not have is nobody’s fault', () => {
  const empty = { address: '10.96.0.40' };
  expect(readSymptom(services, asked({ ...empty, ...refused }))).toMatchObject({ id: 'no-endpoints' });
  expect(readSymptom(services, asked(empty))).toMatchObject({ symptom: { wrong: { what: 'not-refused' } } });
  expect(readSymptom(services, asked({ port: 81 }))).toMatchObject({ id: 'no-such-port' });
  expect(readSymptom(services, asked({ protocol: 'udp' }))).toMatchObject({ id: 'no-such-port' });
  expect(readSymptom(services, asked({ protocol: 'icmp', port: 0 }))).toMatchObject({ id: 'no-such-port' });
});

test('a ClusterIP is nobody’s outside of the cluster', () => {
  expect(readSymptom(nodePorts, asked({ from: CLIENT }))).toMatchObject({ id: 'cluster-ip-outside' });
});

test('a node port is one at the address of a node of the cluster alone', () => {
  const call = { from: CLIENT, address: '192.168.56.11', port: 30080, owner: node('node1') };
  expect(readSymptom(nodePorts, asked(call))).toMatchObject({
    symptom: { kind: 'node-port', service: 'web', to: node('node1'), wrong: 'no-answer' },
  });
  expect(readSymptom(nodePorts, asked({ ...call, owner: CLIENT }))).toBeNull();
  expect(readSymptom(nodePorts, asked({ ...call, port: 30081 }))).toBeNull();
  expect(
    readSymptom(nodePorts, asked({ ...call, from: node('node2'), address: '127.0.0.1', owner: null })),
  ).toMatchObject({ symptom: { kind: 'node-port', to: node('node2') } });
});

test('with Local a node without a backend is to be silent to the world', () => {
  const call = { from: CLIENT, address: '192.168.56.13', port: 30090, owner: node('node3') };
  expect(readSymptom(nodePorts, asked(call))).toMatchObject({ id: 'no-endpoints', where: node('node3') });
  expect(readSymptom(nodePorts, asked({ ...call, ...refused }))).toMatchObject({
    symptom: { wrong: 'not-dropped' },
  });
  expect(readSymptom(nodePorts, asked({ ...call, from: A }))).toMatchObject({
    symptom: { wrong: 'no-answer' },
  });
});

test('the health check of a node, and a DNS server, have finders of their own', () => {
  const call = { from: CLIENT, address: '192.168.56.13', port: 32090, owner: node('node3') };
  expect(readSymptom(nodePorts, asked(call))).toMatchObject({
    symptom: { kind: 'health-check', wanted: 503 },
  });
  expect(readDnsSilence(asked({ port: 53, protocol: 'udp' }), A)).toMatchObject({
    kind: 'dns-silent',
  });
  expect(readDnsSilence(asked({}), A)).toBeNull();
});
