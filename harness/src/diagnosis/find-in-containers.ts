/** Causes that lie in the containers of a pod: which namespaces their processes are in. */

import { namespaceOf } from '../probes/expect-namespace.ts';
import { readInterfaces } from '../probes/kernel-state.ts';
import type { ContainerSymptom } from '../probes/pod-symptom.ts';
import { type NodeProcesses, readProcesses } from '../probes/processes.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import { findDropper } from './find-in-filters.ts';

type Found = NamedCause | null;

export async function findInContainers(evidence: Evidence, symptom: ContainerSymptom): Promise<Found> {
  const { host } = symptom;
  const pod = hostName(host);
  switch (symptom.kind) {
    case 'no-pause':
      return explainNoPause(evidence, host);
    case 'no-container':
      return explainNoContainer(evidence, host, symptom.name, symptom.port);
    case 'port-taken':
      return cause(
        'port-clash',
        host,
        `port ${symptom.port} of ${pod} is taken by container ${symptom.owner}`,
      );
    case 'localhost-refused':
      return explainRefused(evidence, host, symptom.port);
    case 'port-shared': {
      const owners = symptom.owners.join(' and ');
      return cause(
        'port-shared',
        host,
        `${owners}, of two containers, both listen on port ${symptom.port} (SO_REUSEPORT)`,
      );
    }
    case 'shared-files':
      return cause(
        'shared-files',
        host,
        `container ${symptom.name} is in the mount namespace of ${symptom.other}, ${symptom.namespace}`,
      );
    case 'wrong-hostname':
      return explainHostname(symptom);
    case 'not-restarted':
      return cause(
        'not-restarted',
        host,
        `container ${symptom.name} was started before container ${symptom.older}, and not since`,
      );
  }
}

async function explainNoPause(evidence: Evidence, host: Host): Promise<Found> {
  const { all, first, net } = await look(evidence, host);
  const inside = all.filter((process) => process.net === net);
  const pod = hostName(host);
  if (inside.length === 0) return cause('no-pause', host, `no process is in the namespace of ${pod}`);
  const names = [...new Set(inside.map(({ command }) => command))].join(', ');
  const why = inside.every(({ uts }) => uts === first.uts)
    ? `all of them with the hostname of ${host.node}`
    : 'and each of them is an app';
  return cause('no-pause', host, `in the namespace of ${pod} there are ${names}, ${why}`);
}

function explainHostname({
  host,
  name,
  seen,
  ofNode,
  apart,
  outlived,
}: ContainerSymptom & { kind: 'wrong-hostname' }): NamedCause {
  const pod = hostName(host);
  if (outlived) {
    const text = `container ${name} is older than the pause process of ${pod}: it is in the UTS namespace of the one before`;
    return cause('orphaned-container', host, text);
  }
  const where = ofNode
    ? `it is in the UTS namespace of ${host.node}`
    : apart
      ? 'it is in a UTS namespace of its own'
      : 'its UTS namespace says so';
  return cause('wrong-hostname', host, `container ${name} of ${pod} has the hostname "${seen}": ${where}`);
}

async function explainNoContainer(
  evidence: Evidence,
  host: Host,
  name: string,
  port: number,
): Promise<Found> {
  const { all, first, net, listeners } = await look(evidence, host);
  const pod = hostName(host);
  const elsewhere = listeners.find((each) => each.port === port && each.net !== net);
  const [owner] = elsewhere?.owners ?? [];
  if (!elsewhere || !owner)
    return cause('no-listener', host, `no process of ${host.node} listens on port ${port}`);
  if (elsewhere.net === first.net) {
    return cause(
      'host-network',
      host,
      `container ${name} (${owner.command}) listens on port ${port} of ${host.node} itself: it is in the node's network namespace, ${elsewhere.net}`,
    );
  }
  const oldest = all.filter((process) => process.net === net).sort((a, b) => a.startedAt - b.startedAt)[0];
  if (oldest && owner.startedAt < oldest.startedAt) {
    return cause(
      'orphaned-container',
      host,
      `container ${name} (${owner.command}) is older than everything in ${pod}: it is in a namespace of before, ${elsewhere.net}, and ${pod} is ${net} now`,
    );
  }
  return cause(
    'own-network',
    host,
    `container ${name} (${owner.command}) is in a network namespace of its own, ${elsewhere.net}, and ${pod} is ${net}`,
  );
}

async function explainRefused(evidence: Evidence, host: Host, port: number): Promise<Found> {
  const pod = hostName(host);
  const lo = (await readInterfaces(evidence.testbed, host)).find((each) => each.name === 'lo');
  if (!lo?.up) return cause('loopback-down', host, `lo in ${pod} is down`);
  const { net, listeners } = await look(evidence, host);
  const here = listeners.filter((each) => each.net === net && each.port === port);
  const reached = here.some(({ address }) => ['0.0.0.0', '*', '::', '127.0.0.1'].includes(address));
  if (here.length > 0 && !reached) {
    const addresses = here.map(({ address }) => address).join(' and ');
    return cause(
      'not-on-loopback',
      host,
      `the server on port ${port} of ${pod} listens at ${addresses} alone`,
    );
  }
  return findDropper(evidence, host, host, '127.0.0.1');
}

async function look(evidence: Evidence, host: Host): Promise<NodeProcesses & { net: string }> {
  const { testbed } = evidence;
  const [net, processes] = await Promise.all([namespaceOf(testbed, host), readProcesses(testbed, host.node)]);
  return { net, ...processes };
}
