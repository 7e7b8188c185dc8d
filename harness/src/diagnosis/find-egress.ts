/** Why a pod gets no answer from outside the cluster, or is seen there by the wrong address. */
import { captureWhile, type Frame, type Packet } from '../probes/capture.ts';
import { takePorts } from '../probes/probe-ports.ts';
import type { NamedCause, Symptom } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import { findReversePath } from './find-at-receiver.ts';
import { findOneWay } from './find-between-nodes.ts';
import { dropperIn, type Resent, resend, rewriterIn, type SentAgain, sendAgain } from './find-in-filters.ts';
import { describeRule, rewriting } from './trace-rules.ts';

type Found = NamedCause | null;

/** A capture has seen a packet when this much time has passed since it was sent. */
const SETTLE_MS = 60;

/** Whether a host is outside the cluster: no node, no pod. */
export function isOutside({ testbed }: Evidence, host: Host): boolean {
  return host.pod === '' && testbed.plan.nodes[host.node]?.podCidr === null;
}

/** Why a host of the cluster gets no answer from a host outside. */
export async function findSilenceOutside(
  evidence: Evidence,
  from: Host,
  to: Host,
  address: string,
  resent: Resent,
): Promise<Found> {
  const there = await findOneWay(evidence, from, to, address);
  // Of an address that nobody has nothing is asked beyond the node (probes/expect-egress.ts): it ends at the router.
  const planned = Object.values(evidence.testbed.plan.nodes[to.node]?.interfaces ?? {});
  const isHis = planned.some((own) => own.address === address);
  if (there && (isHis || !isOutside(evidence, evidence.testbed.host(there.where)))) return there;
  const { seen, outside, sources, answered } = await watchLeaving(evidence, from, address, resent);
  const ruled = dropperIn(seen) ?? rewriterIn(seen, 'dnat');
  if (ruled) return ruled;
  const node: Host = { node: from.node, pod: '' };
  const turnedAway = dropperIn({ rules: outside, dropped: null });
  if (turnedAway && from.pod && (await turnsAway(evidence, node, address, resent))) return turnedAway;
  for (const source of sources) {
    const own = (await ownAddresses(evidence, from)).includes(source);
    const back = own ? await findOneWay(evidence, to, from, source) : null;
    // Outside the way to the pod is known, and nobody turns it away: then nothing has to masquerade it.
    if (own && back === null && turnedAway === null) continue;
    if (back && (await isForgotten(evidence, from, back))) return back;
    const wrong = await judgeSource(evidence, from, source, address, seen);
    if (wrong) return wrong;
  }
  if (turnedAway) return turnedAway;
  return answered ? findReversePath(evidence, node, uplinkOf(evidence, from), address) : null;
}

/** Whether the same from a node itself is turned away outside as well: then a masquerade would not help. */
async function turnsAway(evidence: Evidence, node: Host, address: string, resent: Resent): Promise<boolean> {
  const { outside } = await watchLeaving(evidence, node, address, resent);
  return dropperIn({ rules: outside, dropped: null }) !== null;
}

/**
 * A router outside that has routes to the pods of other nodes is one that is to know pods: then the route to these
 * pods is what is missing, and not a masquerade.
 */
async function isForgotten(evidence: Evidence, from: Host, back: NamedCause): Promise<boolean> {
  if (back.id !== 'no-route') return false;
  const { testbed } = evidence;
  const router = testbed.host(back.where);
  if (!isOutside(evidence, router)) return false;
  for (const [name, { podGateway, interfaces }] of Object.entries(testbed.plan.nodes)) {
    if (name === from.node || podGateway === null) continue;
    const route = await evidence.route(router, podGateway);
    const nodes = Object.values(interfaces).map(({ address }) => address);
    if (route.kind === 'unicast' && route.gateway !== null && nodes.includes(route.gateway)) return true;
  }
  return false;
}

/** Why a server outside sees a host of the cluster by another address than is wanted. */
export async function explainSeenAs(
  evidence: Evidence,
  symptom: Symptom & { kind: 'seen-as' },
): Promise<Found> {
  const { from, address, protocol, port, seen, wanted } = symptom;
  const { seen: rules } = await watchLeaving(evidence, from, address, { protocol, port });
  const own = await ownAddresses(evidence, from);
  // The pod is to be seen by its own address: whatever rewrites it is the cause.
  if (own.includes(wanted)) return rewriterIn(rules, 'snat');
  if (own.includes(seen)) return noMasquerade(from, seen, address, ', and that is seen outside');
  return judgeSource(evidence, from, seen, address, rules);
}

