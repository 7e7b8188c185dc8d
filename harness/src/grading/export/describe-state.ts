/**
 * The commands that would build what stands: namespaces, interfaces, addresses, routes, neighbours, forwarding and
 * iptables rules. What the lab began with is taken away by comparing with a testbed that is still at its start.
 */
import type { Host } from '../../testbed/host.ts';
import type { Testbed } from '../../testbed/testbed.ts';
import type { Block } from './write-skeleton.ts';

/** Of `ip -j -d address`, what a command can set. */
interface Link {
  readonly ifindex?: number;
  readonly ifname?: string;
  readonly link_index?: number;
  /** There where the other end is in another namespace. */
  readonly link_netnsid?: number;
  readonly address?: string;
  readonly mtu?: number;
  readonly master?: string;
  readonly flags?: readonly string[];
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: Vxlan };
  readonly addr_info?: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}

interface Vxlan {
  readonly id?: number;
  readonly port?: number;
  readonly local?: string;
  readonly link?: string;
  readonly learning?: boolean;
}

interface Route {
  readonly dst?: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly protocol?: string;
  readonly flags?: readonly string[];
}

interface Entry {
  readonly dst?: string;
  readonly dev?: string;
  readonly ifname?: string;
  readonly mac?: string;
  readonly lladdr?: string;
  readonly state?: string | readonly string[];
}

const USUAL_MTU = 1500;

/** Nodes first: a pod's cable begins there. */
export async function describeState(testbed: Testbed, start: Testbed): Promise<Block[]> {
  const [now, before] = await Promise.all([describeHosts(testbed), describeHosts(start)]);
  return now.flatMap(({ host, lines }) => {
    const known = new Set(before.find((other) => other.host === host)?.lines);
    const added = lines.filter((line) => !known.has(line));
    return added.length > 0 ? [{ host, lines: added }] : [];
  });
}

async function describeHosts(testbed: Testbed): Promise<Block[]> {
  const nodes = await Promise.all(testbed.nodes.map((node) => describeNode(testbed, node)));
  return [...nodes.map(({ block }) => block), ...nodes.flatMap(({ pods }) => pods)];
}

async function describeNode(
  testbed: Testbed,
  node: string,
): Promise<{ block: Block; pods: readonly Block[] }> {
  const host = { node, pod: '' };
  const names = (await textOf(testbed, host, ['ls', '/run/netns'])).split('\n').filter(Boolean);
  const spaces = await Promise.all(
    names.map(async (pod) => {
      const links = await jsonOf<Link>(testbed, { node, pod }, ['ip', '-j', '-d', 'address']);
      const name = testbed.pods.includes(pod) ? `pod/${pod}` : `${node}/${pod}`;
      return { pod, links, block: { host: name, lines: await describeSpace(testbed, { node, pod }, links) } };
    }),
  );
  const links = await jsonOf<Link>(testbed, host, ['ip', '-j', '-d', 'address']);
  const lines = [
    ...names.map((name) => `ip netns add ${name}`),
    ...links
      .filter(({ ifname = '' }) => !(ifname in (testbed.plan.nodes[node]?.interfaces ?? {})))
      .flatMap((link) => describeCreation(link, links, spaces)),
    ...(await describeSpace(testbed, host, links)),
  ];
  return { block: { host: node, lines }, pods: spaces.map(({ block }) => block) };
}

function describeCreation(
  link: Link,
  links: readonly Link[],
  spaces: readonly { readonly pod: string; readonly links: readonly Link[] }[],
): string[] {
  const { ifname = '', linkinfo } = link;
  const joins = (other: Link) => other.link_index === link.ifindex && other.ifindex === link.link_index;
  const whole = link.link_netnsid === undefined;
  switch (linkinfo?.info_kind) {
    case 'bridge':
      return [`ip link add ${ifname} type bridge`];
    case 'vxlan': {
      const { id, port, local, link: device, learning } = linkinfo.info_data ?? {};
      const words = [
        `id ${id}`,
        ...(local ? [`local ${local}`] : []),
        ...(device ? [`dev ${device}`] : []),
        `dstport ${port}`,
        ...(learning === false ? ['nolearning'] : []),
      ];
      // Other nodes name it by its MAC address.
      return [`ip link add ${ifname} address ${link.address} type vxlan ${words.join(' ')}`];
    }
    case 'veth': {
      if (whole) {
        const here = links.find(joins);
        const second = (here?.ifindex ?? 0) > (link.ifindex ?? 0);
        return here && second ? [`ip link add ${ifname} type veth peer name ${here.ifname}`] : [];
      }
      for (const { pod, links: inside } of spaces) {
        const end = inside.find((other) => other.link_netnsid !== undefined && joins(other));
        if (end) return [`ip link add ${ifname} type veth peer name ${end.ifname} netns ${pod}`];
      }
      return [];
    }
    default:
      return linkinfo?.info_kind && ifname !== 'lo'
        ? [`# ${ifname} is a ${linkinfo.info_kind}: make it here`]
        : [];
  }
}

