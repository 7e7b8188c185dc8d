/** What a pod's `resolv.conf` makes of names: which server is asked, for which names, in which order. */
import type { Host } from '../testbed/host.ts';
import { serviceName } from './cluster-records.ts';
import {
  askDns,
  askDnsOnce,
  DNS_PROTOCOLS,
  type DnsAnswer,
  type DnsProtocol,
  type DnsQuestion,
  dataOf,
  describeAnswer,
} from './dns.ts';
import type { DnsSymptom } from './dns-symptom.ts';
import { addressOfNode, serverOf } from './expect-dns.ts';
import type { Network } from './network.ts';
import { candidatesOf, type ResolverFile, readResolverFile, resolverPath } from './resolver-file.ts';
import { CheckFailure } from './symptom.ts';

type WrongFile = (DnsSymptom & { kind: 'resolver-file' })['wrong'];

/** A name as a program in the pod would write it, and the Service of the plan that it means. */
export interface ShortName {
  readonly name: string;
  readonly service: string;
}

/** The first server that is asked is the cluster's, by the address of its Service. */
export async function expectClusterResolver(network: Network, host: string, service: string): Promise<void> {
  const { clusterIp } = serverOf(network.plan, service);
  const file = await fileOf(network, host);
  const asked = file.rotate ? file.nameservers : file.nameservers.slice(0, 1);
  if (asked.length > 0 && asked.every((each) => each === clusterIp)) return;
  const turns = file.rotate ? ' in turns (options rotate)' : '';
  const found = `${file.nameservers.join(', then ') || 'no nameserver'}${turns}`;
  throw wrongFile(network, host, `${clusterIp} as the first nameserver in ${file.path}`, 'nameserver', found);
}

/** Programs on the host find the Services by these names. */
export async function expectShortNames(
  network: Network,
  host: string,
  service: string,
  names: readonly ShortName[],
): Promise<void> {
  await expectClusterResolver(network, host, service);
  const file = await fileOf(network, host);
  const { plan, testbed } = network;
  const wantedOf = (service: string) => {
    const planned = plan.services[service];
    return { absolute: planned ? serviceName(plan, planned) : '', address: planned?.clusterIp ?? '' };
  };
  const answers = await resolveAll(
    network,
    host,
    file,
    names.map(({ name, service: wanted }) => ({ name, until: wantedOf(wanted).absolute })),
  );
  for (const { name, service: wanted } of names) {
    const { absolute, address } = wantedOf(wanted);
    for (const protocol of DNS_PROTOCOLS) {
      const { found, tried } = answers.get(`${protocol} ${name}`) ?? NOTHING;
      const addresses = found ? dataOf(found, 'A') : [];
      if (addresses.length === 1 && addresses[0] === address) continue;
      const expected = `${name} to be ${absolute} (${address}) in ${host}`;
      const observed = found ? `${found.name} (${addresses.join(', ')})` : 'no such name';
      const candidates = candidatesOf(name, file);
      const search = `search ${file.search.join(' ') || '(none)'}, ndots:${file.ndots}`;
      if (!candidates.includes(absolute))
        throw wrongFile(network, host, expected, 'search', search, observed);
      if (found && found.name === `${name}.` && candidates[0] === found.name)
        throw wrongFile(network, host, expected, 'ndots', search, observed);
      if (found && found.name !== absolute)
        throw wrongFile(network, host, expected, 'search-order', search, observed);
      const { clusterIp, server } = serverOf(plan, service);
      const hosts = { from: testbed.host(host), to: testbed.host(server), address: clusterIp };
      const answer = tried.find((each) => each.name === absolute);
      const symptom: DnsSymptom =
        !answer || answer.status === null
          ? { kind: 'dns-silent', ...hosts, protocol }
          : {
              kind: 'dns-record',
              ...hosts,
              record: {
                question: { name: absolute, type: 'A' },
                wanted: { kind: 'exactly', type: 'A', data: [address] },
              },
              answer,
            };
      throw new CheckFailure(
        expected,
        `${answer ? describeAnswer(answer) : 'no answer'} (${protocol})`,
        symptom,
      );
    }
  }
}

