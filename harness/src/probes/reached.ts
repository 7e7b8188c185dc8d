/** How one host is answered by another, in a word, and as whom it was seen: what a table of all pairs is made of. */
import type { AddressPlan } from '../topology/plan.ts';
import { ask, call, requestsTo, serviceOf, standing } from './call-node-port.ts';
import { askDns } from './dns.ts';
import type { Network } from './network.ts';
import type { OutcomeKind } from './reach.ts';
import type { Sample } from './sample.ts';

/**
 * `own`: answered, and seen by its own address. `node`: answered, and seen by addresses of nodes. `other`: by others.
 * `answered`: by a server that does not say whom it saw. `self`: it is the one that would be asked. `no`: silence, or
 * "unreachable": whether a router says so depends on how often it was asked (man 7 icmp, icmp_ratelimit).
 */
export const WAYS = ['own', 'node', 'other', 'answered', 'self', 'refused', 'no'] as const;
export type Way = (typeof WAYS)[number];

/** An address by which servers saw the one who asked, and the host of the plan that it belongs to. */
export interface Seen {
  readonly address: string;
  readonly host: string | null;
}

export interface Reached {
  readonly way: Way;
  /** Each address once; empty without an answer. */
  readonly seenAs: readonly Seen[];
}

/** How a host is answered at the address of another one. */
export async function reachHost(network: Network, from: string, to: string): Promise<Reached> {
  if (from === to) return { way: 'self', seenAs: [] };
  const address = await network.addressOf(to);
  const outcome = await network.outcome('tcp', from, to, address);
  return outcome.kind === 'answer' ? seenAs(network, from, [outcome.client ?? '']) : unanswered(outcome.kind);
}

/** How a host is answered at the ClusterIP of a Service, in the worst word of many connections. */
export async function reachService(network: Network, from: string, service: string): Promise<Reached> {
  const { clusterIp, ports, endpoints } = serviceOf(network, service);
  const [port] = ports;
  await standing(network);
  return wordOf(
    network,
    from,
    await call(network, {
      from,
      node: from,
      address: clusterIp ?? '',
      protocol: port?.protocol === 'UDP' ? 'udp' : 'tcp',
      port: port?.port ?? 0,
      // A kernel sends few refusals at once to the same client (man 7 icmp, icmp_ratelimit).
      count: endpoints.length > 0 ? requestsTo(network, service) : 1,
      timeoutMs: network.patienceMs,
    }),
  );
}

/** The same at the node port of a node. */
export async function reachNodePort(
  network: Network,
  from: string,
  service: string,
  node: string,
): Promise<Reached> {
  return wordOf(network, from, await ask(network, { service, from, node }));
}

/** Whether a host gets an answer from the DNS server behind a Service, whatever it says. */
export async function reachDns(network: Network, from: string, service: string): Promise<Reached> {
  const { clusterIp, name, namespace } = serviceOf(network, service);
  const question = { name: `${name}.${namespace}.svc.${network.plan.cluster.domain}.`, type: 'A' } as const;
  const host = network.testbed.host(from);
  const [answer] = await askDns(network.testbed, host, {
    server: clusterIp ?? '',
    protocol: 'udp',
    questions: [question],
    waitSeconds: 1,
  });
  return { way: answer?.status ? 'answered' : 'no', seenAs: [] };
}

/** What many connections came to: the worst of it. */
async function wordOf(network: Network, from: string, asked: Sample): Promise<Reached> {
  const [silent] = asked.others.keys();
  if (silent) return unanswered(silent);
  // What a pod gets by way of itself comes from its node, whoever is right: the hairpin.
  const others = asked.answers.filter(({ server }) => `pod/${server}` !== from);
  return seenAs(
    network,
    from,
    others.map(({ client }) => client),
  );
}

async function seenAs(network: Network, from: string, clients: readonly string[]): Promise<Reached> {
  const interfaces = await network.interfacesOf(network.testbed.host(from));
  const own = interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address));
  const seen = [...new Set(clients)].sort().map((address): Seen => {
    if (own.includes(address)) return { address, host: from };
    return { address, host: ownerOf(network.plan, address) };
  });
  const known = seen.every(({ host }) => host !== null && (host === from || host in network.plan.nodes));
  const way = seen.every(({ host }) => host === from) ? 'own' : known ? 'node' : 'other';
  return { way, seenAs: seen };
}

/** The node or pod of the plan that has an address: on its interfaces, as a gateway, or on its overlay. */
function ownerOf({ nodes, pods }: AddressPlan, wanted: string): string | null {
  const node = Object.entries(nodes).find(([, { interfaces, podCidr, podGateway }]) =>
    [
      ...Object.values(interfaces).map(({ address }) => address),
      podGateway,
      podCidr?.replace(/\/\d+$/, ''),
    ].includes(wanted),
  );
  const pod = Object.entries(pods).find(([, { address }]) => address === wanted);
  return node?.[0] ?? (pod ? `pod/${pod[0]}` : null);
}

function unanswered(kind: OutcomeKind): Reached {
  return { way: kind === 'refused' || kind === 'reset' ? 'refused' : 'no', seenAs: [] };
}
