/** Causes that lie with names: what the server says, and what the file of a pod makes it ask. */
import { serviceName } from '../probes/cluster-records.ts';
import { askDns, askDnsOnce, dataOf, describeAnswer } from '../probes/dns.ts';
import type { DnsSymptom } from '../probes/dns-symptom.ts';
import type { NamedCause, Symptom } from '../probes/symptom.ts';
import { inventLabel, serversAskedWhile } from '../probes/watch-questions.ts';
import { type Host, hostName } from '../testbed/host.ts';
import type { CauseId } from './causes.ts';
import { cause, type Evidence } from './evidence.ts';
import { explainDnsRecord, refusal } from './find-in-dns-records.ts';
import { explainDnsSilence } from './find-in-dns-silence.ts';

type Found = NamedCause | null;
/** Any other symptom's cause. */
export type Explain = (symptom: Symptom) => Promise<Found>;

export async function findInDns(evidence: Evidence, symptom: DnsSymptom, explain: Explain): Promise<Found> {
  switch (symptom.kind) {
    case 'dns-silent':
      return explainDnsSilence(evidence, symptom, explain);
    case 'dns-record':
      if (symptom.answer.status === null)
        return (
          (await explainSilentName(evidence, symptom)) ??
          explainDnsSilence(evidence, silenceOf(symptom), explain)
        );
      return explainDnsRecord(evidence, symptom);
    case 'dns-upstream':
      return explainUpstream(evidence, symptom, explain);
    case 'dns-alias':
      return explainAlias(symptom);
    case 'resolver-file':
      return explainFile(symptom);
  }
}

/** A server that answers for one name of its zone and not for another waits for somebody whom it asks. */
async function explainSilentName(
  { testbed }: Evidence,
  { from, to, address, answer }: DnsSymptom & { kind: 'dns-record' },
): Promise<Found> {
  const known = Object.values(testbed.plan.services).filter(({ clusterIp }) => clusterIp !== null);
  const names = known.slice(0, MOST_NAMES).map((service) => serviceName(testbed.plan, service));
  const { protocol, name, type } = answer;
  // Silent once more, while what is asked after it is answered: so it is not the machine that is slow.
  const [again, ...others] = await askDns(testbed, from, {
    server: address,
    protocol,
    questions: [{ name, type }, ...names.map((each) => ({ name: each, type: 'A' as const }))],
    waitSeconds: 1,
  });
  const heard = others.find(({ records }) => records.length > 0);
  if (!heard || !again || again.status !== null) return null;
  const text = `${hostName(to)} answers for ${heard.name} and not to other questions about the zone: it asks somebody else, and waits`;
  return cause('dns-zone-forwarded', to, text);
}

/** If none of so many is answered, none is. */
const MOST_NAMES = 2;

function silenceOf(symptom: DnsSymptom & { kind: 'dns-record' }): DnsSymptom & { kind: 'dns-silent' } {
  const { from, to, address, answer } = symptom;
  return { kind: 'dns-silent', from, to, address, protocol: answer.protocol };
}

async function explainUpstream(
  evidence: Evidence,
  symptom: DnsSymptom & { kind: 'dns-upstream' },
  explain: Explain,
): Promise<Found> {
  const { to, upstream, address, answer, asked, large } = symptom;
  const { name, protocol, status } = answer;
  const server = hostName(to);
  if (large && status === 'NOERROR') {
    const how = protocol === 'tcp' ? 'cut off over TCP too' : 'not whole over UDP, and has no flag TC';
    return cause(
      'dns-answer-cut',
      to,
      `the answer of ${server} to ${name} is ${how} (${describeAnswer(answer)})`,
    );
  }
  const silence = { kind: 'dns-silent', from: to, to: upstream, address, protocol } as const;
  const unreachable = await explainDnsSilence(evidence, silence, explain);
  if (unreachable) return unreachable;
  if (status === null) {
    const servers = await serversAskedBy(evidence, to, address);
    const other = servers.find((each) => each !== address);
    if (!other) return null;
    const text = `${server} gives no answer to ${name} over ${protocol.toUpperCase()}: it asks ${other} for names of the world, and not ${address}, which answers`;
    return cause('dns-wrong-upstream', to, text);
  }
  if (!asked || status === 'REFUSED') {
    const text = `${server} answers ${describeAnswer(answer)} for ${name} by itself: it does not ask ${address}`;
    return cause('dns-not-forwarded', to, text);
  }
  return cause(
    'dns-record-wrong',
    to,
    `${server} says ${describeAnswer(answer)} for ${name}, the upstream does not`,
  );
}

/** A server asks on at once, and it is the question that counts, not its answer. */
const ASKS_ON_WITHIN_MS = 500;

/** Whom a DNS server asks for a name of the world that was made up for this. */
async function serversAskedBy({ testbed }: Evidence, to: Host, upstream: string): Promise<string[]> {
  const own = testbed.plan.pods[to.pod]?.address ?? '';
  const [label, last] = [inventLabel(), inventLabel()];
  const question = (word: string) => ({ name: `${word}.probe.example.com.`, type: 'A' }) as const;
  const servers = await serversAskedWhile(testbed, to, label, last, async () => {
    const questions = [question(label)];
    await askDns(testbed, to, { server: own, protocol: 'udp', questions, deadlineMs: ASKS_ON_WITHIN_MS });
    await askDnsOnce(testbed, to, upstream, 'udp', question(last));
  });
  return servers.filter((server) => server !== own);
}

function explainAlias({ to, target, answer }: DnsSymptom & { kind: 'dns-alias' }): Found {
  const { name, records } = answer;
  const server = hostName(to);
  const refused = refusal(answer);
  if (refused) return cause(refused, to, `${server} answers ${answer.status} for ${name}`);
  const alias = records.find(({ type }) => type === 'CNAME');
  const found = alias?.data.toLowerCase();
  if (answer.status === null) return null;
  if (!alias && dataOf(answer, 'A').length === 0)
    return cause('dns-record-missing', to, `${server} has no record for ${name} (${describeAnswer(answer)})`);
  if (!alias) {
    const text = `${server} has an address for ${name}, ${describeAnswer(answer)}, and no CNAME of ${target}: it stays when that changes`;
    return cause('alias-as-address', to, text);
  }
  if (found !== target && found?.startsWith(target)) {
    const text = `the CNAME of ${name} is ${found}: ${target.slice(0, -1)} was written without its final dot, and the zone was added`;
    return cause('alias-not-absolute', to, text);
  }
  if (found !== target)
    return cause('dns-record-wrong', to, `the CNAME of ${name} is ${found}, not ${target}`);
  if (dataOf(answer, 'A').length === 0) {
    const text = `${server} gives the CNAME ${target} for ${name} and no address with it`;
    return cause('alias-not-followed', to, text);
  }
  return cause('dns-record-wrong', to, `${server} has another address for ${target} than the upstream has`);
}

const FILE_CAUSES = {
  missing: 'no-resolver',
  nameserver: 'wrong-nameserver',
  search: 'wrong-search',
  'search-order': 'search-order',
  ndots: 'wrong-ndots',
} as const satisfies Readonly<Record<string, CauseId>>;

function explainFile({ host, wrong, found }: DnsSymptom & { kind: 'resolver-file' }): NamedCause {
  const file = host.pod
    ? `/etc/netns/${host.pod}/resolv.conf on ${host.node}`
    : `/etc/resolv.conf of ${host.node}`;
  return cause(FILE_CAUSES[wrong], host, `${file} says: ${found}`);
}
