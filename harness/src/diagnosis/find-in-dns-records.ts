/** What is wrong with an answer of the cluster's DNS server, told from the answer and a few more questions. */
import { describeWanted, serversIn, serviceName } from '../probes/cluster-records.ts';
import { askDnsOnce, type DnsAnswer, dataOf, describeAnswer } from '../probes/dns.ts';
import type { DnsSymptom } from '../probes/dns-symptom.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { hostName } from '../testbed/host.ts';
import type { CauseId } from './causes.ts';
import { cause, type Evidence } from './evidence.ts';

type Found = NamedCause | null;
type WrongRecord = DnsSymptom & { kind: 'dns-record' };

export async function explainDnsRecord(evidence: Evidence, symptom: WrongRecord): Promise<Found> {
  const { to, answer, record } = symptom;
  const { wanted, question } = record;
  const server = hostName(to);
  const said = `${server} answers ${describeAnswer(answer)} for ${question.type} of ${question.name}`;
  const refused = refusal(answer);
  // Addresses are in nobody's zone: a server that has no such record asks on, and may be refused.
  if (refused && question.type !== 'PTR') return cause(refused, to, said);
  const found = dataOf(answer, question.type);
  if (found.length > 0 && (await saysUpstream(evidence, symptom))) {
    const text = `${said}: that is what the upstream says, which the server asks for names of the cluster`;
    return cause('dns-zone-forwarded', to, text);
  }
  const unready = unreadyPods(evidence, question.name, found);
  if (unready.length > 0)
    return cause('unready-endpoint', to, `${said}: ${unready.join(' and ')} is not ready`);
  switch (wanted.kind) {
    case 'no-such-type':
      return answer.status === 'NXDOMAIN'
        ? cause('dns-nxdomain-for-type', to, `${said}: the name exists, for another type`)
        : cause('dns-record-wrong', to, said);
    case 'no-such-name':
      return found.length > 0
        ? cause('dns-wildcard', to, `${said}, and the cluster has no such name`)
        : cause('dns-no-nxdomain', to, `${said}, and the cluster has no such name`);
    case 'nothing':
      return cause('srv-for-unnamed-port', to, `${said}, and that port has no name`);
    case 'exactly':
    case 'among':
    case 'servers':
      if (found.length === 0) return explainMissing(evidence, symptom, said);
      break;
  }
  if (wanted.kind === 'servers') return explainServers(symptom, serversIn(answer), wanted.servers, said);
  const missing = wanted.kind === 'exactly' ? wanted.data.filter((each) => !found.includes(each)) : [];
  if (missing.length > 0 && found.every((each) => wanted.kind === 'exactly' && wanted.data.includes(each)))
    return cause('dns-record-missing', to, `${said}: ${missing.join(' and ')} is missing`);
  return cause('dns-record-wrong', to, `${said}; wanted ${describeWanted(record)}`);
}

/** An answer that says neither yes nor no. */
export function refusal({ status }: DnsAnswer): CauseId | null {
  if (status === 'REFUSED') return 'dns-refused';
  return status === 'NOERROR' || status === 'NXDOMAIN' || status === null ? null : 'dns-server-failure';
}

/** No record at all: perhaps the server knows the name when it is written in another way. */
async function explainMissing(evidence: Evidence, symptom: WrongRecord, said: string): Promise<Found> {
  const { to, record } = symptom;
  const { name, type } = record.question;
  if (name !== name.toLowerCase() && (await knows(evidence, symptom, name.toLowerCase())))
    return cause('dns-case-sensitive', to, `${said}, and knows ${name.toLowerCase()}`);
  if (type === 'PTR') {
    const forwards = `${name.replace('.in-addr.arpa.', '').split('.').reverse().join('.')}.in-addr.arpa.`;
    if (await knows(evidence, symptom, forwards)) {
      const text = `${said}, and knows ${forwards}: the address was not written backwards`;
      return cause('ptr-not-reversed', to, text);
    }
  }
  return cause('dns-record-missing', to, said);
}

function explainServers(
  { to }: WrongRecord,
  found: readonly string[],
  wanted: readonly string[],
  said: string,
): NamedCause {
  const missing = wanted.filter((each) => !found.includes(each));
  if (found.every((each) => wanted.includes(each)))
    return cause('dns-record-missing', to, `${said}: ${missing.join(' and ')} is missing`);
  return cause('srv-record-wrong', to, `${said}; wanted port and target ${wanted.join(' and ')}`);
}

async function knows(
  evidence: Evidence,
  { from, address, record, answer }: WrongRecord,
  name: string,
): Promise<boolean> {
  const question = { name, type: record.question.type };
  const known = await askDnsOnce(evidence.testbed, from, address, answer.protocol, question);
  return dataOf(known, question.type).length > 0;
}

/** Whether a resolver of a node, asked directly, gives the same answer: the server has it from there. */
async function saysUpstream(evidence: Evidence, { to, record, answer }: WrongRecord): Promise<boolean> {
  const { testbed } = evidence;
  const { question } = record;
  const resolvers = Object.entries(testbed.plan.nodes).filter(([, { podCidr }]) => podCidr === null);
  const same = await Promise.all(
    resolvers.map(async ([, { interfaces }]) => {
      const address = Object.values(interfaces)[0]?.address ?? '';
      const theirs: DnsAnswer = await askDnsOnce(testbed, to, address, 'udp', question);
      const data = dataOf(theirs, question.type);
      return data.length > 0 && data.join() === dataOf(answer, question.type).join();
    }),
  );
  return same.includes(true);
}

/** Pods that are behind a Service and not ready, among the addresses of an answer. */
function unreadyPods({ testbed: { plan } }: Evidence, asked: string, found: readonly string[]): string[] {
  const named = Object.values(plan.services).filter((service) =>
    asked.toLowerCase().endsWith(serviceName(plan, service)),
  );
  const unready = named.flatMap(({ notReady }) => notReady);
  return unready.filter((pod) => found.includes(plan.pods[pod]?.address ?? '')).map((pod) => `pod/${pod}`);
}
