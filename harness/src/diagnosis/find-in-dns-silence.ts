/** Why a DNS server is not heard: nobody listens, somebody drops, or its Service does not lead to it. */
import { interfaceWith } from '../probes/cable.ts';
import { captureWhile } from '../probes/capture.ts';
import { askDns, DNS_PORT, type DnsProtocol, ownQuestion } from '../probes/dns.ts';
import type { DnsSymptom } from '../probes/dns-symptom.ts';
import { takePorts } from '../probes/probe-ports.ts';
import type { NamedCause, Symptom } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import { dropperIn, rewriterIn, type SentAgain, sendAgain } from './find-in-filters.ts';
import { findOtherAddress } from './find-next-hop.ts';
import { rewriting } from './trace-rules.ts';

type Found = NamedCause | null;
type Explain = (symptom: Symptom) => Promise<Found>;

interface Unheard {
  readonly from: Host;
  readonly to: Host;
  readonly address: string;
  readonly protocol: DnsProtocol;
}

const ANY_ADDRESS = ['0.0.0.0', '*', '::'];

/** From the server outwards: its socket, its own pod, the way to the client, the Service. */
export async function explainDnsSilence(
  evidence: Evidence,
  { from, to, address, protocol }: DnsSymptom & { kind: 'dns-silent' },
  explain: Explain,
): Promise<Found> {
  const own = evidence.testbed.plan.pods[to.pod]?.address ?? address;
  const atServer = await findAtServer(evidence, to, own, protocol);
  if (atServer) return atServer;
  const elsewhere = await findOtherAddress(evidence, own);
  if (elsewhere) return elsewhere;
  const onTheWay = await explainUnreachable(evidence, { from, to, address: own, protocol }, explain);
  if (onTheWay || address === own) return onTheWay;
  return explainService(evidence, { from, to, address, protocol }, explain);
}

/** Asks once more, at the address of the server itself: a rule that drops it, or something else on the way. */
async function explainUnreachable(
  evidence: Evidence,
  { from, to, address, protocol }: Unheard,
  explain: Explain,
): Promise<Found> {
  const { answered, dropper } = await askOnTheWay(evidence, { from, to, address, protocol });
  if (answered || dropper) return dropper;
  const outcome = { kind: 'timeout', client: null, ttl: null } as const;
  return explain({ kind: 'no-answer', from, to, address, protocol, port: DNS_PORT, outcome });
}

/** Asks while the rules of every namespace that the question and its answer may pass are traced. */
async function askOnTheWay(
  evidence: Evidence,
  { from, to, address, protocol }: Unheard,
): Promise<{ readonly answered: boolean; readonly dropper: Found }> {
  const { plan } = evidence.testbed;
  const routers = Object.keys(plan.nodes).filter((node) => plan.nodes[node]?.podCidr === null);
  const nodes = [from.node, ...routers, to.node].map((node): Host => ({ node, pod: '' }));
  const hosts = [from, ...nodes, to].filter(
    (host, index, all) => all.findIndex((other) => hostName(other) === hostName(host)) === index,
  );
  const { answered, seen } = await askAgain(evidence, hosts, { from, address, protocol }, ANSWERED_MS);
  return { answered, dropper: answered ? null : dropperIn(seen) };
}

