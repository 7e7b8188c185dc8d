/**
 * Kinds of faults that are drawn at random: each a function of what a testbed is made of, to the commands that
 * break it, the causes that name it, and the hosts that have the packet in hand when it is lost. What a kind says
 * is written down beforehand, from what the kernel does; the diagnosis has no part in it.
 */
import type { Ground } from './ground.ts';

export interface DrawnFault {
  readonly kind: string;
  /** Commands by host. */
  readonly apply: Readonly<Record<string, string>>;
  /** Ids of the catalogue that name it: more than one where two words say the same of it. */
  readonly causes: readonly string[];
  /** Hosts where the walk may end. */
  readonly lostIn: readonly string[];
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  readonly size?: number;
}

/** Null where the kind makes no sense there. */
type Kind = (
  ground: Ground,
  pick: (most: number) => number,
) => (Omit<DrawnFault, 'kind' | 'protocol'> & { protocol?: DrawnFault['protocol'] }) | null;

const FLUSH = 'ip neigh flush all';
const NOBODY = '02:00:00:00:00:99';

// On one node a pod asks for the other by ARP: where that goes unanswered, the packet itself never leaves its sender.

/** Makes every pod and node of the pair forget whom it knows. */
const forget = ({ from, to }: Ground): Record<string, string> =>
  Object.fromEntries([from.name, to.name, from.node, to.node].map((host) => [host, FLUSH]));

const and = (one: Record<string, string>, other: Record<string, string>): Record<string, string> => {
  const hosts = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries(
    [...hosts].map((host) => [host, [one[host], other[host]].filter(Boolean).join('\n')]),
  );
};

const across = (ground: Ground): boolean => !ground.sameNode;
/** Where the node of the sender hands on what it has no route for. */
const routersOf = ({ testbed }: Ground): string[] =>
  Object.keys(testbed.plan.nodes).filter((node) => testbed.plan.nodes[node]?.podCidr === null);

/** A VXLAN device is made anew with another number or port; everything that hung on it is put back. */
const rebuild = (device: string, change: string): string => `
saved=$(mktemp)
ip -4 -o address show dev ${device} | awk '{print "ip address replace " $4 " dev ${device}"}' >"$saved"
ip -4 neigh show dev ${device} | awk '/PERMANENT/ {print "ip neigh replace " $1 " lladdr " $3 " dev ${device} nud permanent"}' >"$saved.neigh"
bridge fdb show dev ${device} | awk '/dst/ {print "bridge fdb append " $1 " dev ${device} dst " $3 " self permanent"}' >"$saved.fdb"
ip -4 route show dev ${device} | grep -v 'proto kernel' | sed 's/ linkdown//; s/^/ip route replace /; s/$/ dev ${device}/' >"$saved.route"
link=$(ip -j -d link show ${device})
value() { printf '%s' "$link" | jq -r "$1"; }
vni=$(value '.[0].linkinfo.info_data.id'); port=$(value '.[0].linkinfo.info_data.port')
local=$(value '.[0].linkinfo.info_data.local'); mac=$(value '.[0].address'); mtu=$(value '.[0].mtu')
${change}
ip link del ${device}
ip link add ${device} address "$mac" type vxlan id "$vni" local "$local" dstport "$port" nolearning
ip link set ${device} mtu "$mtu" up
for part in "$saved" "$saved.neigh" "$saved.fdb" "$saved.route"; do sh -e "$part"; done
`;

