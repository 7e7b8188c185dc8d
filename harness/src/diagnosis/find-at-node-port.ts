/** Why a node port does not do what it should: by the connections that the called node made of the call, and its rules. */
import { type Flow, isMasqueraded, isRedirected } from '../probes/conntrack.ts';
import { forgetUnresolvedNeighbours } from '../probes/kernel-state.ts';
import type { NodePortSymptom } from '../probes/node-port-symptom.ts';
import { portsOf } from '../probes/sample.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import { findReversePath } from './find-at-receiver.ts';
import { findOneWay } from './find-between-nodes.ts';
import { dropperIn, findDropper, sendAgain } from './find-in-filters.ts';
import { findBypassingBridge } from './find-service-on-bridge.ts';
import { explainUntaken } from './find-untaken-node-port.ts';
import {
  addressesOf,
  backendsOf,
  type CalledAgain,
  callAgain,
  isInside,
  type NodePortCall,
  serviceOf,
} from './node-port-evidence.ts';
import type { TracedRule } from './parse-met-rules.ts';
import { callsToMeetAll, sampleAgain } from './sample-again.ts';
import { describeRule, dropping, rewriting } from './trace-rules.ts';

type Found = NamedCause | null;
type Symptom = NodePortSymptom & { kind: 'node-port' };

/** Long enough for the answers of one machine. */
const RESENT_MS = 200;

export async function findAtNodePort(evidence: Evidence, symptom: Symptom): Promise<Found> {
  switch (symptom.wrong) {
    case 'no-answer':
      return findSilent(evidence, symptom);
    case 'uneven':
    case 'backend-missing':
      return explainShares(evidence, symptom);
    case 'own-port':
      return explainOwnPort(evidence, symptom);
    case 'transit':
      return explainTransit(evidence, symptom);
    case 'source-changed':
      return explainSource(evidence, symptom);
    case 'remote-backend':
      return explainRemote(evidence, symptom);
    case 'not-dropped':
      return explainRefusal(evidence, symptom);
    case 'local-for-all':
      return explainLocalForAll(symptom);
  }
}

async function findSilent(evidence: Evidence, symptom: Symptom): Promise<Found> {
  const { to, from, address, service } = symptom;
  const [called, rules] = await Promise.all([callAgain(evidence, symptom, to), traceCall(evidence, symptom)]);
  const redirected = called.flows.filter(isRedirected);
  const found = await explainFlows(evidence, symptom, redirected, called.asked.others.has('timeout'));
  if (found) return found;
  const taken = rewriting(rules.on(to), 'dnat').length > 0;
  if (address.startsWith('127.')) {
    const kept = await findRouteLocalnet(evidence, symptom, taken || redirected.length > 0);
    if (kept) return kept;
  }
  const refused = called.asked.others.has('refused') || called.asked.others.has('reset');
  if (redirected.length === 0 && !taken) {
    // What was not taken by the node port's rules and then dropped: with Local that is meant for the world alone.
    const [drop] = dropping(rules.on(to));
    if (drop && policyOf(evidence, service) === 'Local' && isInside(evidence, from))
      return explainLocalForAll(symptom, drop);
    if (rules.dropper) return rules.dropper;
    if (!refused && from.node !== to.node) {
      const lost = await findOneWay(evidence, from, to, address);
      if (lost) return lost;
    }
    return explainUntaken(evidence, symptom, rules.on(to), called.flows.length > 0);
  }
  if (called.flows.length > redirected.length && refused) return explainGap(evidence, symptom, called);
  const behind = rules.dropper ?? (await findBehindNode(evidence, symptom, redirected));
  // A refused connection may have left the table before it was read: that the node itself refused it says the same.
  const byNode = behind?.id === 'no-listener' && behind.where === hostName(to);
  return byNode && redirected.length > 0 ? explainGap(evidence, symptom, called) : behind;
}