/** Sends again, and looks at the rules on the way and at what leaves the node by the underlay. */
async function watchLeaving(
  evidence: Evidence,
  from: Host,
  address: string,
  resent: Resent,
): Promise<{ seen: SentAgain; outside: SentAgain['rules']; sources: string[]; answered: boolean }> {
  const { testbed } = evidence;
  const node: Host = { node: from.node, pod: '' };
  const world = testbed.nodes.map((name): Host => ({ node: name, pod: '' }));
  const hosts = [...(from.pod ? [from, node] : [node]), ...world.filter((host) => isOutside(evidence, host))];
  const { protocol } = resent;
  const ports = takePorts();
  let frames: Frame[] = [];
  // A rule that drops it ends no wait: what left the node is wanted too.
  const seen = await sendAgain(evidence, hosts, { addresses: [address], protocol }, async () => {
    let sentFrom = ports;
    frames = await captureWhile(
      testbed,
      { port: `${from.node}-${uplinkOf(evidence, from)}` },
      `${protocol} and host ${address}`,
      async () => {
        sentFrom = await resend(evidence, from, address, resent, ports);
      },
      () => false,
      SETTLE_MS,
    );
    return sentFrom;
  });
  const packets = frames.flatMap(({ packet }) => packet ?? []);
  const sent = packets.filter((packet) => packet.destination === address && seen.probe.has(packet));
  const ofWorld = ([host]: SentAgain['rules'][number]) => isOutside(evidence, host);
  return {
    seen: { ...seen, rules: seen.rules.filter((each) => !ofWorld(each)) },
    outside: seen.rules.filter(ofWorld),
    sources: [...new Set(sent.map(({ source }) => source))],
    answered: packets.some((packet) => packet.source === address && sent.some(isAnsweredBy(packet))),
  };
}

/** To whom a packet goes by its address and port; of a ping its id tells as much. */
function isAnsweredBy(answer: Packet): (sent: Packet) => boolean {
  return (sent) =>
    answer.destination === sent.source &&
    answer.destinationPort === sent.sourcePort &&
    answer.icmpId === sent.icmpId;
}

/** What is wrong with the source address that a packet for the outside left the node with; null: nothing. */
async function judgeSource(
  evidence: Evidence,
  from: Host,
  source: string,
  address: string,
  { rules }: SentAgain,
): Promise<Found> {
  const node: Host = { node: from.node, pod: '' };
  const { interfaces = {} } = evidence.testbed.plan.nodes[from.node] ?? {};
  if (Object.values(interfaces).some((own) => own.address === source)) return null;
  if (from.pod && (await ownAddresses(evidence, from)).includes(source)) {
    return noMasquerade(from, source, address, ', which nobody outside answers');
  }
  for (const [host, met] of rules) {
    const [rule] = rewriting(met, 'snat');
    if (!rule) continue;
    const text = `${describeRule(rule)} gives the packet the source address ${source}, which is not ${from.node}'s on the underlay: the answer does not come back to ${from.node}`;
    return cause('snat-wrong-address', host, text);
  }
  const text = `packets for ${address} leave ${from.node} with the source address ${source}`;
  return cause('snat-wrong-address', node, text);
}

/** The node's interface on the underlay. */
function uplinkOf({ testbed }: Evidence, { node }: Host): string {
  return Object.keys(testbed.plan.nodes[node]?.interfaces ?? {})[0] ?? 'eth0';
}

/** A pod's packet left its node for the outside as it was. */
export function noMasquerade(from: Host, source: string, address: string, so: string): NamedCause {
  const text = `packets of ${hostName(from)} for ${address} leave ${from.node} with the pod's own address ${source}${so}`;
  return cause('no-masquerade', { node: from.node, pod: '' }, text);
}

async function ownAddresses(evidence: Evidence, host: Host): Promise<string[]> {
  const interfaces = await evidence.interfaces(host);
  return interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address));
}
