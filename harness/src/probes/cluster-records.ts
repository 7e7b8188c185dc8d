/**
 * The records of a cluster's zone, made from the plan: "Kubernetes DNS-Based Service Discovery", version 1.1.0
 * (kubernetes/dns, docs/specification.md). Names are absolute, with their final dot.
 */
import type { AddressPlan, PlannedService } from '../topology/plan.ts';
import { type DnsAnswer, type DnsQuestion, dataOf, type RecordType } from './dns.ts';

/** What an answer has to say. TTLs, priorities and weights are the server's own business. */
export type Wanted =
  /** These records of the type and no others. */
  | { readonly kind: 'exactly'; readonly type: RecordType; readonly data: readonly string[] }
  /** At least this record: an address may have several names. */
  | { readonly kind: 'among'; readonly type: RecordType; readonly data: string }
  | { readonly kind: 'servers'; readonly servers: readonly string[] }
  /** The name exists, and has no record of the type: NOERROR (RFC 2308, section 2.2). */
  | { readonly kind: 'no-such-type' }
  | { readonly kind: 'no-such-name' }
  /** Both ways of saying no are right. */
  | { readonly kind: 'nothing' };

export interface WantedRecord {
  readonly question: DnsQuestion;
  readonly wanted: Wanted;
}

export type RecordTopic =
  | 'cluster-ips'
  | 'unknown-names'
  | 'other-types'
  | 'any-case'
  | 'headless'
  | 'hostnames'
  | 'named-ports'
  | 'unnamed-ports'
  | 'reverse';

export type Topics = Readonly<Record<RecordTopic, readonly WantedRecord[]>>;

/** `web.default.svc.cluster.local.` */
export function serviceName({ cluster }: AddressPlan, { name, namespace }: PlannedService): string {
  return `${name}.${namespace}.svc.${cluster.domain}.`;
}

/** `3.1.244.10.in-addr.arpa.` (RFC 1035, section 3.5). */
export function reverseName(address: string): string {
  return `${address.split('.').reverse().join('.')}.in-addr.arpa.`;
}

/** `invented` is a name that nobody can have entered beforehand. */
export function wantedRecords(plan: AddressPlan, invented: string): Topics {
  const services = Object.values(plan.services);
  const withAddress = services.filter(({ clusterIp }) => clusterIp !== null);
  const headless = services.filter(({ clusterIp, externalName }) => clusterIp === null && !externalName);
  const { domain } = plan.cluster;
  const nameOf = (service: PlannedService) => serviceName(plan, service);
  const addressOf = (pod: string) => plan.pods[pod]?.address ?? '';
  const hostnameOf = (service: PlannedService, pod: string) =>
    `${service.hostnames[pod] ?? addressOf(pod).replaceAll('.', '-')}.${nameOf(service)}`;
  const endpoints = headless.flatMap((service) => service.endpoints.map((pod) => ({ service, pod })));
  const unready = headless.flatMap((service) => service.notReady.map((pod) => ({ service, pod })));
  const address = (name: string, data: readonly string[]): WantedRecord => ({
    question: { name, type: 'A' },
    wanted: { kind: 'exactly', type: 'A', data },
  });
  const noSuchName = (name: string): WantedRecord => ({
    question: { name, type: 'A' },
    wanted: { kind: 'no-such-name' },
  });
  const noSuchType = (name: string, type: 'AAAA' | 'MX'): WantedRecord => ({
    question: { name, type },
    wanted: { kind: 'no-such-type' },
  });
  const ports = services.flatMap((service) => service.ports.map((port) => ({ service, port })));
  const portName = (label: string, protocol: string, service: PlannedService): DnsQuestion => ({
    name: `_${label}._${protocol.toLowerCase()}.${nameOf(service)}`,
    type: 'SRV',
  });
  const [first] = withAddress.filter(({ namespace }) => namespace === 'default');
  return {
    'cluster-ips': withAddress.map((service) => address(nameOf(service), [service.clusterIp ?? ''])),
    'unknown-names': [
      noSuchName(`${invented}.default.svc.${domain}.`),
      noSuchName(`${first?.name}.${invented}.svc.${domain}.`),
      noSuchName(`${invented}.${domain}.`),
      ...[first, headless[0]].flatMap((service) =>
        service ? [noSuchName(`${invented}.${nameOf(service)}`)] : [],
      ),
    ],
    'other-types': withAddress.flatMap((service) => [
      noSuchType(nameOf(service), 'AAAA'),
      noSuchType(nameOf(service), 'MX'),
    ]),
    'any-case': withAddress.map((service) =>
      address(alternateCase(nameOf(service)), [service.clusterIp ?? '']),
    ),
    headless: headless.flatMap((service) => [
      address(nameOf(service), service.endpoints.map(addressOf)),
      ...(service.endpoints.length > 0 ? [noSuchType(nameOf(service), 'AAAA')] : []),
    ]),
    hostnames: [
      ...endpoints.flatMap(({ service, pod }) => [
        address(hostnameOf(service, pod), [addressOf(pod)]),
        noSuchType(hostnameOf(service, pod), 'AAAA'),
      ]),
      ...unready.map(({ service, pod }) => noSuchName(hostnameOf(service, pod))),
    ],
    'named-ports': ports
      .filter(({ port }) => port.name !== null)
      .map(({ service, port }) => ({
        question: portName(port.name ?? '', port.protocol, service),
        wanted: {
          kind: 'servers',
          // Nobody translates ports on the way to a pod of a headless Service.
          servers: service.clusterIp
            ? [`${port.port} ${nameOf(service)}`]
            : service.endpoints.map((pod) => `${port.targetPort} ${hostnameOf(service, pod)}`),
        },
      })),
    'unnamed-ports': ports
      .filter(({ port }) => port.name === null)
      .flatMap(({ service, port }) =>
        ['http', String(port.port)].map((label) => ({
          question: portName(label, port.protocol, service),
          wanted: { kind: 'nothing' as const },
        })),
      ),
    reverse: [
      ...withAddress.map((service) => pointer(service.clusterIp ?? '', nameOf(service))),
      ...endpoints.map(({ service, pod }) => pointer(addressOf(pod), hostnameOf(service, pod))),
    ],
  };
}