/** What the connections of the called node say by themselves. */
async function explainFlows(
  evidence: Evidence,
  symptom: Symptom,
  redirected: readonly Flow[],
  silent = true,
): Promise<Found> {
  const { to, from, service } = symptom;
  const planned = serviceOf(evidence.testbed.plan.services, service);
  const backends = backendsOf(evidence, service);
  const own = ownAddresses(evidence, to);
  for (const flow of redirected) {
    const { original, reply } = flow;
    const at = `${reply.source}:${reply.sourcePort}`;
    const backend = backends.find(({ address }) => address === reply.source);
    const where = `${to.node} sends what is for ${original.destination}:${original.destinationPort} to ${at}`;
    if (!backend) return cause('stale-endpoint', to, `${where}, which is no endpoint of ${service}`);
    const [port] = planned.ports;
    if (port && reply.sourcePort !== port.targetPort) {
      return cause('wrong-target-port', to, `${where}; the pods of ${service} listen on ${port.targetPort}`);
    }
    if (planned.externalTrafficPolicy === 'Local' && !isInside(evidence, from) && backend.node !== to.node) {
      return cause('local-to-remote', to, `${where}: that is ${backend.pod} on ${backend.node}`);
    }
    if (flow.replied || !silent) continue;
    const bypassed = await findBypassingBridge(evidence, symptom, backend, isMasqueraded(flow));
    if (bypassed) return bypassed;
    // What a backend on the called node answers leaves by that node, which puts the addresses back: to itself never.
    const byGateway = backend.node === to.node && from.node !== to.node;
    const isNeighbour = from.pod !== '' && from.node === to.node && from.pod !== backend.pod;
    const isOwn = own.includes(original.source) && !original.source.startsWith('127.');
    const returns = byGateway || isNeighbour || isOwn;
    if (!isMasqueraded(flow) && !returns) {
      const past = backend.node === to.node ? '' : `, past ${to.node}`;
      const text = `${where} and leaves ${original.source} as its sender, so that the answer goes there${past} (conntrack: reply to ${reply.destination})`;
      return cause('masquerade-missing', to, text);
    }
    if (isMasqueraded(flow) && !own.includes(reply.destination)) {
      const text = `${where} with the sender ${reply.destination}, which is no address of ${to.node}: the answer does not come back to it`;
      return cause('masquerade-wrong-address', to, text);
    }
  }
  return null;
}

/** Requests that no rule of the split takes: the last rule must take whatever is left. */
async function explainGap(evidence: Evidence, { to, service }: Symptom, called: CalledAgain): Promise<Found> {
  const taken = called.flows.filter(isRedirected).length;
  const { answers, others } = called.asked;
  const answered = answers.reduce((sum, { count }) => sum + count, 0);
  const all = [...others.values()].reduce((sum, count) => sum + count, answered);
  const missed = Math.max(called.flows.length - taken, others.get('refused') ?? 0);
  const backends = backendsOf(evidence, service).length;
  const text = `${missed} of ${all} connections were taken by no rule of ${to.node} that leads to one of the ${backends} backends of ${service}`;
  return cause('last-rule-conditional', to, text);
}

/** The packet has left the rules of the called node as it should: what stops it afterwards. */
async function findBehindNode(
  evidence: Evidence,
  { to, service, from, protocol }: Symptom,
  redirected: readonly Flow[],
): Promise<Found> {
  if ((await evidence.setting(to, 'net/ipv4/ip_forward')) === '0' && from.node !== to.node) {
    return cause('ip-forward-off', to, `net.ipv4.ip_forward is 0 in ${to.node}, so it passes nothing on`);
  }
  // No connection of the called node: the packet met its rules, and did not leave it.
  const inside = redirected.length === 0;
  const filtered = inside ? await findReversePathOf(evidence, from, to) : null;
  if (filtered) return filtered;
  const targetPort = serviceOf(evidence.testbed.plan.services, service).ports[0]?.targetPort ?? 0;
  const silent = redirected.find(({ replied }) => !replied);
  const backends = backendsOf(evidence, service);
  const first = backends.find(({ address }) => address === silent?.reply.source);
  for (const { pod, node, address } of first ? [first] : backends) {
    const backend = { node, pod };
    const there = await findOneWay(evidence, to, backend, address);
    const found =
      there ??
      (inside ? null : await findDropper(evidence, to, backend, address, { protocol, port: targetPort }));
    if (found) return found;
  }
  return null;
}

