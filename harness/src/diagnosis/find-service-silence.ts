/** Why a client of a Service gets no answer: not translated, translated wrongly, or lost after that. */
import { interfaceWith } from '../probes/cable.ts';
import type { Flow } from '../probes/flows.ts';
import type { OutcomeKind } from '../probes/reach.ts';
import type { ServiceAsked } from '../probes/service-symptom.ts';
import type { NamedCause } from '../probes/symptom.ts';
import { type Host, hostName } from '../testbed/host.ts';
import { cause, type Evidence } from './evidence.ts';
import { findReversePath } from './find-at-receiver.ts';
import { findOneWay } from './find-between-nodes.ts';
import { dropperIn } from './find-in-filters.ts';
import { explainNoRoute } from './find-no-route.ts';
import { findOneWayOnNode, findOnPath } from './find-on-path.ts';
import {
  askAgain,
  describePort,
  explainOtherTarget,
  explainStranger,
  findWrongTarget,
  nodeOf,
} from './find-service.ts';
import { findBypassingBridge, findHairpin } from './find-service-on-bridge.ts';
import { findUntranslated } from './find-service-untranslated.ts';
import { addressesOf, flowsOf, serviceOf, sortFlows } from './service-flows.ts';
import { chainsNaming, readRules } from './service-rules.ts';

type Found = NamedCause | null;

export async function findServiceSilence(
  evidence: Evidence,
  asked: ServiceAsked,
  outcome: OutcomeKind,
): Promise<Found> {
  const { from, address } = asked;
  const route = await evidence.route(from, address);
  if (route.kind === 'none') {
    return explainNoRoute(evidence, from, await evidence.interfaces(from), address, route.error);
  }
  if (outcome === 'wrong-server') {
    const text = `what answers ${hostName(from)} at ${describePort(asked)} is no endpoint of ${asked.service}, but somebody else`;
    return cause('wrong-server', from, text);
  }
  const flows = sortFlows(await flowsOf(evidence, asked), evidence, asked);
  const [stranger] = flows.toStrangers;
  if (stranger) return explainStranger(evidence, asked, targetOf(stranger));
  const [elsewhere] = flows.toOtherPorts;
  if (elsewhere) return explainOtherTarget(evidence, asked, targetOf(elsewhere));
  const translated = flows.answered.length + flows.lost.length;
  if (flows.untranslated.length > 0 && translated > 0) {
    const node = nodeOf(from);
    const all = flows.untranslated.length + translated;
    const text = `${node.node} left ${flows.untranslated.length} of ${all} connections to ${describePort(asked)} untranslated: none of its rules took them`;
    return cause('last-rule-conditional', node, text);
  }
  if (flows.untranslated.length > 0) return findUntranslated(evidence, asked);

  const isUnseen = translated === 0;
  // Where nothing is translated nothing is tracked either: that no flow is seen says nothing of the way there.
  if (isUnseen && chainsNaming(await readRules(evidence, nodeOf(from)), address).length === 0)
    return findUntranslated(evidence, asked);
  const before = isUnseen ? await findLostBeforeNode(evidence, from, address) : null;
  if (before) return before;

  const answering = new Set(flows.answered.map(({ answers }) => answers));
  // Who refuses was reached: by what rules is the question, not by what way.
  const refused = outcome === 'refused' || outcome === 'reset';
  if (refused) return (await findByRules(evidence, asked, answering)) ?? findNoListener(evidence, asked);
  for (const [endpoint, host] of addressesOf(evidence, serviceOf(evidence, asked))) {
    const lost = flows.lost.find(({ answers }) => answers === endpoint);
    if (!lost && answering.has(endpoint)) continue;
    const found = await findLostBetween(evidence, asked, host, endpoint, lost);
    // A bridge that keeps its packets from netfilter hides no answer where none was given.
    const dropped =
      found?.id === 'bridge-netfilter-off' ? await findByRules(evidence, asked, answering) : null;
    if (dropped ?? found) return dropped ?? found;
  }
  const found = await findByRules(evidence, asked, answering);
  return found ?? (isUnseen ? findUntranslated(evidence, asked) : null);
}

/** The rules that packets to the Service meet, where not all endpoints answer: one that drops them, or leads elsewhere. */
async function findByRules(
  evidence: Evidence,
  asked: ServiceAsked,
  answering: ReadonlySet<string>,
): Promise<Found> {
  const silent = serviceOf(evidence, asked).endpoints.filter(
    (pod) => !answering.has(evidence.testbed.plan.pods[pod]?.address ?? ''),
  );
  const seen = await askAgain(evidence, asked, silent);
  // A flow whose first answer is a refusal is gone from the table at once (nf_conntrack_proto_tcp.c), and one that waits
  // behind a bridge for an answer by ARP is not in it yet (br_netfilter): the rules tell of those.
  return dropperIn(seen) ?? findWrongTarget(evidence, asked, seen);
}

/** Who translates has to get the packet first. That the node has no route to a ClusterIP is as it should be. */
async function findLostBeforeNode(evidence: Evidence, from: Host, address: string): Promise<Found> {
  const found = from.pod ? await findOneWayOnNode(evidence, from, nodeOf(from), address) : null;
  return found?.id === 'no-route' && found.where === from.node ? null : found;
}

/** Why an endpoint does not answer, or is not reached. `lost` is a flow to it without an answer, where there is one. */
async function findLostBetween(
  evidence: Evidence,
  asked: ServiceAsked,
  endpoint: Host,
  address: string,
  lost: Flow | undefined,
): Promise<Found> {
  const { from } = asked;
  if (hostName(from) === hostName(endpoint)) return findHairpin(evidence, asked, lost);
  const bypassed = lost
    ? await findBypassingBridge(evidence, asked, endpoint, lost.returnsTo !== lost.source)
    : null;
  if (bypassed) return bypassed;
  const there = await (from.node === endpoint.node ? findOnPath : findOneWay)(
    evidence,
    from,
    endpoint,
    address,
  );
  if (there || from.node === endpoint.node) return there;
  const own = evidence.testbed.plan.pods[from.pod]?.address;
  const returnsTo = lost?.returnsTo ?? own;
  if (!returnsTo) return null;
  const receiver = returnsTo === own ? from : nodeOf(from);
  if (!receiver.pod && interfaceWith(await evidence.interfaces(receiver), returnsTo) === null) {
    const text = `${receiver.node} makes ${returnsTo} of the sender ${lost?.source}, which is no address of ${receiver.node}: the answer does not come back to it`;
    return cause('masquerade-wrong-address', receiver, text);
  }
  const back = await findOneWay(evidence, endpoint, receiver, returnsTo);
  if (back || receiver.pod) return back;
  const incoming = interfaceWith(await evidence.interfaces(receiver), returnsTo);
  return incoming ? findReversePath(evidence, receiver, incoming.name, address) : null;
}

/** Nobody listens where the rules lead to. */
async function findNoListener(evidence: Evidence, asked: ServiceAsked): Promise<Found> {
  const states = await evidence.testbed.standApps();
  for (const pod of serviceOf(evidence, asked).endpoints) {
    const state = states.get(`pod/${pod}`);
    const host = evidence.testbed.host(`pod/${pod}`);
    if (state?.kind === 'gone') return cause('no-namespace', host, `pod ${pod} has no network namespace`);
    if (state?.kind === 'taken') {
      const text = `another program listens on port ${state.port} in pod ${pod}, so its server cannot`;
      return cause('no-listener', host, text);
    }
  }
  return null;
}

function targetOf({ answers, answersFromPort }: Flow): string {
  return `${answers}:${answersFromPort}`;
}
