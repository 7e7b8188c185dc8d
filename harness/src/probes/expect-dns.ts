/** What a cluster's DNS server has to answer, asked as a pod or a node asks it: over UDP, and over TCP. */
import type { AddressPlan, PlannedService } from '../topology/plan.ts';
import {
  describeWanted,
  type RecordTopic,
  says,
  serviceName,
  type Topics,
  wantedRecords,
} from './cluster-records.ts';
import {
  askDns,
  askDnsOnce,
  DNS_PROTOCOLS,
  type DnsAnswer,
  type DnsProtocol,
  type DnsQuestion,
  dataOf,
  describeAnswer,
  ownQuestion,
} from './dns.ts';
import type { Network } from './network.ts';
import { CheckFailure } from './symptom.ts';
import { inventLabel, questionsWhile } from './watch-questions.ts';

/** Who asks whom: a host, and the Service of the DNS server. */
export interface DnsClient {
  readonly from: string;
  readonly service: string;
}

/** The server answers at the address of its own pod. */
export async function expectDnsServer(network: Network, from: string, server: string): Promise<void> {
  const address = network.plan.pods[network.testbed.host(server).pod]?.address ?? '';
  await expectAnswerAt(network, from, server, address);
}

/** The server answers at the address of its Service, whoever asks. */
export async function expectDnsReached(
  network: Network,
  clients: readonly string[],
  service: string,
): Promise<void> {
  const { clusterIp, server } = serverOf(network.plan, service);
  await network.expectEach(clients, (from) => expectAnswerAt(network, from, server, clusterIp));
}

/** Every record of one topic is as the plan has it. */
export async function expectRecords(network: Network, client: DnsClient, topic: RecordTopic): Promise<void> {
  const { clusterIp, server } = serverOf(network.plan, client.service);
  const { topics, answers } = await clusterRecords(network, client);
  for (const record of topics[topic]) {
    for (const protocol of DNS_PROTOCOLS) {
      const answer = answers.get(keyOf(protocol, record.question));
      if (!answer || says(answer, record)) continue;
      const hosts = { from: network.testbed.host(client.from), to: network.testbed.host(server) };
      throw new CheckFailure(describeWanted(record), `${describeAnswer(answer)} (${protocol})`, {
        kind: 'dns-record',
        ...hosts,
        address: clusterIp,
        record,
        answer,
      });
    }
  }
}

/**
 * A name of the world is answered as the upstream answers it, and the upstream is asked: the name was made
 * up for this run.
 */
const ZONE = 'probe.example.com.';
const isSome = (data: readonly string[]) => data.length > 0;

export async function expectForwardedUpstream(
  network: Network,
  from: string,
  server: string,
  upstream: string,
): Promise<void> {
  const { testbed, plan } = network;
  const to = testbed.host(server);
  const address = plan.pods[to.pod]?.address ?? '';
  const [client, resolver] = [testbed.host(from), testbed.host(upstream)];
  // The world is more than one domain: the other one's name nobody can know beforehand.
  const asked = DNS_PROTOCOLS.flatMap((protocol) =>
    [ZONE, `${inventLabel()}.`].map((zone) => ({ protocol, label: inventLabel(), zone })),
  );
  const questionOf = (label: string, zone: string): DnsQuestion => ({ name: `${label}.${zone}`, type: 'A' });
  const upstreamAddress = addressOfNode(plan, upstream);
  const last = inventLabel();
  let direct: DnsAnswer | null = null;
  const answers: DnsAnswer[] = [];
  const heard = await questionsWhile(
    testbed,
    resolver,
    asked.map(({ label }) => label),
    last,
    async () => {
      answers.push(
        ...(await Promise.all(
          asked.map(({ protocol, label, zone }) =>
            askDnsOnce(testbed, client, address, protocol, questionOf(label, zone)),
          ),
        )),
      );
      direct = await askDnsOnce(testbed, resolver, upstreamAddress, 'udp', questionOf(last, ZONE));
    },
  );
  for (const [index, { protocol, label, zone }] of asked.entries()) {
    const answer = answers[index];
    const wanted = direct ? dataOf(direct, 'A') : [];
    const reached = heard.get(label) ?? false;
    const isWanted = zone === ZONE ? (data: string[]) => data.join() === wanted.join() : isSome;
    if (!answer || (reached && wanted.length > 0 && isWanted(dataOf(answer, 'A')))) continue;
    const symptom =
      answer.status === null && !reached && (await isSilent(network, from, address, protocol))
        ? ({ kind: 'dns-silent', from: client, to, address, protocol } as const)
        : ({
            kind: 'dns-upstream',
            to,
            upstream: resolver,
            address: upstreamAddress,
            answer,
            asked: reached,
            large: false,
          } as const);
    throw new CheckFailure(
      `${questionOf(label, zone).name} to be ${wanted.join(' and ')}, as ${upstream} says`,
      `${describeAnswer(answer)}${reached ? '' : `, and ${upstream} was not asked`} (${protocol})`,
      symptom,
    );
  }
}