/** A call from another node comes by the underlay; a pod's may be answered by the overlay. */
async function findReversePathOf(evidence: Evidence, from: Host, to: Host): Promise<Found> {
  if (from.node === to.node) return null;
  const [uplink] = Object.keys(evidence.testbed.plan.nodes[to.node]?.interfaces ?? {});
  const [source] = await addressesOf(evidence, from);
  return uplink && source ? findReversePath(evidence, to, uplink, source) : null;
}

/** The kernel does not route packets from 127.0.0.0/8, unless it is told so for all interfaces or for the one. */
async function findRouteLocalnet(
  evidence: Evidence,
  { to, service }: Symptom,
  taken: boolean,
): Promise<Found> {
  if (!taken) return null;
  if ((await evidence.setting(to, 'net/ipv4/conf/all/route_localnet')) === '1') return null;
  for (const { address } of backendsOf(evidence, service)) {
    const route = await evidence.route(to, address);
    const device = route.kind === 'unicast' ? route.device : 'all';
    if ((await evidence.setting(to, `net/ipv4/conf/${device}/route_localnet`)) !== '0') continue;
    const text = `${to.node} sends what is for 127.0.0.1 on to ${address}, by ${device}, and route_localnet is 0 there: it does not route what comes from 127.0.0.1`;
    return cause('route-localnet-off', to, text);
  }
  return null;
}

function explainShares(_evidence: Evidence, { to, service, seen, wrong }: Symptom): Found {
  const what = wrong === 'uneven' ? 'skewed-probability' : 'endpoint-missing';
  return cause(what, to, `calls of ${service} at ${to.node}: ${seen}`);
}

async function explainOwnPort(evidence: Evidence, symptom: Symptom): Promise<Found> {
  const { to, port, protocol } = symptom;
  const { flows, asked } = await callAgain(evidence, symptom, to, 4);
  const flow = flows.find(isRedirected);
  const rules = await traceCall(evidence, symptom);
  const [rule] = rewriting(rules.on(to), 'dnat');
  if (flow) {
    const by = rule ? `${describeRule(rule)} ` : 'a rule ';
    const text = `${by}sends what is for ${protocol.toUpperCase()} port ${port} of ${to.node} to ${flow.reply.source}:${flow.reply.sourcePort}`;
    return cause('own-port-taken', to, text);
  }
  if (rules.dropper) return rules.dropper;
  const changed = asked.answers.find(
    ({ server, client }) => server === to.node && client !== symptom.from.node,
  );
  const [snat] = rules.all.flatMap(([host, met]) =>
    rewriting(met, 'snat').map((met) => [host, met] as const),
  );
  if (changed && snat)
    return cause('snat-on-pod-traffic', snat[0], `${describeRule(snat[1])} rewrites the source address`);
  return null;
}

async function explainTransit(evidence: Evidence, symptom: Symptom): Promise<Found> {
  const { from, to, address, port } = symptom;
  const nodes = [from, to]
    .filter((host) => isInside(evidence, host))
    .map(({ node }): Host => ({ node, pod: '' }));
  for (const node of nodes) {
    const { flows } = await callAgain(evidence, symptom, node, 4);
    const flow = flows.find(isRedirected);
    if (!flow) continue;
    const { on } = await traceCall(evidence, symptom, [node]);
    const [rule] = rewriting(on(node), 'dnat');
    const by = rule ? describeRule(rule) : 'a rule';
    const text = `${by} sends what ${hostName(from)} sends to ${hostName(to)} at ${address}:${port} to ${flow.reply.source}:${flow.reply.sourcePort}, though ${address} is not ${node.node}'s`;
    return cause('transit-hijacked', node, text);
  }
  const rules = await traceCall(evidence, symptom, [from, ...nodes, to]);
  return rules.dropper ?? findOneWay(evidence, from, to, address);
}

