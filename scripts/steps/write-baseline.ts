/**
 * The shell script that bring-up is compared with: the same containers, options and end state, made with the
 * docker client alone. It does what it can side by side, and knows nothing of locks, rollback or checking.
 */
import { findHost } from '../../harness/src/testbed/host.ts';
import { learnerEnvironment } from '../../harness/src/testbed/testbed.ts';
import type { StartCommands } from '../../harness/src/testbed/up.ts';
import type { AddressPlan } from '../../harness/src/topology/plan.ts';
import type { Topology } from '../../harness/src/topology/topology.ts';

export interface Bare {
  readonly topology: Topology;
  readonly plan: AddressPlan;
  readonly start: readonly StartCommands[];
}

/** A POSIX shell script: sh FILE PREFIX IMAGE; PREFIX begins the names of its containers. */
export function writeBaseline({ topology, plan, start }: Bare): string {
  const names = Object.keys(topology.nodes);
  const all = (line: (name: string, position: number) => string) =>
    names.map((name, index) => line(name, index + 1)).join('\n');
  return `set -e
exec >/dev/null
prefix=$1 image=$2
run() {
	name=$1
	shift
	docker run --detach --name "$prefix-$name" --network none --read-only --userns host --cap-drop ALL \\
		--memory 256m --memory-swap 256m --pids-limit 512 --cpus 1 \\
		--security-opt apparmor=unconfined --security-opt label=disable --security-opt systempaths=unconfined "$@"
}
node() {
	run "$1" --cpu-shares 256 --log-opt max-size=256k --cap-add SYS_ADMIN --cap-add SETUID --cap-add SETGID \\
		--cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER "$image" init "$1" 64m
}
run fabric --pid host --security-opt no-new-privileges --tmpfs /tmp:size=32m --cap-add NET_ADMIN --cap-add NET_RAW \\
	--cap-add SYS_ADMIN --cap-add SYS_PTRACE --cap-add NET_BIND_SERVICE --cap-add DAC_READ_SEARCH \\
	--cap-add SETUID --cap-add SETGID "$image" pause &
${all((name) => `node ${name} &`)}
wait
pids=$(docker inspect --format '{{.State.Pid}}' ${names.map((name) => `"$prefix-${name}"`).join(' ')} | xargs)
set -- $(docker exec "$prefix-fabric" /usr/lib/podwire/agent world $pids)
docker exec -i "$prefix-fabric" ip -batch - <<END
${cables(plan, names)}
END
start() {
	name=$1 world=$2
	shift 2
	docker exec "$prefix-$name" /usr/lib/podwire/agent enter -- /usr/lib/podwire/start-world "$@"
	docker exec -i "$prefix-fabric" nsenter --net=/proc/$world/ns/net ip -batch -
}
${all((name, position) => startNode(topology, plan, name, position))}
wait
${start.map(({ host, commands }) => startCommands(plan, host, commands)).join('\n')}
`;
}

function cables(plan: AddressPlan, names: readonly string[]): string {
  const bridges = Object.keys(plan.networks).map(
    (network) => `link add ${network} up type bridge mcast_snooping 0`,
  );
  const ports = names.flatMap((name, index) =>
    Object.entries(plan.nodes[name]?.interfaces ?? {}).map(
      ([port, { network }]) =>
        `link add ${name}-${port} up master ${network} type veth peer name ${port} netns $${index + 1}`,
    ),
  );
  return [...bridges, ...ports].join('\n');
}

function startNode({ nodes }: Topology, plan: AddressPlan, name: string, position: number): string {
  const { sysctls = {}, podsStand = true, pods = [] } = nodes[name] ?? {};
  const { interfaces = {}, defaultRoute = null } = plan.nodes[name] ?? {};
  const settings = ['iptables=1', 'ip6tables=1', 'arptables=0'].map(
    (each) => `net/bridge/bridge-nf-call-${each}`,
  );
  const own = Object.entries(sysctls).map(([setting, value]) => `${setting.replaceAll('.', '/')}=${value}`);
  const addresses = Object.entries(interfaces).map(
    ([port, { address, prefixLength }]) =>
      `addr add ${address}/${prefixLength} dev ${port}\nlink set ${port} up`,
  );
  const route = defaultRoute ? [`route add default via ${defaultRoute}`] : [];
  const argv = [name, `$${position}`, ...settings, ...own, '--', ...(podsStand ? pods : [])];
  return `start ${argv.join(' ')} <<END &\n${[...addresses, ...route].join('\n')}\nEND`;
}

function startCommands(plan: AddressPlan, hostName: string, commands: string): string {
  const host = findHost(plan, hostName);
  const environment = Object.entries(learnerEnvironment(plan, host)).flatMap(([name, value]) => [
    '--env',
    quote(`${name}=${value}`),
  ]);
  const where = host.pod ? ['--pod', host.pod] : [];
  const argv = [
    '/usr/lib/podwire/agent',
    'enter',
    ...where,
    ...environment,
    '--',
    'bash',
    '-e',
    '-c',
    quote(commands),
  ];
  return `docker exec "$prefix-${host.node}" ${argv.join(' ')}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
