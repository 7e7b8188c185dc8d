/** What an answer says that is not the one hoped for: a refusal, an ICMP error, an answer from a stranger. */
import type { NamedCause } from '../../probes/symptom.ts';
import type { Host } from '../../testbed/host.ts';
import { cause, type Evidence } from '../evidence.ts';
import { explainOwnNetwork } from '../find-no-route.ts';
import { describeRule, rewriting } from '../trace-rules.ts';
import { isSameHost, type Knowledge } from './explain-steps.ts';
import { takenPort } from './find-deviations.ts';
import { findByCounters } from './find-loss.ts';
import { ownerIn } from './find-target.ts';
import type { Step } from './follow-packet.ts';
import type { Asked, Followed } from './make-walk.ts';
import type { Missing } from './missing.ts';

/** Refused where it arrived: nobody listens there, or something else refuses in his place. */
export async function explainRefusal(
  known: Knowledge,
  evidence: Evidence,
  missing: Missing,
  { way }: Followed,
): Promise<NamedCause[]> {
  const end = way.at(-1);
  if (!end) return [];
  const { host } = end.sighting;
  const { protocol, destinationPort, id } = end.packet;
  const stolen = rewriting(
    known.metIn(host).filter(({ packet }) => packet?.id === id),
    'dnat',
  )[0];
  if (stolen) return [cause('dnat-on-pod-traffic', host, `${describeRule(stolen)} sends it elsewhere`)];
  const planned = ownerIn(evidence, end.packet.destination);
  if (planned && !isSameHost(planned, host) && known.scene.isOwn(host, end.packet.destination)) {
    const text = `${known.scene.nameOf(host)} has ${end.packet.destination} too, the address of ${known.scene.nameOf(planned)}, and takes what is for it`;
    return [cause('duplicate-address', host, text)];
  }
  const kind = protocol === UDP ? 'UDP' : 'TCP';
  const argv = ['ss', '-Hln', protocol === UDP ? '-u' : '-t', 'sport', '=', `:${destinationPort}`];
  const { exitCode, stdout } = await evidence.testbed.probe(host, argv);
  const name = known.scene.nameOf(host);
  const listens = localAddresses(stdout).filter((each) => !/^127\.|^::1$/.test(each) || end.packet.destination.startsWith('127.')); // biome-ignore format: one condition
  if (exitCode === 0 && listens.length === 0) {
    const elsewhere = localAddresses(stdout);
    const but = elsewhere.length > 0 ? `: somebody does at ${elsewhere.join(' and ')} alone` : '';
    const text = `nobody in ${name} listens on ${kind} port ${destinationPort} of ${end.packet.destination}${but}`;
    return [cause('no-listener', host, text)];
  }
  // Somebody listens: what refuses is no socket.
  const counted = await findByCounters(known, evidence, missing, host);
  return counted ? [counted] : [];
}

const UDP = 17;

/** The addresses of `ss -Hln`: `0.0.0.0`, `*`, `::`, `127.0.0.1` ... */
function localAddresses(printed: string): string[] {
  return printed.split('\n').flatMap((line) => {
    const local = /^\S+\s+\d+\s+\d+\s+(\S+):\d+\s/.exec(line)?.[1];
    return local ? [local.replace(/^\[|\]$|%.*$/g, '')] : [];
  });
}

/** Who gave a packet another destination on its way; null where nobody did. */
function translatorOf(way: readonly Step[]): Host | null {
  const [first] = way;
  const translated = way.find(({ packet }) => packet.destination !== first?.packet.destination);
  return translated?.sighting.host ?? null;
}

/** The answer came, and its asker did not take it for one. */
export async function explainStranger(
  known: Knowledge,
  evidence: Evidence,
  { from, address, target: { port } }: Asked,
  request: Followed | undefined,
  { way }: Followed,
): Promise<NamedCause[]> {
  const end = way.at(-1);
  if (!end || end.packet.source === address) return [];
  const translator = translatorOf(request?.way ?? []);
  if (
    translator &&
    translator.node !== from.node &&
    way.every(({ sighting }) => sighting.host.node !== translator.node)
  ) {
    // biome-ignore format: one condition
    const { node } = translator;
    const taken = takenPort(known.testbed.plan, { address, port }, end.packet.source);
    if (taken) return [taken];
    const text = `${node} sends what is for ${address} to ${end.packet.source} and leaves the sender's address as it is, so that the answer goes past ${node}, and comes from ${end.packet.source}`;
    return [cause('masquerade-missing', { node, pod: '' }, text)];
  }
  const node: Host = { node: from.node, pod: '' };
  const bridged =
    way.every(({ sighting }) => sighting.host.node === from.node) && way[0]?.packet.ttl === end.packet.ttl;
  if (bridged && (await evidence.setting(node, 'net/bridge/bridge-nf-call-iptables')) === '0') {
    const text = `the answer comes from ${end.packet.source} and not from ${address}: it was bridged in ${from.node}, where frames do not pass netfilter (bridge-nf-call-iptables is 0), so nobody put the address back`;
    return [cause('bridge-netfilter-off', node, text)];
  }
  const text = `the answer comes from ${end.packet.source}, and ${known.scene.nameOf(from)} had asked ${address}: nobody on the way back put the address back`;
  return [cause('answer-from-stranger', from, text)];
}

/** Somebody said by ICMP that it cannot pass the packet on. */
export async function explainError(
  known: Knowledge,
  evidence: Evidence,
  missing: Missing,
  { way }: Followed,
  lost: Followed,
): Promise<NamedCause[]> {
  const [first] = way;
  if (!first?.packet.icmp) return [];
  const { host } = first.sighting;
  const name = known.scene.nameOf(host);
  const { type, code, mtu } = first.packet.icmp;
  if (type === 3 && code === 3) return explainRefusal(known, evidence, missing, lost);
  if (type === 3 && code === 4) {
    const text = `${name} says that only ${mtu} bytes fit on the way; this packet is larger`;
    return [cause('mtu-mismatch', host, text)];
  }
  if (type === 11) {
    const unrooted = findUnrooted(known, evidence, lost);
    if (unrooted) return [unrooted];
    // A router takes one; whoever takes more has set it, and is not who notices that there is none left.
    if (lost.way.some(({ packet }, index) => ttlOf(lost.way[index - 1]) - packet.ttl > 1)) return [];
    return [cause('routing-loop', host, `the TTL ran out in ${name}: the packet goes round in circles`)];
  }
  return [];
}

function ttlOf(step: Followed['way'][number] | undefined): number {
  return step?.packet.ttl ?? 0;
}

/** A packet that comes to its pod's node goes round because that node has lost the route to its pods. */
function findUnrooted(known: Knowledge, evidence: Evidence, { way }: Followed): NamedCause | null {
  const destination = way.at(-1)?.packet.destination ?? '';
  const owner = ownerIn(evidence, destination);
  if (!owner?.pod) return null;
  const node: Host = { node: owner.node, pod: '' };
  return explainOwnNetwork(evidence, node, known.scene.interfacesOf(node), destination);
}