async function describeSpace(testbed: Testbed, host: Host, links: readonly Link[]): Promise<string[]> {
  const [routes, neighbours, fdb, forwarding, rules] = await Promise.all([
    jsonOf<Route>(testbed, host, ['ip', '-j', '-4', 'route']),
    jsonOf<Entry>(testbed, host, ['ip', '-j', '-4', 'neigh', 'show', 'nud', 'permanent']),
    jsonOf<Entry>(testbed, host, ['bridge', '-j', 'fdb']),
    textOf(testbed, host, ['cat', '/proc/sys/net/ipv4/ip_forward']),
    textOf(testbed, host, ['iptables-save']),
  ]);
  const remote = fdb.filter(({ dst }) => dst !== undefined);
  return [
    ...(forwarding.trim() === '1' ? ['sysctl -w net.ipv4.ip_forward=1'] : []),
    ...links.flatMap(describeLink),
    ...neighbours.map(
      ({ dst, lladdr, dev }) => `ip neigh replace ${dst} lladdr ${lladdr} dev ${dev} nud permanent`,
    ),
    ...remote.map(
      ({ mac, dst, ifname }) => `bridge fdb append ${mac} dev ${ifname} dst ${dst} self permanent`,
    ),
    ...routes.flatMap(describeRoute),
    ...describeRules(rules),
  ];
}

function describeLink({ ifname = '', mtu, master, flags = [], addr_info = [] }: Link): string[] {
  return [
    ...(mtu !== undefined && mtu !== USUAL_MTU && ifname !== 'lo'
      ? [`ip link set ${ifname} mtu ${mtu}`]
      : []),
    ...(master ? [`ip link set ${ifname} master ${master}`] : []),
    ...addr_info
      .filter(({ family, local }) => family === 'inet' && !(ifname === 'lo' && local === '127.0.0.1'))
      .map(({ local, prefixlen }) => `ip address add ${local}/${prefixlen} dev ${ifname}`),
    ...(flags.includes('UP') ? [`ip link set ${ifname} up`] : []),
  ];
}

/** Routes that the kernel makes by itself come with their addresses. */
function describeRoute({ dst, gateway, dev, protocol, flags = [] }: Route): string[] {
  if (protocol === 'kernel' || !dst) return [];
  const words = [dst, ...(gateway ? ['via', gateway] : []), ...(dev ? ['dev', dev] : [])];
  return [`ip route add ${words.join(' ')}${flags.includes('onlink') ? ' onlink' : ''}`];
}

/** One line for each rule, so that those of the start can be told from those of the learner. */
function describeRules(saved: string): string[] {
  let table = '';
  const lines: string[] = [];
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    const [, chain = '', policy] = /^:(\S+) (\S+)/.exec(line) ?? [];
    if (policy === '-') lines.push(`iptables -t ${table} -N ${chain}`);
    else if (policy === 'DROP') lines.push(`iptables -t ${table} -P ${chain} DROP`);
    if (line.startsWith('-A ')) lines.push(`iptables -t ${table} ${line}`);
  }
  return lines;
}

async function textOf(testbed: Testbed, host: Host, argv: readonly string[]): Promise<string> {
  const { exitCode, stdout } = await testbed.runAsLearner(host, argv);
  return exitCode === 0 ? stdout : '';
}

async function jsonOf<T>(testbed: Testbed, host: Host, argv: readonly string[]): Promise<T[]> {
  const text = await textOf(testbed, host, argv);
  return text.trim() === '' ? [] : (JSON.parse(text) as T[]);
}
