/** From bare containers to the start of a lab: networks, cables, addresses, kernel settings, pods. */
import { CommandError } from '../errors.ts';
import type { AddressPlan } from '../topology/plan.ts';
import type { Topology, TopologyNode } from '../topology/topology.ts';
import { standApps } from './apps.ts';
import { askMemory, type NodeInits } from './node-init.ts';
import type { FabricSession, Place } from './session.ts';

/**
 * What a node has beside what every namespace gets (harness/image/files/usr/lib/podwire/start-namespace). They
 * are those of kubeadm's preflight check.
 */
const NODE_SYSCTLS: readonly (readonly [string, number])[] = [
  ['net/bridge/bridge-nf-call-iptables', 1],
  ['net/bridge/bridge-nf-call-ip6tables', 1],
  ['net/bridge/bridge-nf-call-arptables', 0],
];

/** The bridges of the fabric are to have no address of any kind that a node could speak to. */
const WITHOUT_IPV6 =
  'for s in /proc/sys/net/ipv6/conf/all /proc/sys/net/ipv6/conf/default; do [ ! -e $s ] || echo 1 >$s/disable_ipv6; done';

/** All that is wired in the fabric: the kernel waits for all processors once for a group, not for each of its links. */
const FABRIC_GROUP = 1;

const WORLD_ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };

/** A command that wires takes some milliseconds; on a machine that is busy with a class, much longer. */
const COMMAND_ENDS_MS = 30_000;

/** Wires every node and brings it to the start. The nodes' worlds must be fresh. */
export async function wire(
  session: FabricSession,
  topology: Topology,
  plan: AddressPlan,
  inits: NodeInits,
): Promise<void> {
  const names = Object.keys(inits);
  await Promise.all(names.map((name) => askMemory(session, name, inits[name] ?? 0)));
  const printed = await must(session, { kind: 'fabric' }, 'the fabric', [
    '/usr/lib/podwire/agent',
    'world',
    ...names.map((name) => String(inits[name])),
  ]);
  const worlds = printed.trim().split('\n');
  await must(
    session,
    { kind: 'fabric' },
    'the fabric',
    ['sh', '-c', `${WITHOUT_IPV6}; exec ip -batch -`],
    networkCommands(plan, names, worlds),
  );
  await Promise.all(
    names.map((name) => startNode(session, plan, name, inits[name] ?? 0, topology.nodes[name])),
  );
  await standApps(session, plan, inits);
}

/** Takes down all bridges and cables of the fabric, with what checks have left there. */
export async function clearFabric(session: FabricSession): Promise<void> {
  // A cable whose other end goes at the same moment is gone before its turn comes: only what stays is wrong.
  const script =
    `ip link del group ${FABRIC_GROUP} 2>/dev/null; cd /sys/class/net; ` +
    'for link in *; do [ "$link" = lo ] || ip link del "$link" 2>/dev/null; done; rm -rf /tmp/*; [ "$(echo *)" = lo ]';
  await must(session, { kind: 'fabric' }, 'the fabric', ['sh', '-c', script]);
}

/** One bridge per network, and one cable from it to each interface of each node. */
function networkCommands(plan: AddressPlan, names: readonly string[], worlds: readonly string[]): string {
  const commands: string[] = [];
  for (const network of Object.keys(plan.networks)) {
    commands.push(`link add ${network} group ${FABRIC_GROUP} up type bridge mcast_snooping 0`);
  }
  for (const [index, name] of names.entries()) {
    for (const [interfaceName, { network }] of Object.entries(plan.nodes[name]?.interfaces ?? {})) {
      const port = `${name}-${interfaceName}`;
      commands.push(
        `link add ${port} group ${FABRIC_GROUP} up master ${network} type veth peer name ${interfaceName} netns ${worlds[index]}`,
      );
    }
  }
  return `${commands.join('\n')}\n`;
}

async function startNode(
  session: FabricSession,
  plan: AddressPlan,
  name: string,
  init: number,
  stated: TopologyNode | undefined,
): Promise<void> {
  const node = plan.nodes[name];
  const addressing = Object.entries(node?.interfaces ?? {})
    .map(
      ([port, { address, prefixLength }]) =>
        `addr add ${address}/${prefixLength} dev ${port}\nlink set ${port} up\n`,
    )
    .concat(node?.defaultRoute ? [`route add default via ${node.defaultRoute}\n`] : [])
    .join('');
  const pods = stated?.podsStand ? stated.pods : [];
  const own = Object.entries(stated?.sysctls ?? {}).map(
    ([setting, value]) => [setting.replaceAll('.', '/'), value] as const,
  );
  const sysctls = [...NODE_SYSCTLS, ...own].map(([path, value]) => `${path}=${value}`);
  // The settings come first: without them an interface that goes up gets an IPv6 address.
  await must(session, { kind: 'world', init, pod: '' }, name, [
    '/usr/lib/podwire/start-world',
    ...sysctls,
    '--',
    ...pods,
  ]);
  await must(session, { kind: 'network', init, pod: '' }, name, ['ip', '-batch', '-'], addressing);
  await session.askInit(init, 'mwired');
}

async function must(
  session: FabricSession,
  place: Place,
  placeName: string,
  argv: readonly string[],
  input = '',
): Promise<string> {
  const options = { input, env: WORLD_ENV, deadlineMs: COMMAND_ENDS_MS };
  const { exitCode, stdout, stderr, timedOut } = await session.run(place, argv, options);
  const said = timedOut ? `${stderr}(ended after ${COMMAND_ENDS_MS / 1000} s)` : stderr;
  if (exitCode !== 0) throw new CommandError(placeName, argv, exitCode, said);
  return stdout;
}