/** A name of the world is found too, though it is searched for in the cluster first. */
export async function expectWorldName(
  network: Network,
  host: string,
  name: string,
  upstream: string,
): Promise<void> {
  const file = await fileOf(network, host);
  const { plan, testbed } = network;
  const resolver = testbed.host(upstream);
  const address = addressOfNode(plan, upstream);
  const [direct] = await askDns(testbed, resolver, {
    server: address,
    protocol: 'udp',
    questions: [{ name: `${name.replace(/\.$/, '')}.`, type: 'A' }],
  });
  const wanted = direct ? dataOf(direct, 'A') : [];
  const answers = await resolveAll(network, host, file, [{ name, until: '' }]);
  for (const protocol of DNS_PROTOCOLS) {
    const lookedUp = answers.get(`${protocol} ${name}`) ?? NOTHING;
    const { found } = lookedUp;
    if (found && dataOf(found, 'A').join() === wanted.join()) continue;
    const expected = `${name} to be ${wanted.join(', ')} in ${host}`;
    const silent = await findSilent(network, host, file, protocol, lookedUp, [
      [address, upstream],
      [serverOf(plan, 'dns').clusterIp, serverOf(plan, 'dns').server],
    ]);
    if (silent) throw new CheckFailure(expected, `no answer (${protocol})`, silent);
    const observed = found ? `${found.name} (${dataOf(found, 'A').join(', ')})` : 'no such name';
    // Asked for as it is, the name has another address: that is the server's doing, not the search list's.
    if (found?.name === `${name}.`) {
      const to = testbed.host(serverOf(plan, 'dns').server);
      const asked = { asked: true, large: false } as const;
      throw new CheckFailure(expected, observed, {
        kind: 'dns-upstream',
        to,
        upstream: resolver,
        address,
        answer: found,
        ...asked,
      });
    }
    const search = `search ${file.search.join(' ') || '(none)'}, nameserver ${file.nameservers.join(' ')}`;
    throw wrongFile(network, host, expected, 'search', search, observed);
  }
}

/**
 * The first server of the file, when it is one of those that are known and left one of the questions without an answer:
 * what it would have said is not known, though it may answer the next one.
 */
async function findSilent(
  { testbed }: Network,
  from: string,
  file: ResolverFile,
  protocol: DnsProtocol,
  { found, tried }: LookedUp,
  known: readonly (readonly [string, string])[],
): Promise<DnsSymptom | null> {
  const [address = ''] = file.nameservers;
  const [, server] = known.find(([each]) => each === address) ?? [];
  if (!server) return null;
  const before = found ? tried.slice(0, tried.indexOf(found)) : tried;
  if (before.every(({ status }) => status !== null)) {
    if (tried.length > 0) return null;
    // None of it was answered, or all of it was refused: one more question tells which.
    const question = { name: 'www.example.com.', type: 'A' } as const;
    const answer = await askDnsOnce(testbed, testbed.host(from), address, protocol, question);
    if (answer.status === 'REFUSED' || answer.status === 'SERVFAIL') return null;
  }
  return { kind: 'dns-silent', from: testbed.host(from), to: testbed.host(server), address, protocol };
}

/** A name with as many dots as a SRV name of a Service has is searched for in the cluster before it is asked as it is. */
export async function expectSearchedFirst(network: Network, host: string, name: string): Promise<void> {
  const file = await fileOf(network, host);
  if (candidatesOf(name, file)[0] !== `${name}.` && file.search.length > 0) return;
  const expected = `${name} to be searched for in the cluster first, by ${host}`;
  throw wrongFile(network, host, expected, 'ndots', `ndots:${file.ndots}`, `it is asked for as it is first`);
}

