/** That a ClusterIP is nobody's address, and that no flow outlives the rules that made it. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Host, hostName } from '../testbed/host.ts';
import type { PlannedService, PlannedServicePort } from '../topology/plan.ts';
import { type Flow, readFlows } from './flows.ts';
import { readRoute, readSettings } from './kernel-state.ts';
import type { Network } from './network.ts';
import { mayBeProbePort } from './probe-ports.ts';
import type { WrongWithService } from './service-symptom.ts';
import { CheckFailure } from './symptom.ts';

/**
 * Nobody has the ClusterIP, and nobody answers ARP for it where the askers are. Whoever has an address answers at once
 * and is asked. A node that answers for others (proxy ARP, RFC 1027) takes up to 0.8 s to do so, at random
 * (net/ipv4/arp.c), so its settings are read first.
 *
 * A host that sends what is for the ClusterIP to a gateway never asks for it. Where its own node answers all the same, as
 * Calico's nodes answer their pods for whatever they are asked, that leads nobody astray.
 */
export async function expectNobodyHas(
  network: Network,
  askers: readonly string[],
  name: string,
): Promise<void> {
  const { port, address } = planned(network, name);
  const fail = (host: Host, observed: string) => {
    const wrong: WrongWithService = { what: 'owned', owner: observed };
    return new CheckFailure(`nobody to answer ARP for ${address}, the ClusterIP of ${name}`, observed, {
      kind: 'service',
      from: host,
      service: name,
      address,
      port,
      wrong,
    });
  };
  const nodes = network.testbed.nodes.map((node): Host => ({ node, pod: '' }));
  const pods = network.testbed.pods.map((pod) => network.testbed.host(`pod/${pod}`));
  await network.expectEach([...nodes, ...pods], async (host) => {
    const owner = (await network.interfacesOf(host)).find(({ addresses }) =>
      addresses.some((own) => own.address === address),
    );
    if (owner) throw fail(host, `${owner.name} of ${hostName(host)} has it`);
  });
  await network.expectEach(nodes, async (node) => {
    const proxy = await findProxy(network, node, address);
    if (proxy) throw fail(node, proxy);
  });
  const proxied = await anyProxy(network, nodes);
  await network.expectEach(askers, async (asker) => {
    const host = network.testbed.host(asker);
    const viaGateway = host.pod !== '' && (await hasGatewayTo(network, host, address));
    const mac = await whoAnswersArp(network, host, address, proxied && !viaGateway ? PROXY_MS : ARP_MS);
    const own = viaGateway ? await network.interfacesOf({ node: host.node, pod: '' }) : [];
    if (mac && !own.some((each) => each.mac === mac)) throw fail(host, `${mac} answers ${asker}`);
  });
}

async function hasGatewayTo(network: Network, host: Host, address: string): Promise<boolean> {
  const route = await readRoute(network.testbed, host, address);
  return route.kind === 'unicast' && route.gateway !== null;
}

/**
 * No flow of a client goes to somebody who is no endpoint. A flow keeps the way that the rules chose for its first
 * packet, and a UDP flow lives as long as its client sends: 30 s after each packet (nf_conntrack_udp_timeout).
 */
export async function expectNoStaleFlow(network: Network, name: string): Promise<void> {
  const { port, address } = planned(network, name);
  await network.earlierEnded();
  const deadline = performance.now() + PROBE_ENDS_WITHIN_MS;
  let stale = await findStaleFlow(network, name);
  // It may be a probe's, of another command in the same testbed. That forgets its flows when it ends; a client goes on.
  while (stale && mayBeProbePort(stale.flow.sourcePort) && performance.now() < deadline) {
    await delay(LOOK_AGAIN_MS);
    stale = await findStaleFlow(network, name);
  }
  if (!stale) return;
  const { host, flow } = stale;
  const client = `${flow.source}:${flow.sourcePort}`;
  const wrong: WrongWithService = { what: 'stale-flow', client, endpoint: flow.answers };
  throw new CheckFailure(
    `the flows to ${name} at ${address}:${port.port}/UDP on ${host.node} to go to its endpoints`,
    `what ${client} sends there goes to ${flow.answers}`,
    { kind: 'service', from: host, service: name, address, port, wrong },
  );
}

