/** Why a name has no address for its asker, or another one than the Service that it means. */
import { serviceName } from '../../probes/cluster-records.ts';
import { askDnsOnce, dataOf } from '../../probes/dns.ts';
import { candidatesOf, resolverPath } from '../../probes/resolver-file.ts';
import type { NamedCause } from '../../probes/symptom.ts';
import type { Host } from '../../testbed/host.ts';
import type { AddressPlan, PlannedService } from '../../topology/plan.ts';
import { cause, type Evidence } from '../evidence.ts';
import { explainDnsRecord } from '../find-in-dns-records.ts';
import type { ResolvedName } from './resolve-name.ts';

type Found = NamedCause | null;

/** What kubelet writes for pods (k8s pkg/kubelet/network/dns/dns.go). */
const CLUSTER_NDOTS = 5;

/** Null where the name has the address that it is to have. */
export async function explainName(
  evidence: Evidence,
  from: Host,
  written: string,
  named: ResolvedName,
): Promise<Found> {
  const { plan } = evidence.testbed;
  const { server, resolver } = named;
  if (server === '')
    return cause('no-resolver', from, `${resolverPath(from)} on ${from.node} names no DNS server`);
  const meant = serviceMeant(plan, from, written);
  if (!meant) return named.address === null ? explainUnknown(from, named) : null;
  const { service, absolute } = meant;
  const wanted = service.clusterIp ? [service.clusterIp] : addressesOf(plan, service);
  if (named.address !== null && wanted.includes(named.address)) return null;
  const dns = Object.values(plan.services).find(({ clusterIp }) => clusterIp === plan.cluster.dnsIp);
  const file = `${resolverPath(from)} on ${from.node}`;
  if (
    dns?.clusterIp &&
    dns.clusterIp !== server &&
    !(await knows(evidence, from, server, absolute, wanted))
  ) {
    const text = `${file} names ${server} as the DNS server, and the names of the cluster are at ${dns.clusterIp}`;
    return cause('wrong-nameserver', from, text);
  }
  const tried = candidatesOf(written, resolver);
  const search = `search ${resolver.search.join(' ') || '(none)'}, ndots:${resolver.ndots}`;
  const says = `${file} says "${search}"`;
  if (!tried.includes(absolute))
    return cause('wrong-search', from, `${says}, so ${written} is never asked for as ${absolute}`);
  if (named.address !== null && named.name !== absolute) {
    const first = named.name === `${written.replace(/\.$/, '')}.`;
    const text = `${says}, so ${written} is asked for as ${named.name} first, which has an address too`;
    return cause(first ? 'wrong-ndots' : 'search-order', from, text);
  }
  const answer = await askDnsOnce(evidence.testbed, from, server, 'udp', { name: absolute, type: 'A' });
  if (answer.status === null) return named.address === null ? explainUnknown(from, named) : null;
  const [pod] = dns?.endpoints ?? [];
  const to = pod === undefined ? from : evidence.testbed.host(`pod/${pod}`);
  const record = {
    question: { name: absolute, type: 'A' },
    wanted: { kind: 'exactly', type: 'A', data: wanted },
  } as const;
  return explainDnsRecord(evidence, { kind: 'dns-record', from, to, address: server, record, answer });
}

/** The file of a pod names a server that gives no answer, and is no host at all, or one without a DNS server. */
export function explainServer(
  { testbed: { plan } }: Evidence,
  from: Host,
  { server, status, address, outcome }: ResolvedName,
  owner: Host | null,
): Found {
  const { dnsIp } = plan.cluster;
  const hasDns = Object.values(plan.services).some(({ clusterIp }) => clusterIp === dnsIp);
  if (address !== null || status !== '' || server === '' || server === dnsIp || !hasDns || !from.pod)
    return null;
  if (owner !== null && outcome.kind !== 'refused') return null;
  const who = owner === null ? 'nobody has that address' : 'nobody answers questions there';
  const text = `${resolverPath(from)} on ${from.node} names ${server} as the DNS server, and ${who}; the names of the cluster are at ${dnsIp}`;
  return cause('wrong-nameserver', from, text);
}

function explainUnknown(from: Host, { name, server, status }: ResolvedName): NamedCause {
  const said = `the DNS server ${server} answers ${status || 'nothing'} for ${name}`;
  if (status === 'REFUSED') return cause('dns-refused', from, said);
  if (status !== 'NOERROR' && status !== 'NXDOMAIN' && status !== '')
    return cause('dns-server-failure', from, said);
  return cause('name-not-found', from, `${said}: it has no address for that name`);
}

/** The Service that a name means to a program in the host, if its file were right. */
function serviceMeant(
  plan: AddressPlan,
  from: Host,
  written: string,
): { readonly service: PlannedService; readonly absolute: string } | null {
  const namespace = plan.pods[from.pod]?.namespace;
  const { domain } = plan.cluster;
  const search = namespace ? [`${namespace}.svc.${domain}`, `svc.${domain}`, domain] : [];
  const names = candidatesOf(written.toLowerCase(), {
    path: '',
    nameservers: [],
    search,
    ndots: CLUSTER_NDOTS,
    rotate: false,
  });
  for (const absolute of names) {
    const service = Object.values(plan.services).find(
      (each) => each.externalName === null && serviceName(plan, each) === absolute,
    );
    if (service) return { service, absolute };
  }
  return null;
}

function addressesOf(plan: AddressPlan, { endpoints }: PlannedService): string[] {
  return endpoints.flatMap((pod) => plan.pods[pod]?.address ?? []);
}

/** A server of the world may have an answer for everything: it has to be the right one. */
async function knows(
  { testbed }: Evidence,
  from: Host,
  server: string,
  name: string,
  wanted: readonly string[],
): Promise<boolean> {
  const answer = await askDnsOnce(testbed, from, server, 'udp', { name, type: 'A' });
  return dataOf(answer, 'A').some((address) => wanted.includes(address));
}