/** Whether an answer says what is wanted. */
export function says(answer: DnsAnswer, { question, wanted }: WantedRecord): boolean {
  const { status, truncated } = answer;
  if (status === null || truncated) return false;
  switch (wanted.kind) {
    case 'exactly':
      return status === 'NOERROR' && same(dataOf(answer, wanted.type), wanted.data);
    case 'among':
      return status === 'NOERROR' && dataOf(answer, wanted.type).includes(wanted.data);
    case 'servers':
      return status === 'NOERROR' && same(serversIn(answer), wanted.servers);
    case 'no-such-type':
      return status === 'NOERROR' && dataOf(answer, question.type).length === 0;
    case 'no-such-name':
      return status === 'NXDOMAIN';
    case 'nothing':
      return status === 'NXDOMAIN' || (status === 'NOERROR' && dataOf(answer, question.type).length === 0);
  }
}

/** `389 users-0.users.default.svc.cluster.local.`: port and target of each SRV record (RFC 2782). */
export function serversIn(answer: DnsAnswer): string[] {
  return dataOf(answer, 'SRV').map((data) => data.split(' ').slice(2).join(' '));
}

/** What a report says was wanted. */
export function describeWanted({ question, wanted }: WantedRecord): string {
  const asked = `${question.type} of ${question.name}`;
  switch (wanted.kind) {
    case 'exactly':
      return `${asked} to be ${wanted.data.join(' and ')}`;
    case 'among':
      return `${asked} to be ${wanted.data}`;
    case 'servers':
      return `${asked} to name ${wanted.servers.map((each) => `port ${each.replace(' ', ' of ')}`).join(' and ')}`;
    case 'no-such-type':
      return `${asked} to be NOERROR without a record`;
    case 'no-such-name':
      return `${asked} to be NXDOMAIN`;
    case 'nothing':
      return `${asked} to be NXDOMAIN, or NOERROR without a record`;
  }
}

function pointer(address: string, name: string): WantedRecord {
  return {
    question: { name: reverseName(address), type: 'PTR' },
    wanted: { kind: 'among', type: 'PTR', data: name },
  };
}

/** `wEb.dEfAuLt...` (RFC 4343: case does not matter). */
function alternateCase(name: string): string {
  return [...name].map((letter, index) => (index % 2 ? letter.toUpperCase() : letter)).join('');
}

function same(found: readonly string[], wanted: readonly string[]): boolean {
  const [a, b] = [new Set(found), new Set(wanted)];
  return a.size === b.size && [...a].every((each) => b.has(each));
}