export const KINDS: Readonly<Record<string, Kind>> = {
  // Links and cables
  'cable-down-in-node': ({ from, to, sameNode }) => ({
    apply: { [to.node]: `ip link set ${to.port} down` },
    causes: ['link-down'],
    lostIn: sameNode ? [from.name, to.node] : [to.node],
  }),
  'cable-down-in-pod': ({ from, to, sameNode }) => ({
    apply: { [to.name]: `ip link set ${to.device} down` },
    causes: ['link-down'],
    lostIn: sameNode ? [from.name, to.node] : [to.node],
  }),
  'sender-down': ({ from }) => ({
    apply: { [from.name]: `ip link set ${from.device} down` },
    causes: ['link-down'],
    lostIn: [from.name],
  }),
  unplugged: ({ from, to, sameNode }) => ({
    apply: { [to.node]: `ip link set ${to.port} nomaster` },
    causes: ['not-in-bridge'],
    lostIn: sameNode ? [from.name, to.node] : [to.node],
  }),
  'sender-unplugged': ({ from }) => ({
    apply: { [from.node]: `ip link set ${from.port} nomaster`, [from.name]: FLUSH },
    causes: ['not-in-bridge'],
    lostIn: [from.name, from.node],
  }),
  // The bridge's route goes with it: the node sends what is for its pods by its default route.
  'bridge-down': (ground) => ({
    apply: { [ground.to.node]: `ip link set ${ground.to.bridge} down` },
    causes: ['bridge-down'],
    lostIn: ground.sameNode ? [ground.from.name, ground.to.node] : [ground.to.node, ...routersOf(ground)],
  }),
  'other-bridge': (ground) => {
    const { to } = ground;
    return {
      apply: and(forget(ground), {
        [to.node]: `ip link add other0 type bridge\nip link set other0 up\nip link set ${to.port} master other0`,
      }),
      causes: ['other-bridge', 'wrong-route'],
      lostIn: [to.node, ground.from.name],
    };
  },
  'uplink-down': (ground) =>
    across(ground)
      ? {
          apply: { [ground.to.node]: `ip link set ${ground.to.uplink} down` },
          causes: ['link-down'],
          lostIn: [ground.from.node, ...routersOf(ground)],
        }
      : null,
  'isolated-ports': (ground) =>
    ground.sameNode
      ? {
          apply: and(forget(ground), {
            [ground.to.node]:
              `for port in ${ground.from.port} ${ground.to.port}; do bridge link set dev "$port" isolated on; done`,
          }),
          causes: ['port-isolated'],
          lostIn: [ground.from.name, ground.from.node],
        }
      : null,
  // What the node itself sends is flooded all the same (net/bridge/br_forward.c): between pods alone it is lost.
  'flooding-off': (ground) =>
    ground.sameNode
      ? {
          apply: and(
            {
              [ground.to.node]:
                `bridge link set dev ${ground.to.port} flood off bcast_flood off\nbridge fdb flush dev ${ground.to.port} 2>/dev/null || true`,
            },
            forget(ground),
          ),
          causes: ['flooding-off'],
          lostIn: [ground.from.name, ground.from.node],
        }
      : null,
  // Addresses
  'address-gone': (ground) => ({
    apply: and({ [ground.to.name]: `ip address flush dev ${ground.to.device}` }, {}),
    causes: ['no-address'],
    lostIn: [ground.to.node, ground.to.name, ground.from.name],
  }),
  'address-changed': (ground, pick) => ({
    apply: {
      [ground.to.name]:
        `ip address flush dev ${ground.to.device}\nip address add ${ground.to.podCidr.replace(/\.0\/24$/, `.${201 + pick(40)}/24`)} dev ${ground.to.device}${ground.to.gateway ? `\nip route replace default via ${ground.to.gateway}` : ''}`,
    },
    causes: ['wrong-address'],
    lostIn: [ground.to.node, ground.from.name, ground.to.name],
  }),
  'mask-32': ({ from, sameNode }) =>
    sameNode
      ? {
          apply: {
            [from.name]: `ip address flush dev ${from.device}\nip address add ${from.address}/32 dev ${from.device}`,
          },
          causes: ['wrong-prefix'],
          lostIn: [from.name],
        }
      : null,
  'mask-16': (ground) =>
    across(ground) && ground.from.gateway
      ? {
          apply: {
            [ground.from.name]:
              `ip address flush dev ${ground.from.device}\nip address add ${ground.from.address}/16 dev ${ground.from.device}\nip route replace default via ${ground.from.gateway}`,
          },
          causes: ['wrong-prefix'],
          lostIn: [ground.from.name],
        }
      : null,
  'gateway-address-gone': (ground) =>
    across(ground) && ground.from.gateway
      ? {
          apply: {
            [ground.from.node]: `ip address del ${ground.from.gateway}/24 dev ${ground.from.bridge}`,
            [ground.from.name]: FLUSH,
          },
          causes: ['no-gateway-address'],
          lostIn: [ground.from.name],
        }
      : null,
  // ARP and neighbours
  'arp-off': (ground) => ({
    apply: and({ [ground.to.name]: `ip link set ${ground.to.device} arp off` }, forget(ground)),
    causes: ['arp-off'],
    lostIn: ground.sameNode ? [ground.from.name] : [ground.to.node, ground.to.name],
  }),
  'arp-ignored': (ground) => ({
    apply: and(
      { [ground.to.name]: `sysctl -qw net.ipv4.conf.${ground.to.device}.arp_ignore=8` },
      forget(ground),
    ),
    causes: ['arp-ignored'],
    lostIn: ground.sameNode ? [ground.from.name] : [ground.to.node],
  }),
  'neighbour-wrong': ({ from, to, sameNode }) => {
    const nextHop = sameNode ? to.address : from.gateway;
    return nextHop
      ? {
          apply: {
            [from.name]: `ip neigh replace ${nextHop} lladdr ${NOBODY} dev ${from.device} nud permanent`,
          },
          causes: ['wrong-neighbour'],
          lostIn: [from.node],
        }
      : null;
  },
  'neighbour-of-target-wrong': ({ to, sameNode }) =>
    sameNode
      ? null
      : {
          apply: {
            [to.node]: `ip neigh replace ${to.address} lladdr ${NOBODY} dev ${to.bridge} nud permanent`,
          },
          causes: ['wrong-neighbour'],
          lostIn: [to.node],
        },
  'duplicate-mac': (ground) =>
    ground.sameNode
      ? {
          apply: and(
            { [ground.to.name]: `ip link set ${ground.to.device} address ${ground.from.mac}` },
            forget(ground),
          ),
          causes: ['duplicate-mac'],
          lostIn: [ground.from.name, ground.from.node, ground.to.name],
        }
      : null,
  'fdb-wrong-port': ({ from, to, sameNode }) =>
    sameNode
      ? {
          apply: { [to.node]: `bridge fdb replace ${to.mac} dev ${from.port} master static sticky` },
          causes: ['wrong-fdb-entry'],
          lostIn: [from.node],
        }
      : null,
  // Routes
  'route-there-gone': (ground) =>
    across(ground)
      ? {
          apply: { [ground.from.node]: `ip route del ${ground.to.podCidr}` },
          causes: ['no-route'],
          lostIn: [ground.from.node, ...routersOf(ground)],
        }
      : null,
  'route-back-gone': (ground) =>
    across(ground)
      ? {
          apply: { [ground.to.node]: `ip route del ${ground.from.podCidr}` },
          causes: ['no-route'],
          lostIn: [ground.to.node, ...routersOf(ground)],
        }
      : null,
  'route-there-blackhole': (ground, pick) =>
    across(ground)
      ? {
          apply: {
            [ground.from.node]:
              `ip route replace ${['blackhole', 'unreachable', 'prohibit'][pick(3)]} ${ground.to.address}/32`,
          },
          causes: ['route-rejects'],
          lostIn: [ground.from.node],
        }
      : null,
  'route-back-blackhole': (ground) =>
    across(ground)
      ? {
          apply: { [ground.to.node]: `ip route replace blackhole ${ground.from.address}/32` },
          causes: ['route-rejects'],
          lostIn: [ground.to.node],
        }
      : null,
  'route-in-pod-blackhole': ({ from, to }) => ({
    apply: { [from.name]: `ip route add blackhole ${to.address}/32` },
    causes: ['route-rejects'],
    lostIn: [from.name],
  }),
  'rule-prohibits': (ground) =>
    across(ground)
      ? {
          apply: { [ground.from.node]: `ip rule add from ${ground.from.address} prohibit` },
          causes: ['route-rejects'],
          lostIn: [ground.from.node],
        }
      : null,
  'next-hop-nobody': (ground) =>
    across(ground) && !ground.tunnel && ground.route?.gateway
      ? {
          apply: {
            [ground.from.node]:
              `ip route replace ${ground.to.podCidr} via ${ground.from.nodeAddress.replace(/\.\d+$/, '.249')}`,
          },
          causes: ['wrong-gateway'],
          lostIn: [ground.from.node],
        }
      : null,
  'route-without-via': (ground) =>
    across(ground) && !ground.tunnel
      ? {
          apply: { [ground.from.node]: `ip route replace ${ground.to.podCidr} dev ${ground.from.uplink}` },
          causes: ['route-without-via'],
          lostIn: [ground.from.node],
        }
      : null,
  'no-default-route': (ground) =>
    across(ground)
      ? {
          apply: { [ground.from.name]: 'ip route del default' },
          causes: ['no-route'],
          lostIn: [ground.from.name],
        }
      : null,
  'no-default-route-there': (ground) =>
    across(ground)
      ? {
          apply: { [ground.to.name]: 'ip route del default' },
          causes: ['no-route'],
          lostIn: [ground.to.name],
        }
      : null,
  'wrong-default-gateway': (ground) =>
    across(ground)
      ? {
          apply: {
            [ground.from.name]:
              `ip route replace default via ${ground.from.podCidr.replace(/\.0\/24$/, '.253')}`,
          },
          causes: ['wrong-gateway'],
          lostIn: [ground.from.name],
        }
      : null,
  // Settings
  'forwarding-off': (ground) =>
    across(ground)
      ? {
          apply: { [ground.from.node]: 'sysctl -qw net.ipv4.ip_forward=0' },
          causes: ['ip-forward-off'],
          lostIn: [ground.from.node],
        }
      : null,
  'forwarding-off-there': (ground) =>
    across(ground)
      ? {
          apply: { [ground.to.node]: 'sysctl -qw net.ipv4.ip_forward=0' },
          causes: ['ip-forward-off'],
          lostIn: [ground.to.node],
        }
      : null,
  'forwarding-off-on-bridge': (ground) =>
    across(ground)
      ? {
          apply: { [ground.from.node]: `sysctl -qw net.ipv4.conf.${ground.from.bridge}.forwarding=0` },
          causes: ['ip-forward-off'],
          lostIn: [ground.from.node],
        }
      : null,
  'echo-ignored': ({ to }) => ({
    apply: { [to.name]: 'sysctl -qw net.ipv4.icmp_echo_ignore_all=1' },
    causes: ['echo-ignored'],
    lostIn: [to.name],
    protocol: 'icmp',
  }),
  'reverse-path': (ground) =>
    across(ground)
      ? {
          apply: {
            [ground.to.node]:
              `ip link add side0 type veth peer name side1\nip link set side0 up\nip link set side1 up\nip route replace ${ground.from.address}/32 dev side0\nfor name in all ${ground.tunnel ? ground.to.vtep?.name : ground.to.uplink}; do sysctl -qw net.ipv4.conf.$name.rp_filter=1; done`,
          },
          causes: ['rp-filter', 'wrong-route'],
          lostIn: [ground.to.node],
        }
      : null,
  // Filters
  'forward-drops': (ground, pick) => {
    if (!across(ground)) return null;
    const at = pick(2) === 0 ? ground.from : ground.to;
    return {
      apply: { [at.node]: `iptables -I FORWARD -s ${ground.from.address} -d ${ground.to.address} -j DROP` },
      causes: ['filter-drop'],
      lostIn: [at.node],
    };
  },
  'forward-policy': (ground) =>
    across(ground)
      ? {
          apply: { [ground.to.node]: 'iptables -P FORWARD DROP' },
          causes: ['filter-drop'],
          lostIn: [ground.to.node],
        }
      : null,
  'forward-rejects': (ground) =>
    across(ground)
      ? {
          apply: { [ground.from.node]: `iptables -I FORWARD -d ${ground.to.podCidr} -j REJECT` },
          causes: ['filter-drop'],
          lostIn: [ground.from.node],
        }
      : null,
  'replies-dropped': (ground) =>
    across(ground)
      ? {
          apply: {
            [ground.from.node]:
              `iptables -I FORWARD -s ${ground.to.address} -d ${ground.from.address} -j DROP`,
          },
          causes: ['filter-drop'],
          lostIn: [ground.from.node],
        }
      : null,
  'pod-input-drops': ({ from, to }) => ({
    apply: { [to.name]: `iptables -I INPUT -s ${from.address} -j DROP` },
    causes: ['filter-drop'],
    lostIn: [to.name],
  }),
  'pod-output-drops': ({ from, to }) => ({
    apply: {
      [from.name]: `nft add table ip guard\nnft add chain ip guard out '{ type filter hook output priority 0; }'\nnft add rule ip guard out ip daddr ${to.address} drop`,
    },
    causes: ['filter-drop'],
    lostIn: [from.name],
  }),
  'pod-answers-dropped': ({ from, to }) => ({
    apply: { [to.name]: `iptables -I OUTPUT -d ${from.address} -j DROP` },
    causes: ['filter-drop'],
    lostIn: [to.name],
  }),
  'raw-drops': (ground) =>
    across(ground)
      ? {
          apply: { [ground.to.node]: `iptables -t raw -I PREROUTING -s ${ground.from.address} -j DROP` },
          causes: ['filter-drop'],
          lostIn: [ground.to.node],
        }
      : null,
  'bridge-drops': ({ from, to, sameNode }) =>
    sameNode
      ? {
          apply: {
            [to.node]: `nft add table bridge guard\nnft add chain bridge guard f '{ type filter hook forward priority 0; }'\nnft add rule bridge guard f ip daddr ${to.address} drop`,
          },
          causes: ['filter-drop'],
          lostIn: [from.node],
        }
      : null,
  'bridge-drops-arp': (ground) =>
    ground.sameNode
      ? {
          apply: and({ [ground.to.node]: 'ebtables -A FORWARD -p arp -j DROP' }, forget(ground)),
          causes: ['filter-drop'],
          lostIn: [ground.from.name, ground.from.node],
        }
      : null,
  'queue-drops': ({ from, to, sameNode }) => ({
    apply: { [to.node]: `tc qdisc add dev ${to.port} root blackhole` },
    causes: ['filter-drop'],
    lostIn: sameNode ? [from.name, to.node] : [to.node],
  }),
  'port-stolen': ({ to }) => ({
    apply: { [to.name]: 'iptables -t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 7' },
    causes: ['dnat-on-pod-traffic'],
    lostIn: [to.name],
    protocol: 'tcp',
  }),
  // The overlay
  'tunnel-fdb-gone': ({ from, route, tunnel }) =>
    route && tunnel
      ? {
          apply: { [from.node]: `bridge fdb del ${tunnel.mac} dev ${route.device} dst ${tunnel.node} self` },
          causes: ['vtep-fdb-missing'],
          lostIn: [from.node],
        }
      : null,
  'tunnel-fdb-wrong': (ground) =>
    ground.route && ground.tunnel
      ? {
          apply: {
            [ground.from.node]:
              `bridge fdb replace ${ground.tunnel.mac} dev ${ground.route.device} dst ${ground.tunnel.node.replace(/\.\d+$/, '.251')} self permanent`,
          },
          causes: ['vtep-fdb-wrong'],
          lostIn: [ground.from.node, ...routersOf(ground)],
        }
      : null,
  'tunnel-neighbour-gone': ({ from, route, tunnel }) =>
    route?.gateway && tunnel
      ? {
          apply: { [from.node]: `ip neigh del ${route.gateway} dev ${route.device}` },
          causes: ['vtep-neighbour-missing'],
          lostIn: [from.node],
        }
      : null,
  'tunnel-mac-wrong': ({ from, to, route, tunnel }) =>
    route?.gateway && tunnel
      ? {
          apply: {
            [from.node]: `ip neigh replace ${route.gateway} lladdr ${NOBODY} dev ${route.device} nud permanent\nbridge fdb replace ${NOBODY} dev ${route.device} dst ${tunnel.node} self permanent`,
          },
          causes: ['vtep-mac-wrong'],
          lostIn: [to.node],
        }
      : null,
  'tunnel-number': (ground, pick) =>
    ground.route && ground.tunnel
      ? {
          apply: { [ground.to.node]: rebuild(ground.to.vtep?.name ?? '', `vni=$((vni + ${1 + pick(50)}))`) },
          causes: ['vni-mismatch'],
          lostIn: [ground.to.node],
        }
      : null,
  'tunnel-port': (ground) =>
    ground.route && ground.tunnel
      ? {
          apply: { [ground.to.node]: rebuild(ground.to.vtep?.name ?? '', 'port=4789') },
          causes: ['vxlan-port-mismatch'],
          lostIn: [ground.to.node],
        }
      : null,
  'tunnel-down': (ground) =>
    ground.route && ground.tunnel
      ? {
          apply: { [ground.to.node]: `ip link set ${ground.to.vtep?.name} down` },
          causes: ['link-down'],
          lostIn: [ground.to.node],
        }
      : null,
  'tunnel-blocked': (ground, pick) =>
    ground.tunnel
      ? {
          apply: {
            [ground.to.node]:
              pick(2) === 0
                ? 'iptables -I INPUT -p udp --dport "$VXLAN_PORT" -j DROP'
                : 'nft add table inet guard\nnft add chain inet guard in \'{ type filter hook input priority 0; }\'\nnft add rule inet guard in udp dport "$VXLAN_PORT" drop',
          },
          causes: ['filter-drop'],
          lostIn: [ground.to.node],
        }
      : null,
  // Sizes
  'cable-too-small': ({ to }) => ({
    apply: { [to.name]: `ip link set ${to.device} mtu 1000` },
    causes: ['mtu-mismatch'],
    lostIn: [to.node],
    protocol: 'udp',
    size: 1400,
  }),
};
