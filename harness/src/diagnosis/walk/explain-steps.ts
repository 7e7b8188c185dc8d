/** What happened to a packet between two stops: bridged, routed, rewritten, wrapped, carried over a cable. */
import type { Sighting } from '../../probes/capture-everywhere.ts';
import { type Host, hostName } from '../../testbed/host.ts';
import type { Testbed } from '../../testbed/testbed.ts';
import type { MetRule } from '../parse-met-rules.ts';
import { describeRule, rewriting } from '../trace-rules.ts';
import { portKey, type Step } from './follow-packet.ts';
import type { Scene } from './scene.ts';
import type { Happening } from './walk.ts';

/** What is known of a walk besides the steps themselves. */
export interface Knowledge {
  readonly testbed: Testbed;
  readonly scene: Scene;
  /** Everything that was captured, in order. */
  readonly sightings: readonly Sighting[];
  /** The rules that packets met in a namespace. */
  metIn(host: Host): readonly MetRule[];
}

/** Between two stops of one packet. */
export async function explainBetween(known: Knowledge, before: Step, after: Step): Promise<Happening[]> {
  const { scene } = known;
  const [from, to] = [before.sighting, after.sighting];
  const name = scene.nameOf(from.host);
  if (portKey(from) !== portKey(to) && !isSameHost(from.host, to.host)) {
    if (scene.isUplink(from.host, from.device)) {
      const network =
        known.testbed.plan.nodes[from.host.node]?.interfaces[from.device]?.network ?? 'the network';
      return [{ kind: 'cable', host: name, text: `over ${network} to ${scene.nameOf(to.host)}` }];
    }
    return [
      { kind: 'cable', host: name, text: `through the cable to ${to.device} in ${scene.nameOf(to.host)}` },
    ];
  }
  const happened: Happening[] = [];
  const say = (kind: Happening['kind'], text: string) => happened.push({ kind, host: name, text });
  happened.push(...explainArp(known, from.host, from.atNs, to.atNs));
  if (before.outer && !after.outer) {
    say(
      'decapsulated',
      `unwrapped by ${to.device}: VNI ${vniOf(before)}, from the tunnel end ${before.outer.source}`,
    );
  }
  const rewritten = explainRewriting(known, before, after);
  happened.push(...rewritten.filter(({ kind }) => kind === 'dnat'));
  const bridge = scene.bridgeOf(to.host, to.device);
  const [outerBefore, outerAfter] = [before.outer ?? before.packet, after.outer ?? after.packet];
  const wrapped = before.outer !== null && after.outer !== null;
  const routed = wrapped ? outerBefore.ttl > outerAfter.ttl : before.packet.ttl > after.packet.ttl;
  if (routed) say('routed', `routed by ${await routeText(known, before, after)}`);
  else if (
    bridge !== null &&
    to.direction === 'out' &&
    (scene.bridgeOf(from.host, from.device) === bridge || from.device === bridge)
  ) {
    say('bridged', `bridged by ${bridge}: ${after.sighting.frame.destinationMac} is behind ${to.device}`);
  } else if (scene.bridgeOf(from.host, from.device) === to.device) {
    say('bridged', `the frame is for ${name} itself: its bridge ${to.device} takes it`);
  }
  happened.push(...rewritten.filter(({ kind }) => kind === 'snat'));
  if (!before.outer && after.outer) {
    const end = scene.ownersOf(after.outer.destination)[0];
    const whose = end ? ` of ${scene.nameOf(end)}` : '';
    say(
      'encapsulated',
      `wrapped in VXLAN, VNI ${vniOf(after)}, for the tunnel end ${after.outer.destination}${whose}`,
    );
  }
  if ((after.outer ?? after.packet).moreFragments && !(before.outer ?? before.packet).moreFragments) {
    say('fragmented', `cut into fragments: it does not fit the MTU of ${to.device}`);
  }
  return happened;
}

/** What the sender did before the packet was seen first. */
export async function explainBeginning(
  known: Knowledge,
  first: Step,
  asked: { readonly address: string; readonly port: number } | null,
): Promise<Happening[]> {
  const { host, device, atNs } = first.sighting;
  const name = known.scene.nameOf(host);
  const begun: Happening[] = [];
  const { packet } = first;
  if (asked && (packet.destination !== asked.address || (packet.destinationPort ?? 0) !== asked.port)) {
    const rule = findRule(known, host, packet.id, 'dnat');
    const text = `${asked.address}:${asked.port} becomes ${endOf(packet.destination, packet.destinationPort)}${rule}`;
    begun.push({ kind: 'dnat', host: name, text });
  }
  if (device !== 'lo') {
    const route = await matchedRoute(known, host, packet.destination, null, null);
    begun.push({ kind: 'routed', host: name, text: `routed by ${route}` });
  }
  const source = findRule(known, host, packet.id, 'snat');
  if (source)
    begun.push({
      kind: 'snat',
      host: name,
      text: `leaves as ${endOf(packet.source, packet.sourcePort)}${source}`,
    });
  return [...begun, ...explainArp(known, host, known.sightings[0]?.atNs ?? 0n, atNs)];
}