async function explainSource(evidence: Evidence, symptom: Symptom): Promise<Found> {
  const { to, service } = symptom;
  const { flows } = await callAgain(evidence, symptom, to);
  const flow = flows.find(isMasqueraded);
  if (!flow) return null;
  const rules = await traceCall(evidence, symptom);
  const [rule] = rewriting(rules.on(to), 'snat');
  const by = rule ? describeRule(rule) : `a rule of ${to.node}`;
  const text = `${by} makes ${flow.reply.destination} of the sender ${flow.original.source}, and ${service} has externalTrafficPolicy Local`;
  return cause('masquerade-with-local', to, text);
}

async function explainRemote(evidence: Evidence, symptom: Symptom): Promise<Found> {
  const { to, service, seen } = symptom;
  const { flows } = await callAgain(evidence, symptom, to);
  return (
    (await explainFlows(evidence, symptom, flows.filter(isRedirected))) ??
    cause(
      'local-to-remote',
      to,
      `${service} has externalTrafficPolicy Local, and a call at ${to.node} got ${seen}`,
    )
  );
}

async function explainRefusal(evidence: Evidence, symptom: Symptom): Promise<Found> {
  const { to, port, seen } = symptom;
  const rules = await traceCall(evidence, symptom);
  const [rule] = dropping(rules.on(to));
  const by = rule
    ? `${describeRule(rule)} answers it`
    : `no rule drops it, and as nobody listens on port ${port}, the kernel refuses`;
  return cause('refused-not-dropped', to, `${seen}: ${by}`);
}

function explainLocalForAll({ from, to, service, seen }: Symptom, drop?: TracedRule): NamedCause {
  const by = drop ? `; ${describeRule(drop)} drops it` : '';
  const text = `${hostName(from)} is not outside of the cluster, and gets no other backends of ${service} at ${to.node} than those there: ${seen}${by}`;
  return cause('local-for-insiders', to, text);
}

/** The rules that the call meets when it is sent again, on its way there and back: in its own namespace and the nodes'. */
async function traceCall(evidence: Evidence, call: NodePortCall, namespaces?: readonly Host[]) {
  const { testbed } = evidence;
  const { from, to, address, protocol, port, service } = call;
  const places = namespaces ?? [from, { node: from.node, pod: '' }, to];
  const hosts = places.filter(
    (host, index) => places.findIndex((other) => hostName(other) === hostName(host)) === index,
  );
  const backends = backendsOf(evidence, service);
  const count = callsToMeetAll(backends.length);
  const addresses = [address, ...backends.map((each) => each.address)];
  const [planned] = serviceOf(testbed.plan.services, service).ports;
  const only = [
    ...(await addressesOf(evidence, from)).map((source) => ({
      source,
      destination: address,
      destinationPort: port,
    })),
    ...backends.map((backend) => ({
      source: backend.address,
      sourcePort: planned?.targetPort ?? port,
    })),
  ];
  const seen = await sendAgain(evidence, hosts, { addresses, protocol, only }, async () => {
    // Whoever waits for an answer by ARP sends nothing.
    await forgetUnresolvedNeighbours(testbed, from);
    return portsOf(
      await sampleAgain(testbed, from, { protocol, address, port, count, timeoutMs: RESENT_MS }),
    );
  });
  return {
    all: seen.rules,
    on: (host: Host) => seen.rules.find(([each]) => hostName(each) === hostName(host))?.[1] ?? [],
    dropper: dropperIn(seen),
  };
}

function policyOf({ testbed }: Evidence, service: string): 'Cluster' | 'Local' {
  return serviceOf(testbed.plan.services, service).externalTrafficPolicy;
}

/** The addresses that a node has by the plan, and those of its overlay. */
function ownAddresses({ testbed }: Evidence, { node }: Host): string[] {
  const planned = testbed.plan.nodes[node];
  const vtep = planned?.podCidr?.split('/')[0];
  return [
    ...Object.values(planned?.interfaces ?? {}).map(({ address }) => address),
    ...[planned?.podGateway, vtep].flatMap((address) => (address ? [address] : [])),
  ];
}