/** A walk is the longest of all. */
const PROBE_ENDS_WITHIN_MS = 4_000;
const LOOK_AGAIN_MS = 50;

async function findStaleFlow(network: Network, name: string): Promise<{ host: Host; flow: Flow } | null> {
  const { service, port, address } = planned(network, name);
  const endpoints = service.endpoints.map((pod) => network.plan.pods[pod]?.address);
  for (const node of Object.keys(network.plan.nodes).filter((each) => network.plan.nodes[each]?.podCidr)) {
    const host: Host = { node, pod: '' };
    const flows = await readFlows(network.testbed, host, 'udp', address);
    const flow = flows.find(
      ({ answers, destinationPort, secondsLeft }) =>
        destinationPort === port.port &&
        !endpoints.includes(answers) &&
        // One packet that was sent before there were rules is no client: it is forgotten by itself.
        (answers !== address || secondsLeft >= ALIVE_S),
    );
    if (flow) return { host, flow };
  }
  return null;
}

/** Of the 30 s of a flow without an answer: something was sent in the last ten. */
const ALIVE_S = 20;

function planned(
  { plan }: Network,
  name: string,
): { service: PlannedService; port: PlannedServicePort; address: string } {
  const service = plan.services[name];
  const [port] = service?.ports ?? [];
  if (!service?.clusterIp || !port) throw new Error(`The plan has no Service "${name}" with a ClusterIP.`);
  return { service, port, address: service.clusterIp };
}

/** What makes a node answer ARP for an address that is not its own; null when nothing does. */
async function findProxy(network: Network, node: Host, address: string): Promise<string | null> {
  const { stdout } = await network.testbed.probe(node, ['ip', '-4', 'neigh', 'show', 'proxy']);
  const entry = stdout.split('\n').find((line) => line.startsWith(`${address} `));
  return entry ? `${node.node} is told to answer for it: ${entry.trim()}` : null;
}

/** Whether an interface of a node answers ARP for whatever the node has a route to (proxy_arp, man 7 arp). */
async function anyProxy(network: Network, nodes: readonly Host[]): Promise<boolean> {
  const proxies = await Promise.all(
    nodes.map(async (node) => {
      const devices = (await network.interfacesOf(node)).map(({ name }) => name);
      const names = ['all', ...devices].map((name) => `net/ipv4/conf/${name}/proxy_arp`);
      return [...(await readSettings(network.testbed, node, names)).values()].includes('1');
    }),
  );
  return proxies.includes(true);
}

/** Long enough for an answer on one machine; silence is what is wanted. */
const ARP_MS = 150;
/** The same for one that is given for somebody else. */
const PROXY_MS = 1_000;

/** The MAC address that answers a host for an address, on its first interface. */
async function whoAnswersArp(
  network: Network,
  host: Host,
  address: string,
  patienceMs: number,
): Promise<string | null> {
  const device = (await network.interfacesOf(host)).find(({ name }) => name !== 'lo')?.name;
  if (!device) return null;
  const answered = Promise.withResolvers<string>();
  let printed = '';
  const job = network.testbed.startProbe(host, ['arping', '-c', '1', '-w', '2', '-I', device, address], {
    deadlineMs: Number.POSITIVE_INFINITY,
    onOutput: (text) => {
      printed += text;
      const mac = /reply from \S+ \[([0-9A-F:]+)\]/i.exec(printed)?.[1];
      if (mac) answered.resolve(mac.toLowerCase());
    },
  });
  const silence = Promise.withResolvers<null>();
  const timer = setTimeout(() => silence.resolve(null), patienceMs);
  try {
    return await Promise.race([answered.promise, silence.promise]);
  } finally {
    clearTimeout(timer);
    job.kill();
    await Promise.allSettled([job.done]);
  }
}
