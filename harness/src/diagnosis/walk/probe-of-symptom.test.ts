import { findLab, loadLab } from '../../lab/load-lab.ts';
import type { Symptom } from '../../probes/symptom.ts';
import { planAddresses } from '../../topology/plan.ts';
import { probeOfSymptom } from './probe-of-symptom.ts';

const plan = planAddresses((await loadLab(await findLab('07'))).topology);
const A = { node: 'node1', pod: 'a' };
const DNS = { node: 'node2', pod: 'dns' };
const NODE1 = { node: 'node1', pod: '' };
const CLIENT = { node: 'client', pod: '' };
const probeOf = (symptom: unknown) => probeOfSymptom(plan, symptom as Symptom);

test('a wrong record is asked for again at port 53, over the protocol of the answer', () => {
  const answer = { name: 'web.', type: 'A', protocol: 'tcp', status: null, truncated: false, records: [] };
  expect(probeOf({ kind: 'dns-record', from: A, to: DNS, address: '10.96.0.10', answer })).toEqual({
    from: 'pod/a',
    to: '10.96.0.10:53',
    protocol: 'tcp',
  });
  expect(
    probeOf({ kind: 'dns-upstream', to: DNS, upstream: CLIENT, address: '203.0.113.53', answer }),
  ).toEqual({ from: 'pod/dns', to: '203.0.113.53:53', protocol: 'tcp' });
});

test('a health check is a connection to its port', () => {
  const check = { kind: 'health-check', host: NODE1, from: CLIENT, address: '192.168.56.11', port: 32090 };
  expect(probeOf({ ...check, status: 0, wanted: 200 })).toEqual({
    from: 'client',
    to: '192.168.56.11:32090',
    protocol: 'tcp',
  });
});

test('what fails now and then is tried more than once', () => {
  const port = { name: null, protocol: 'TCP', port: 80, targetPort: 8080, nodePort: null };
  const service = { kind: 'service', from: A, service: 'web', address: '10.96.0.20', port };
  const wrong = { what: 'unanswered', outcome: 'timeout', asked: 40, answered: [] };
  expect(probeOf({ ...service, wrong: { ...wrong, count: 40 } })).toEqual({
    from: 'pod/a',
    to: '10.96.0.20:80',
    protocol: 'tcp',
  });
  expect(probeOf({ ...service, wrong: { ...wrong, count: 12 } })).toMatchObject({ count: 13 });
});

test('what is too big between nodes is sent in full size', () => {
  const symptom = { kind: 'between-nodes', from: A, to: DNS, address: '10.244.2.4', seen: '' };
  expect(probeOf({ ...symptom, wrong: 'too-big' })).toEqual({
    from: 'pod/dns',
    to: 'pod/a',
    protocol: 'tcp',
    size: 100_000,
  });
  expect(probeOf({ ...symptom, wrong: 'ttl' })).toMatchObject({ protocol: 'icmp' });
});

test('what no packet showed is walked by none', () => {
  expect(probeOf({ kind: 'no-bridge', host: A })).toBeNull();
  expect(probeOf({ kind: 'resolver-file', host: A, wrong: 'search', found: '' })).toBeNull();
});
