/** Why what a node itself serves is not as it should be: its health check port, its 127.0.0.1, a server that is gone. */
import type { NodePortSymptom } from '../probes/node-port-symptom.ts';
import { ask } from '../probes/reach.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import { findOneWay } from './find-between-nodes.ts';
import { findDropper } from './find-in-filters.ts';

const PATIENCE_MS = 250;

export async function findInNodeService(
  evidence: Evidence,
  symptom: Exclude<NodePortSymptom, { kind: 'node-port' }>,
): Promise<NamedCause | null> {
  switch (symptom.kind) {
    case 'server-gone':
      return explainGone(symptom);
    case 'loopback-open':
      return explainOpenLoopback(evidence, symptom);
    case 'health-check':
      return explainHealthCheck(evidence, symptom);
  }
}

function explainGone({ host, port }: NodePortSymptom & { kind: 'server-gone' }): NamedCause {
  const name = hostName(host);
  if (port === null) return cause('no-namespace', host, `${name} has no network namespace`);
  return cause('port-clash', host, `somebody else listens on port ${port} in ${name}`);
}

async function explainOpenLoopback(
  evidence: Evidence,
  { host, address }: NodePortSymptom & { kind: 'loopback-open' },
): Promise<NamedCause | null> {
  const devices = ['all', ...(await evidence.interfaces(host)).map(({ name }) => name)];
  for (const device of devices) {
    if ((await evidence.setting(host, `net/ipv4/conf/${device}/route_localnet`)) !== '1') continue;
    const text = `route_localnet is 1 for ${device} in ${host.node}, and no rule drops what comes from the network for ${address}`;
    return cause('loopback-open', host, text);
  }
  return null;
}

async function explainHealthCheck(
  evidence: Evidence,
  { host, from, address, port, status, connected, wanted }: NodePortSymptom & { kind: 'health-check' },
): Promise<NamedCause | null> {
  const at = `port ${port} of ${host.node}`;
  if (status !== 0) {
    const local = wanted === 200 ? 'has' : 'has no';
    const text = `the server on ${at} says ${status}, and ${host.node} ${local} backends of its own`;
    return cause('health-check-wrong', host, text);
  }
  if (connected) return cause('health-check-wrong', host, `the server on ${at} does not speak HTTP`);
  const outcome = await ask(evidence.testbed, from, {
    protocol: 'tcp',
    address,
    port,
    timeoutMs: PATIENCE_MS,
  });
  if (outcome.kind === 'refused')
    return (
      (await findDropper(evidence, from, host, address, { protocol: 'tcp', port })) ??
      cause('no-listener', host, `nobody listens on ${at}`)
    );
  return (
    (await findDropper(evidence, from, host, address, { protocol: 'tcp', port })) ??
    findOneWay(evidence, from, host, address)
  );
}