/** An answer of more than 512 bytes comes whole over TCP, and over UDP says that there is more (RFC 7766). */
export async function expectLargeAnswer(
  network: Network,
  from: string,
  server: string,
  { name, records, upstream }: { readonly name: string; readonly records: number; readonly upstream: string },
): Promise<void> {
  const { testbed, plan } = network;
  const [client, to] = [testbed.host(from), testbed.host(server)];
  const address = plan.pods[to.pod]?.address ?? '';
  const question: DnsQuestion = { name, type: 'A' };
  const ask = (protocol: DnsProtocol) =>
    askDns(testbed, client, { server: address, protocol, questions: [question], edns: false });
  const [[udp], [tcp]] = await Promise.all([ask('udp'), ask('tcp')]);
  for (const answer of [udp, tcp]) {
    if (!answer || dataOf(answer, 'A').length === records || (answer === udp && answer.truncated)) continue;
    const wanted = `all ${records} records of ${name} over TCP, and as much or the flag TC over UDP`;
    throw new CheckFailure(wanted, `${describeAnswer(answer)} (${answer.protocol})`, {
      kind: 'dns-upstream',
      to,
      upstream: testbed.host(upstream),
      address: addressOfNode(plan, upstream),
      answer,
      asked: false,
      large: true,
    });
  }
}

/** The name of an ExternalName Service leads to the other name by a CNAME, and to the address that it has. */
export async function expectAlias(
  network: Network,
  client: DnsClient,
  alias: string,
  upstream: string,
): Promise<void> {
  const { testbed, plan } = network;
  const { clusterIp, server } = serverOf(plan, client.service);
  const service = plan.services[alias];
  const target = `${service?.externalName}.`;
  const question: DnsQuestion = { name: service ? serviceName(plan, service) : '', type: 'A' };
  const [direct] = await askDns(testbed, testbed.host(upstream), {
    server: addressOfNode(plan, upstream),
    protocol: 'udp',
    questions: [{ name: target, type: 'A' }],
  });
  const wanted = direct ? dataOf(direct, 'A') : [];
  const from = testbed.host(client.from);
  const answers = await Promise.all(
    DNS_PROTOCOLS.map((protocol) => askDnsOnce(testbed, from, clusterIp, protocol, question)),
  );
  for (const answer of answers) {
    const alias = answer.records.find(({ name, type }) => type === 'CNAME' && name === question.name);
    const addresses = dataOf(answer, 'A');
    if (alias?.data.toLowerCase() === target && addresses.join() === wanted.join()) continue;
    throw new CheckFailure(
      `${question.name} to be a CNAME of ${target}, and that to be ${wanted.join(' and ')}`,
      `${describeAnswer(answer)} (${answer.protocol})`,
      { kind: 'dns-alias', to: testbed.host(server), target, address: clusterIp, answer },
    );
  }
}

/** The pod behind the Service of the DNS server, and the Service's address. */
export function serverOf(plan: AddressPlan, service: string): { clusterIp: string; server: string } {
  const planned: PlannedService | undefined = plan.services[service];
  return { clusterIp: planned?.clusterIp ?? '', server: `pod/${planned?.endpoints[0]}` };
}

export function addressOfNode(plan: AddressPlan, node: string): string {
  return Object.values(plan.nodes[node]?.interfaces ?? {})[0]?.address ?? '';
}

/** All questions of a run that are about the cluster's zone, asked at once. */
function clusterRecords(
  network: Network,
  client: DnsClient,
): Promise<{ readonly topics: Topics; readonly answers: ReadonlyMap<string, DnsAnswer> }> {
  return network.once(`cluster records ${client.from}`, async () => {
    const { testbed, plan } = network;
    const { clusterIp } = serverOf(plan, client.service);
    const topics = wantedRecords(plan, inventLabel());
    const { 'other-types': types, 'unnamed-ports': unnamed, 'unknown-names': unknown, ...others } = topics;
    // What a server may have to ask somebody else for comes last: it may wait for long.
    const questions = [...Object.values(others), types, unnamed, unknown]
      .flat()
      .map(({ question }) => question);
    const from = testbed.host(client.from);
    const asked = await Promise.all(
      DNS_PROTOCOLS.map((protocol) => askDns(testbed, from, { server: clusterIp, protocol, questions })),
    );
    const answers = new Map(asked.flat().map((answer) => [keyOf(answer.protocol, answer), answer]));
    return { topics, answers };
  });
}

/** Any answer will do: what it says is the subject of other checks. */
async function expectAnswerAt(
  network: Network,
  from: string,
  server: string,
  address: string,
): Promise<void> {
  await network.expectEach(DNS_PROTOCOLS, async (protocol) => {
    if (!(await isSilent(network, from, address, protocol))) return;
    const hosts = { from: network.testbed.host(from), to: network.testbed.host(server) };
    throw new CheckFailure(
      `an answer at ${address}, port 53, over UDP and TCP, for ${from}`,
      `no answer (${protocol})`,
      { kind: 'dns-silent', ...hosts, address, protocol },
    );
  });
}

function isSilent(network: Network, from: string, address: string, protocol: DnsProtocol): Promise<boolean> {
  return network.once(`dns ${protocol} ${from} ${address}`, async () => {
    const question = ownQuestion(network.plan.cluster.domain);
    const host = network.testbed.host(from);
    const answer = await askDnsOnce(network.testbed, host, address, protocol, question);
    return answer.status === null;
  });
}

function keyOf(protocol: DnsProtocol, { name, type }: DnsQuestion): string {
  return `${protocol} ${type} ${name}`;
}