/** Who was asked by ARP in a host meanwhile, and who answered. */
export function explainArp(known: Knowledge, host: Host, fromNs: bigint, toNs: bigint): Happening[] {
  const name = known.scene.nameOf(host);
  const happened: Happening[] = [];
  const told = new Set<string>();
  for (const sighting of known.sightings) {
    if (!isSameHost(sighting.host, host) || sighting.atNs < fromNs || sighting.atNs > toNs) continue;
    const { arp } = sighting.frame;
    if (!arp) continue;
    const own = known.scene.interfacesOf(host).some(({ mac }) => mac === arp.senderMac);
    if (arp.kind === 'request' && sighting.direction === 'out' && own) {
      if (told.has(`asked ${arp.targetAddress}`)) continue;
      told.add(`asked ${arp.targetAddress}`);
      happened.push({
        kind: 'arp-asked',
        host: name,
        text: `asks by ARP on ${sighting.device}: who has ${arp.targetAddress}?`,
      });
    }
    if (arp.kind === 'reply' && sighting.direction === 'in' && told.has(`asked ${arp.senderAddress}`)) {
      if (told.has(`answered ${arp.senderAddress}`)) continue;
      told.add(`answered ${arp.senderAddress}`);
      happened.push({
        kind: 'arp-answered',
        host: name,
        text: `is told: ${arp.senderAddress} is at ${arp.senderMac}`,
      });
    }
  }
  return happened;
}

function explainRewriting(known: Knowledge, before: Step, after: Step): Happening[] {
  const [was, is] = [before.packet, after.packet];
  const { host } = before.sighting;
  const name = known.scene.nameOf(host);
  const happened: Happening[] = [];
  if (was.destination !== is.destination || was.destinationPort !== is.destinationPort) {
    const rule = findRule(known, host, was.id, 'dnat') || ', as conntrack remembers it';
    const text = `destination ${endOf(was.destination, was.destinationPort)} becomes ${endOf(is.destination, is.destinationPort)}${rule}`;
    happened.push({ kind: 'dnat', host: name, text });
  }
  if (was.source !== is.source || was.sourcePort !== is.sourcePort) {
    const rule = findRule(known, host, was.id, 'snat') || ', as conntrack remembers it';
    const text = `source ${endOf(was.source, was.sourcePort)} becomes ${endOf(is.source, is.sourcePort)}${rule}`;
    happened.push({ kind: 'snat', host: name, text });
  }
  return happened;
}

/** `, by the rule "..." in chain ...`; empty where no rule of this host rewrote the packet. */
function findRule(known: Knowledge, host: Host, id: number, side: 'snat' | 'dnat'): string {
  const met = known.metIn(host).filter(({ packet }) => packet !== null && packet.id === id);
  const rule = rewriting(met, side).at(-1);
  return rule ? `, by ${describeRule(rule)}` : '';
}

function routeText(known: Knowledge, before: Step, after: Step): Promise<string> {
  const { host, device } = before.sighting;
  const incoming = known.scene.bridgeOf(host, device) ?? device;
  // NAT of the destination comes before the route is chosen, NAT of the source after (man 8 iptables).
  const [was, is] = before.outer && after.outer ? [before.outer, after.outer] : [before.packet, after.packet];
  return matchedRoute(known, host, is.destination, was.source, incoming);
}

async function matchedRoute(
  { testbed }: Knowledge,
  host: Host,
  destination: string,
  source: string | null,
  incoming: string | null,
): Promise<string> {
  const from = source !== null && incoming !== null ? ['from', source, 'iif', incoming] : [];
  const { exitCode, stdout } = await testbed.probe(host, [
    'ip',
    '-o',
    'route',
    'get',
    'fibmatch',
    destination,
    ...from,
  ]);
  const route = stdout
    .trim()
    .replace(/\s*\\\s*/g, ' ')
    .replace(/ +/g, ' ');
  return exitCode === 0 && route ? `"${route}"` : 'a route that is gone by now';
}

function vniOf({ sighting }: Step): number | string {
  return sighting.frame.ip?.vxlan?.vni ?? '?';
}

export function endOf(address: string, port: number | null): string {
  return port === null ? address : `${address}:${port}`;
}

export function isSameHost(a: Host, b: Host): boolean {
  return a.node === b.node && hostName(a) === hostName(b);
}