/** The file says what another file says, as with `dnsPolicy: Default`. */
export async function expectSameResolver(network: Network, host: string, model: string): Promise<void> {
  await expectResolver(network, host, await fileOf(network, model));
}

/** The file says exactly this, as with `dnsPolicy: None` and a `dnsConfig`. */
export async function expectResolver(
  network: Network,
  host: string,
  wanted: Pick<ResolverFile, 'nameservers' | 'search' | 'ndots'>,
): Promise<void> {
  const file = await fileOf(network, host);
  const wrong = (part: WrongFile, expected: string, found: string) =>
    wrongFile(network, host, `${expected} in ${file.path}`, part, found);
  if (file.nameservers.join(' ') !== wanted.nameservers.join(' '))
    throw wrong(
      'nameserver',
      `nameserver ${wanted.nameservers.join(' and ')}`,
      file.nameservers.join(' and ') || 'no nameserver',
    );
  if (file.search.join(' ') !== wanted.search.join(' '))
    throw wrong('search', `search ${wanted.search.join(' ')}`, `search ${file.search.join(' ') || '(none)'}`);
  if (file.ndots !== wanted.ndots) throw wrong('ndots', `ndots:${wanted.ndots}`, `ndots:${file.ndots}`);
}

/** The file of a host; a failure when there is none, or it names no server. */
async function fileOf(network: Network, name: string): Promise<ResolverFile> {
  const host = network.testbed.host(name);
  const file = await network.once(`resolver ${name}`, () => readResolverFile(network.testbed, host));
  const path = resolverPath(host);
  if (!file) throw wrongFile(network, name, `a file ${path} on ${host.node}`, 'missing', 'there is none');
  if (file.nameservers.length === 0) {
    throw wrongFile(network, name, `a nameserver in ${path} on ${host.node}`, 'missing', 'it names none');
  }
  return file;
}

/** What came of looking a name up. */
interface LookedUp {
  readonly found: DnsAnswer | null;
  readonly tried: readonly DnsAnswer[];
}

const NOTHING: LookedUp = { found: null, tried: [] };

/**
 * What the C library would find for each name: the first of the names it tries that has an address, from the
 * first server that answers. What it would try after `until` is not asked. Keys are `udp web`, `tcp web`.
 */
async function resolveAll(
  network: Network,
  from: string,
  file: ResolverFile,
  names: readonly { readonly name: string; readonly until: string }[],
): Promise<ReadonlyMap<string, LookedUp>> {
  const { testbed } = network;
  const host: Host = testbed.host(from);
  const lookedUp = new Map<string, LookedUp>();
  const candidates = new Map(
    names.map(({ name, until }) => {
      const all = candidatesOf(name, file);
      return [name, all.includes(until) ? all.slice(0, all.indexOf(until) + 1) : all];
    }),
  );
  const asked = [...new Set([...candidates.values()].flat())];
  const questions = asked.map((name): DnsQuestion => ({ name, type: 'A' }));
  const resolve = async (protocol: DnsProtocol) => {
    for (const server of file.nameservers) {
      const answers = await askDns(testbed, host, { server, protocol, questions });
      if (answers.every(({ status }) => status === null || status === 'REFUSED' || status === 'SERVFAIL'))
        continue;
      for (const [name, tries] of candidates) {
        const tried = tries.flatMap((each) => answers.find((answer) => answer.name === each) ?? []);
        const found = tried.find((answer) => answer.status === 'NOERROR' && dataOf(answer, 'A').length > 0);
        lookedUp.set(`${protocol} ${name}`, { found: found ?? null, tried });
      }
      return;
    }
  };
  await Promise.all(DNS_PROTOCOLS.map(resolve));
  return lookedUp;
}

function wrongFile(
  network: Network,
  name: string,
  expected: string,
  wrong: WrongFile,
  found: string,
  observed = found,
): CheckFailure {
  const host = network.testbed.host(name);
  return new CheckFailure(expected, observed, { kind: 'resolver-file', host, wrong, found });
}
