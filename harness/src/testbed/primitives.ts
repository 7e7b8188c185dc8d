/** The primitives that labs are made of, each with a shell script that succeeds where it works. */

export interface Primitive {
  readonly id: string;
  readonly title: string;
  /** Without it no lab works: then, and only then, its labs are `all`. */
  readonly essential: boolean;
  /** Numbers of the labs that need it, as a learner reads them. */
  readonly labs: string;
  /**
   * Runs as root of a node's world, in a network namespace of its own, under `sh -e`. It ends with
   * another status than 0 where the primitive is missing; its last line says what was found.
   */
  readonly script: string;
  /** What makes it work on the machine of the engine. */
  readonly advice: string;
}

const module = (name: string) =>
  `On the machine of the engine: \`sudo modprobe ${name}\`. Where there is no such module, its kernel was built without it.`;

/** A pair of namespaces with a cable between them, for scripts that need a peer. */
const PAIR = `
ip link set lo up
ip link add v0 type veth peer name v1
ip netns add "$peer"
trap 'ip netns del "$peer"' EXIT
ip link set v1 netns "$peer"
ip addr add 198.18.0.1/24 dev v0
ip link set v0 up
ip -n "$peer" addr add 198.18.0.2/24 dev v1
ip -n "$peer" link set v1 up`;

/** Rules to be accepted one by one; the last line names those that are not. */
function acceptsRules(rules: Record<string, string>): string {
  const tries = Object.entries(rules).map(
    ([name, rule]) => `iptables -w ${rule} 2>/dev/null || lacks="$lacks ${name}"`,
  );
  return `lacks=\n${tries.join('\n')}\n[ -z "$lacks" ] || { echo "not accepted:$lacks"; exit 1; }`;
}

const NFT_ADVICE = module('nf_tables');