async function findAtServer(
  evidence: Evidence,
  to: Host,
  own: string,
  protocol: DnsProtocol,
): Promise<Found> {
  const server = hostName(to);
  const [here, other] = await Promise.all([
    listening(evidence, to, protocol),
    listening(evidence, to, protocol === 'udp' ? 'tcp' : 'udp'),
  ]);
  const name = `${protocol.toUpperCase()} port ${DNS_PORT}`;
  if (here.length === 0) {
    const half = other.length > 0 ? `, though somebody does on the other of UDP and TCP` : '';
    return cause('no-listener', to, `nobody listens on ${name} in ${server}${half}`);
  }
  if (!here.some((each) => ANY_ADDRESS.includes(each) || each === own)) {
    const text = `the server in ${server} listens at ${here.join(' and ')} alone, not at ${own}`;
    return cause('dns-other-address', to, text);
  }
  // What the way to it tells at once would be waited for here.
  if (interfaceWith(await evidence.interfaces(to), own) === null) return null;
  // A host reaches itself by lo. A server may only be slow: that it has said something else than an answer is the proof.
  const asked = Promise.withResolvers<AskedAgain>();
  const said = await captureWhile(
    evidence.testbed,
    { host: to, device: 'lo' },
    `${protocol} and src port ${DNS_PORT}${protocol === 'tcp' ? ' and tcp[tcpflags] & tcp-push != 0' : ''}`,
    async () => asked.resolve(await askAgain(evidence, [to], { from: to, address: own, protocol })),
    () => true,
    0,
  );
  const { answered, seen } = await asked.promise;
  if (answered) return null;
  const dropped = dropperIn(seen) ?? rewriterIn(seen, 'dnat');
  if (dropped || said.length === 0) return dropped;
  const text = `somebody listens on ${name} in ${server}, and gives no answer that a resolver takes`;
  return cause('dns-answer-invalid', to, text);
}

/** The server answers at its own address, and not at that of its Service. */
async function explainService(
  evidence: Evidence,
  { from, address, protocol }: Unheard,
  explain: Explain,
): Promise<Found> {
  const { plan } = evidence.testbed;
  const [service, planned] =
    Object.entries(plan.services).find(([, { clusterIp }]) => clusterIp === address) ?? [];
  const port = planned?.ports.find(
    (each) => each.port === DNS_PORT && each.protocol.toLowerCase() === protocol,
  );
  if (!service || !port) return null;
  const wrong = { what: 'unanswered', outcome: 'timeout', count: 1, asked: 1, answered: [] } as const;
  const found = await explain({ kind: 'service', from, service, address, port, wrong });
  if (found) return found;
  const hosts: Host[] = [from, { node: from.node, pod: '' }];
  const { seen } = await askAgain(evidence, hosts, { from, address, protocol }, ANSWERED_MS);
  if (seen.rules.some(([, met]) => rewriting(met, 'dnat').length > 0)) return null;
  const text = `no rule on ${from.node} translates ${address}:${DNS_PORT}/${protocol.toUpperCase()} for ${hostName(from)}`;
  return cause('no-dnat', { node: from.node, pod: '' }, text);
}

interface AskedAgain {
  readonly answered: boolean;
  readonly seen: SentAgain;
}

/** Enough for an answer on one machine; where it is not, the search goes on and finds no proof. */
const ANSWERED_MS = 400;
/** dig gives up by itself after a second. */
const SILENT_MS = 2_000;

/** Asks from a port of its own, while the rules are traced. */
async function askAgain(
  evidence: Evidence,
  hosts: readonly Host[],
  { from, address, protocol }: Omit<Unheard, 'to'>,
  deadlineMs = SILENT_MS,
): Promise<AskedAgain> {
  const { testbed } = evidence;
  const ports = takePorts();
  let answered = false;
  const seen = await sendAgain(evidence, hosts, { addresses: [address], protocol, ports }, async () => {
    const [answer] = await askDns(testbed, from, {
      server: address,
      protocol,
      questions: [ownQuestion(testbed.plan.cluster.domain)],
      waitSeconds: 1,
      sourcePort: ports.first,
      deadlineMs,
    });
    answered = answer !== undefined && answer.status !== null;
    return ports;
  });
  return { answered, seen };
}

/** The addresses at which somebody in the namespace listens on port 53. */
async function listening({ testbed }: Evidence, host: Host, protocol: DnsProtocol): Promise<string[]> {
  const argv = ['ss', '-Hln', protocol === 'udp' ? '-u' : '-t', 'sport', '=', `:${DNS_PORT}`];
  const { stdout } = await testbed.probe(host, argv);
  return stdout.split('\n').flatMap((line) => {
    const local = /^\S+\s+\d+\s+\d+\s+(\S+):\d+\s/.exec(line)?.[1];
    return local ? [local.replace(/^\[|\]$|%.*$/g, '')] : [];
  });
}