export const PRIMITIVES: readonly Primitive[] = [
  {
    id: 'netns',
    title: 'network namespaces',
    essential: true,
    labs: 'all',
    script: 'ip netns add "$peer"\nip -n "$peer" link set lo up\nip netns del "$peer"',
    advice: 'The kernel of the engine lacks network namespaces (CONFIG_NET_NS).',
  },
  {
    id: 'veth',
    title: 'veth pairs, with a ping through one',
    essential: true,
    labs: 'all',
    script: `${PAIR}\nping -c 1 -W 2 198.18.0.2`,
    advice: module('veth'),
  },
  {
    id: 'bridge',
    title: 'bridges',
    essential: true,
    labs: 'all',
    script: 'ip link add br0 type bridge\nip link set br0 up\nbridge link show',
    advice: module('bridge'),
  },
  {
    id: 'iptables',
    title: 'iptables (nf_tables): filter, nat, MASQUERADE',
    essential: false,
    labs: '06-10, 13, 24-28, 31',
    script:
      'iptables -w -A FORWARD -j ACCEPT\niptables -w -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 198.18.0.2\n' +
      'iptables -w -t nat -A POSTROUTING -j MASQUERADE',
    advice: NFT_ADVICE,
  },
  {
    id: 'nft-bridge',
    title: 'nftables on bridges',
    essential: false,
    labs: '03, packet walks (`trace`)',
    script:
      'nft add table bridge t\nnft add chain bridge t c "{ type filter hook forward priority 0; }"\nnft add rule bridge t c ether type arp accept',
    advice: module('nf_tables_bridge'),
  },
  {
    id: 'br-netfilter',
    title: 'br_netfilter, set per namespace',
    essential: false,
    labs: '06, 07, 10, 13, 31',
    script: `
ip netns add "$peer"
trap 'ip netns del "$peer"' EXIT
sysctl -qw net.bridge.bridge-nf-call-iptables=0
ip netns exec "$peer" sysctl -qw net.bridge.bridge-nf-call-iptables=1
[ "$(sysctl -n net.bridge.bridge-nf-call-iptables)" = 0 ]`,
    advice: module('br_netfilter'),
  },
  {
    id: 'sysctl',
    title: 'writable sysctls: ip_forward, rp_filter, route_localnet, proxy_arp',
    essential: true,
    labs: 'all',
    script:
      'for name in ip_forward conf.all.rp_filter conf.all.route_localnet conf.all.proxy_arp; do sysctl -qw net.ipv4.$name=1; done',
    advice:
      'The engine mounts /proc/sys read-only in containers: use one that honours ReadonlyPaths (Docker 19.03 or newer).',
  },
  {
    id: 'vxlan',
    title: 'VXLAN',
    essential: false,
    labs: '05-10, 12, 18, 34',
    script: `${PAIR}\nip link add flannel.1 type vxlan id 1 dev v0 dstport 8472 nolearning\nip link set flannel.1 up`,
    advice: module('vxlan'),
  },
  {
    id: 'iptables-matches',
    title: 'iptables: statistic, conntrack, addrtype, recent, mark, comment, REJECT',
    essential: false,
    labs: '06, 07, 09, 10, 13, 27, 31',
    script: acceptsRules({
      statistic: '-A OUTPUT -m statistic --mode random --probability 0.5',
      conntrack: '-A OUTPUT -m conntrack --ctstate NEW',
      addrtype: '-A OUTPUT -m addrtype --dst-type LOCAL',
      recent: '-A OUTPUT -m recent --name x --set',
      mark: '-A OUTPUT -m mark --mark 0x4000/0x4000',
      MARK: '-t mangle -A OUTPUT -j MARK --set-xmark 0x4000/0x4000',
      comment: '-A OUTPUT -m comment --comment x',
      REJECT: '-A OUTPUT -j REJECT',
    }),
    advice:
      'On the machine of the engine: `sudo modprobe -a xt_statistic xt_conntrack xt_addrtype xt_recent xt_mark xt_comment ipt_REJECT`.',
  },
  {
    id: 'nft-numgen',
    title: 'nftables with numgen maps',
    essential: false,
    labs: '06 (another answer), 26',
    script:
      'nft add table ip t\nnft add chain ip t c "{ type nat hook prerouting priority dstnat; }"\n' +
      'nft add rule ip t c dnat to numgen random mod 2 map "{ 0 : 198.18.0.2, 1 : 198.18.0.3 }"',
    advice: module('nft_numgen'),
  },
  {
    id: 'trace',
    title: 'iptables TRACE, seen by xtables-monitor',
    essential: false,
    labs: 'packet walks (`trace`)',
    script: `
ip link set lo up
iptables -w -t raw -A OUTPUT -p icmp -j TRACE
ping -i 0.2 -w 8 127.0.0.1 >/dev/null &
trap "kill $!" EXIT
timeout 8 xtables-monitor --trace | grep -m 1 TRACE`,
    advice: module('nft_log nfnetlink_log'),
  },
  {
    id: 'tcpdump',
    title: 'packet captures',
    essential: false,
    labs: '04, 05, 09, 18-22, packet walks (`trace`)',
    script: `
ip link set lo up
ping -i 0.2 -w 8 127.0.0.1 >/dev/null &
trap "kill $!" EXIT
timeout 8 tcpdump -i lo -c 1 --immediate-mode -n icmp`,
    advice: module('af_packet'),
  },
  {
    id: 'ipset',
    title: 'ipset',
    essential: false,
    labs: '06 (another answer), 25, 31',
    script:
      'ipset create s hash:ip,port\nipset add s 198.18.0.2,tcp:80\niptables -w -A OUTPUT -m set --match-set s dst,dst',
    advice: module('ip_set_hash_ipport xt_set'),
  },
  {
    id: 'dummy',
    title: 'dummy interfaces',
    essential: false,
    labs: '25',
    script: 'ip link add d0 type dummy',
    advice: module('dummy'),
  },
  {
    id: 'ipvs',
    title: 'IPVS',
    essential: false,
    labs: '25, 35',
    script: 'genl ctrl get name IPVS\nls /proc/net/ip_vs',
    advice: module('ip_vs'),
  },
  {
    id: 'macvlan',
    title: 'macvlan',
    essential: false,
    labs: '22',
    script: `${PAIR}\nip link add m0 link v0 type macvlan mode bridge`,
    advice: module('macvlan'),
  },
  {
    id: 'ipvlan',
    title: 'ipvlan',
    essential: false,
    labs: '22',
    script: `${PAIR}\nip link add i0 link v0 type ipvlan mode l2`,
    advice: module('ipvlan'),
  },
  {
    id: 'vlan',
    title: 'VLANs (802.1Q)',
    essential: false,
    labs: '22',
    script: `${PAIR}\nip link add link v0 name v0.10 type vlan id 10`,
    advice: module('8021q'),
  },
  {
    id: 'tun',
    title: 'TUN devices',
    essential: false,
    labs: '17, 19',
    script: 'ip tuntap add dev t0 mode tun',
    advice: 'On the machine of the engine: `sudo modprobe tun`, which makes /dev/net/tun.',
  },
  {
    id: 'ipip',
    title: 'IPIP tunnels',
    essential: false,
    labs: '21, 34',
    script: `${PAIR}\nip link add tun1 type ipip local 198.18.0.1 remote 198.18.0.2`,
    advice: module('ipip'),
  },
  {
    id: 'gre',
    title: 'GRE tunnels',
    essential: false,
    labs: '18, 21',
    script: `${PAIR}\nip link add gre9 type gre local 198.18.0.1 remote 198.18.0.2`,
    advice: module('ip_gre'),
  },
  {
    id: 'wireguard',
    title: 'WireGuard',
    essential: false,
    labs: 'none yet',
    script: 'ip link add wg0 type wireguard',
    advice: module('wireguard'),
  },
  {
    id: 'openvswitch',
    title: 'Open vSwitch datapath',
    essential: false,
    labs: '18, 19',
    script: 'genl ctrl get name ovs_datapath',
    advice: module('openvswitch'),
  },
  {
    id: 'netem',
    title: 'netem (delay and loss)',
    essential: false,
    labs: '34',
    script: 'tc qdisc add dev lo root netem delay 1ms',
    advice: module('sch_netem'),
  },
];
