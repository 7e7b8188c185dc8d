/**
 * The catalogue of causes: every reason that a check of any lab can name. A cause is only named on
 * evidence; what each one needs is what its finder reads (find-*.ts).
 */

interface Cause {
  /** What is wrong, for someone who has not seen it before. */
  readonly meaning: string;
  /** The command that shows it. */
  readonly look: string;
  /** What to do about it, with the command where there is one. */
  readonly mend: string;
}

export const CAUSES = {
  // Containers of a pod
  'no-pause': {
    meaning: 'No process but apps is in the pod: nothing holds it.',
    look: 'lsns --type net',
    mend: "Start a process that does nothing but wait in the pod's namespaces, and let the apps join it.",
  },
  'no-listener': {
    meaning: 'Nobody listens on the port.',
    look: 'ss -ltnp',
    mend: 'Start the server in the pod, on the port that the check names.',
  },
  'own-network': {
    meaning: 'The container has a network namespace of its own.',
    look: 'ls -l /proc/PID/ns/net',
    mend: "Start the container again in the pod's network namespace: `nsenter --net=/proc/PAUSE/ns/net`.",
  },
  'host-network': {
    meaning: "The container is in the node's network namespace.",
    look: 'ls -l /proc/PID/ns/net',
    mend: "Start the container again in the pod's network namespace, not in the node's.",
  },
  'orphaned-container': {
    meaning: 'The container is in a namespace that the pod had before.',
    look: 'lsns --type net; lsns --type uts',
    mend: 'Start the container again: a process stays in the namespace that it was started in.',
  },
  'not-on-loopback': {
    meaning: 'The server does not listen on 127.0.0.1.',
    look: 'ss -ltn',
    mend: 'Let the server listen on 0.0.0.0, or on 127.0.0.1 as well.',
  },
  'port-clash': {
    meaning: 'The port belongs to another container of the pod.',
    look: 'ss -ltnp',
    mend: 'Give one of the two servers another port: a pod has one set of ports.',
  },
  'port-shared': {
    meaning: 'Two containers listen on one port, and each gets some connections.',
    look: 'ss -ltnp',
    mend: 'End one of the two servers, or give it another port.',
  },
  'shared-files': {
    meaning: "The container sees another's files: it has no mount namespace.",
    look: 'ls -l /proc/PID/ns/mnt',
    mend: 'Start the container with a mount namespace of its own: `unshare --mount`.',
  },
  'wrong-hostname': {
    meaning: "The container does not have the pod's hostname.",
    look: 'ls -l /proc/PID/ns/uts',
    mend: "Join the pod's UTS namespace too: `nsenter --uts=/proc/PAUSE/ns/uts`.",
  },
  'not-restarted': {
    meaning: 'The container was not started again.',
    look: 'ps -eo pid,lstart,args',
    mend: 'End the old process and start the container again.',
  },
  // Namespaces, cables, addresses
  'no-namespace': {
    meaning: 'The pod has no network namespace.',
    look: 'ip netns list',
    mend: 'Make it: `ip netns add NAME`.',
  },
  'same-namespace': {
    meaning: "The pod has the node's own network namespace.",
    look: 'ls -l /proc/self/ns/net',
    mend: 'Make a new network namespace; do not mount the one of the node under the name of the pod.',
  },
  'loopback-down': {
    meaning: 'The interface lo of the pod is down.',
    look: 'ip link show lo',
    mend: 'In the pod: `ip link set lo up`.',
  },
  'no-interface': {
    meaning: 'The pod has no interface but lo: no cable leads into it.',
    look: 'ip link',
    mend: 'Make a veth pair with one end in the pod: `ip link add veth-a type veth peer name eth0 netns a`.',
  },
  'peer-elsewhere': {
    meaning: 'The other end of the cable is not in the node.',
    look: 'ip -d link',
    mend: 'Move the end to where it belongs: `ip link set veth-a netns ...`, or make the pair anew.',
  },
  'wrong-interface-name': {
    meaning: 'The interface has not the name that programs expect.',
    look: 'ip link',
    mend: 'Set it down, then `ip link set OLD name eth0`, and up again.',
  },
  'link-down': {
    meaning: 'An interface on the way is down.',
    look: 'ip link',
    mend: 'Set both ends of the cable up: `ip link set NAME up`.',
  },
  'no-address': {
    meaning: 'The interface has no IPv4 address.',
    look: 'ip address',
    mend: 'Give the interface its planned address: `ip address add ADDRESS/24 dev eth0`.',
  },
  'wrong-address': {
    meaning: 'The interface has another address than the plan says.',
    look: 'ip address',
    mend: 'Delete the wrong address and add the one of the plan.',
  },
  'address-outside-cidr': {
    meaning: "The address is not from the node's pod CIDR.",
    look: 'ip address',
    mend: "Take an address from the node's pod CIDR; the routes to the node carry no other.",
  },
  'address-reserved': {
    meaning: 'The address is not free for a pod.',
    look: 'ip address',
    mend: 'Take another address: the first, the last and the gateway are not for pods.',
  },
  'duplicate-address': {
    meaning: 'Two interfaces have the same address.',
    look: 'arping -D',
    mend: 'Give each pod an address of its own, and flush the neighbour tables.',
  },
  'duplicate-mac': {
    meaning: 'Two interfaces have the same MAC address, so the bridge confuses them.',
    look: 'ip link',
    mend: 'Give one of them another MAC address: `ip link set dev NAME address 02:...`.',
  },
  'wrong-prefix': {
    meaning: 'The prefix length leaves the others out of the connected network.',
    look: 'ip address',
    mend: "Delete the address and add it with the plan's prefix length.",
  },
  'address-on-port': {
    meaning: 'The address is on a port of the bridge; it belongs on the bridge itself.',
    look: 'ip address',
    mend: 'Delete the address from the port, and add it to the bridge.',
  },
  // The bridge
  'not-in-bridge': {
    meaning: 'The end of the cable in the node is not a port of the bridge.',
    look: 'bridge link',
    mend: 'Plug it in: `ip link set veth-a master cni0`.',
  },
  'other-bridge': {
    meaning: 'The two pods are plugged into different bridges.',
    look: 'bridge link',
    mend: 'Plug both into one bridge: `ip link set veth-b master cni0`.',
  },
  'bridge-down': {
    meaning: 'The bridge is down.',
    look: 'ip link',
    mend: 'Set it up: `ip link set cni0 up`.',
  },
  'port-not-forwarding': {
    meaning: 'The port of the bridge does not forward (spanning tree).',
    look: 'bridge link',
    mend: 'Turn spanning tree off (`ip link set cni0 type bridge stp_state 0`), or wait until it has listened and learned.',
  },
  'bridge-loop': {
    meaning: 'Bridges are joined by more than one way, so that frames for everybody go round for ever.',
    look: 'bridge link',
    mend: 'Keep one way: `ip link del PORT` for the others. Or turn spanning tree on, which closes them.',
  },
  'port-isolated': {
    meaning: 'Both ports are isolated: isolated ports do not talk to each other.',
    look: 'bridge -d link',
    mend: 'Let the ports talk: `bridge link set dev veth-a isolated off`.',
  },
  'vlan-mismatch': {
    meaning: 'The ports are in different VLANs of the bridge.',
    look: 'bridge vlan show',
    mend: 'Put both ports into one VLAN, or turn VLAN filtering off.',
  },
  'flooding-off': {
    meaning: 'The port does not send out frames for everybody or for unknown MAC addresses.',
    look: 'bridge -d link',
    mend: 'Turn it on: `bridge link set dev NAME flood on bcast_flood on`.',
  },
  'learning-off': {
    meaning: 'The bridge does not learn MAC addresses, so it floods all frames.',
    look: 'bridge -d link',
    mend: 'Turn it on: `bridge link set dev NAME learning on`, and set the ageing time back to 300 seconds.',
  },
  'fdb-entry-missing': {
    meaning: 'The bridge has not learned behind which port the pod is.',
    look: 'bridge fdb show',
    mend: 'Let the bridge learn (`learning on`, `flood on`), or plug the port in anew.',
  },
  'wrong-fdb-entry': {
    meaning: 'The bridge has been told a wrong port for the MAC address.',
    look: 'bridge fdb show',
    mend: 'Delete the entry: `bridge fdb del MAC dev PORT master`. The bridge learns the right one.',
  },
  // ARP
  'arp-off': {
    meaning: 'The interface does not take part in ARP.',
    look: 'ip link',
    mend: 'Turn it on: `ip link set eth0 arp on`.',
  },
  'arp-ignored': {
    meaning: 'The kernel is told not to answer ARP on this interface.',
    look: 'sysctl net.ipv4.conf',
    mend: 'Set it back: `sysctl -w net.ipv4.conf.eth0.arp_ignore=0`, and the same for `all`.',
  },
  'wrong-neighbour': {
    meaning: 'The neighbour table holds a wrong MAC address.',
    look: 'ip neigh',
    mend: 'Delete the entry: `ip neigh del ADDRESS dev eth0`. ARP finds the right one.',
  },
  'neighbour-unresolved': {
    meaning: 'Nobody answers ARP for the next hop.',
    look: 'ip neigh',
    mend: 'Look at the next hop: is its address the one asked for, is it up, is it on the same link?',
  },
  // Routing
  'no-route': {
    meaning: 'There is no route to the destination.',
    look: 'ip route get',
    mend: 'Add one: to the network of the destination, or a default route.',
  },
  'route-rejects': {
    meaning: 'A route of type blackhole, unreachable or prohibit takes the packet.',
    look: 'ip route',
    mend: 'Delete that route: `ip route del TYPE DESTINATION`.',
  },
  'wrong-route': {
    meaning: 'The route leads to the wrong interface.',
    look: 'ip route get',
    mend: 'Delete the route, and add one by the right interface.',
  },
  'subnet-clash': {
    meaning: 'Two interfaces have addresses of the same network.',
    look: 'ip address',
    mend: 'Give one of the two interfaces an address of another network.',
  },
  'no-gateway-address': {
    meaning: "Nobody has the gateway's address: the bridge lacks it.",
    look: 'ip address',
    mend: 'Give the bridge the address: `ip address add GATEWAY/24 dev cni0`.',
  },
  'no-gateway': {
    meaning: 'The default route names no gateway, and nobody answers ARP for strangers.',
    look: 'ip route',
    mend: 'Name the gateway: `ip route replace default via GATEWAY`.',
  },
  'wrong-gateway': {
    meaning: 'The route goes by a gateway that nobody is, or nobody on that network.',
    look: 'ip route',
    mend: 'Replace it: `ip route replace default via GATEWAY`, with an address that a router has.',
  },
  'ip-forward-off': {
    meaning: 'The node does not forward packets between its interfaces.',
    look: 'sysctl net.ipv4.ip_forward',
    mend: 'Turn it on: `sysctl -w net.ipv4.ip_forward=1`.',
  },
  'rp-filter': {
    meaning: 'The reverse path filter drops the packet.',
    look: 'nstat -az TcpExtIPReversePathFilter',
    mend: 'Make the way back the same as the way there, or loosen the filter: `sysctl -w net.ipv4.conf.all.rp_filter=2`.',
  },
  'routed-not-bridged': {
    meaning: 'The packet passed the routing stack of the node, not a bridge.',
    look: 'ip route get',
    mend: 'Take away what sends neighbours by the gateway: a route with `via`, or a neighbour entry.',
  },
  // Between nodes
  'wrong-next-hop': {
    meaning: 'The route goes by a node that is not the one of the pod.',
    look: 'ip route get',
    mend: "Replace the route's `via` by the address of the node that has the pod.",
  },
  'route-without-via': {
    meaning: 'The route names an interface and no next hop, so the pod itself is looked for there.',
    look: 'ip route get',
    mend: 'Name the next hop: `ip route replace CIDR via NODE_IP`.',
  },
  'overlapping-cidr': {
    meaning: "A node has an address from another node's pod CIDR.",
    look: 'ip address',
    mend: 'Delete the address: each node takes addresses from its own pod CIDR only.',
  },
  encapsulated: {
    meaning: 'A tunnel wraps packets that a plain route would carry.',
    look: 'ip route get',
    mend: 'Delete the tunnel, or the route into it, and route by the address of the node.',
  },
  'not-encapsulated': {
    meaning: 'Pod packets appear on the underlay without the overlay around them.',
    look: 'tcpdump -i eth0',
    mend: 'Let the route to the other pods lead into the VXLAN device, not out of eth0.',
  },
  // The overlay
  'no-vtep': {
    meaning: 'The node has no VXLAN device.',
    look: 'ip -d link show type vxlan',
    mend: 'Make it: `ip link add flannel.1 type vxlan id VNI dstport 8472 local NODE_IP dev eth0 nolearning`.',
  },
  'vtep-no-address': {
    meaning: 'The VXLAN device has no address, so the node speaks to pods with one that they cannot answer.',
    look: 'ip address',
    mend: "Give it the first address of the node's pod CIDR: `ip address add ADDRESS/32 dev flannel.1`.",
  },
  'vtep-local-wrong': {
    meaning: 'The VXLAN device sends from an address that its node does not have on the underlay.',
    look: 'ip -d link show flannel.1',
    mend: "Delete the device and make it anew with `local` and the node's own address.",
  },
  'vtep-neighbour-missing': {
    meaning: 'The MAC address of the next hop in the overlay is not known.',
    look: 'ip neigh show dev flannel.1',
    mend: 'Tell it: `ip neigh replace NEXT_HOP lladdr VTEP_MAC dev flannel.1 nud permanent`.',
  },
  'vtep-mac-wrong': {
    meaning: "The neighbour entry does not name the other VXLAN device's MAC address.",
    look: 'ip neigh show dev flannel.1',
    mend: "Look at the other VXLAN device's MAC address, and replace the neighbour entry by it.",
  },
  'vtep-fdb-missing': {
    meaning: 'The VXLAN device does not know behind which node the MAC address is.',
    look: 'bridge fdb show dev flannel.1',
    mend: 'Tell it: `bridge fdb replace VTEP_MAC dev flannel.1 dst NODE_IP`.',
  },
  'vtep-fdb-wrong': {
    meaning: 'The VXLAN device has been told a wrong node for the MAC address.',
    look: 'bridge fdb show dev flannel.1',
    mend: 'Replace the entry: `bridge fdb replace VTEP_MAC dev flannel.1 dst NODE_IP`.',
  },
  'vni-mismatch': {
    meaning: 'The VXLAN network number is not the same everywhere.',
    look: 'ip -d link show type vxlan',
    mend: 'Make the devices anew, all with the same `id`.',
  },
  'vxlan-port-mismatch': {
    meaning: 'The UDP port of VXLAN is not the same everywhere.',
    look: 'ip -d link show type vxlan',
    mend: 'Make the devices anew, all with the same `dstport`. Linux takes 8472 by default, RFC 7348 says 4789.',
  },
  'overlay-asks': {
    meaning: 'The nodes ask by ARP in the overlay for what they should have been told.',
    look: 'ip neigh show dev flannel.1',
    mend: 'Add the neighbour and FDB entries by hand, as permanent ones, and make the device with `nolearning`.',
  },
  'overlay-floods': {
    meaning:
      'The node sends a copy of each packet to every node of a list, because it does not know behind which one it is.',
    look: 'bridge fdb show dev flannel.1',
    mend: 'Add an FDB entry for the MAC address of each tunnel end, and take away the entries for 00:00:00:00:00:00.',
  },
  // Filters and NAT
  'filter-drop': {
    meaning: 'A rule of a packet filter drops or rejects the packet.',
    look: 'nft list ruleset',
    mend: 'Delete the rule that the evidence names, or accept this traffic in a rule before it.',
  },
  'snat-on-pod-traffic': {
    meaning: 'The source address of pod traffic is rewritten.',
    look: 'iptables -t nat -S',
    mend: 'Leave pod traffic out of the rule: `! -d POD_CIDR`, or a RETURN before it.',
  },
  'no-masquerade': {
    meaning: "The packet leaves the cluster with the pod's own address, which nobody outside can answer.",
    look: 'iptables -t nat -vnL POSTROUTING',
    mend: 'Masquerade what comes from pods and does not go to pods: `-s CLUSTER_CIDR ! -d CLUSTER_CIDR -j MASQUERADE`.',
  },
  'snat-wrong-address': {
    meaning: "The packet leaves the node with a source address that is not the node's.",
    look: 'iptables -t nat -S POSTROUTING',
    mend: "Use MASQUERADE, or the node's own address on the underlay in `--to-source`.",
  },
  'dnat-on-pod-traffic': {
    meaning: 'The destination of pod traffic is rewritten.',
    look: 'iptables -t nat -S',
    mend: 'Narrow the rule down to the address and port that it is meant for, or delete it.',
  },
  'routing-loop': {
    meaning: 'Routers send the packet to each other until its TTL has run out.',
    look: 'ip route get',
    mend: 'Of two routers that name each other as next hop, one has to name the way that is right.',
  },
  'name-not-found': {
    meaning: 'The DNS server has no address for the name.',
    look: 'cat /etc/resolv.conf',
    mend: 'Look at the name that was asked for, the search list, and the records of the server.',
  },
  'martian-source': {
    meaning: 'A packet comes back to its own sender, still with its address as the source, and is dropped.',
    look: 'conntrack -L',
    mend: 'Masquerade what a pod sends to itself by way of a Service, as kube-proxy does (hairpin).',
  },
  'answer-from-stranger': {
    meaning: 'The answer bears another address than the one that was asked, so the sender does not take it.',
    look: 'sysctl net.bridge.bridge-nf-call-iptables; conntrack -L',
    mend: 'Let the answer pass the node that rewrote the request: bridge-nf-call-iptables=1, or masquerade.',
  },
  'ttl-rewritten': {
    meaning: 'A rule sets the TTL of packets.',
    look: 'iptables -t mangle -S',
    mend: 'Delete the rule: `iptables -t mangle -D ...`.',
  },
  'echo-ignored': {
    meaning: 'The kernel is told not to answer pings.',
    look: 'sysctl net.ipv4.icmp_echo_ignore_all',
    mend: 'Set it back: `sysctl -w net.ipv4.icmp_echo_ignore_all=0`.',
  },
  // Names
  'no-resolver': {
    meaning: 'The pod is told no DNS server.',
    look: 'cat /etc/resolv.conf',
    mend: "Write `nameserver`, `search` and `options` into the pod's resolv.conf.",
  },
  'wrong-nameserver': {
    meaning: 'The file resolv.conf names another DNS server than the one to ask.',
    look: 'cat /etc/resolv.conf',
    mend: 'Name the right server first: for pods of the cluster the address of the DNS Service.',
  },
  'wrong-search': {
    meaning: 'The search list lacks a domain, so short names are not found.',
    look: 'cat /etc/resolv.conf',
    mend: 'Write `search NAMESPACE.svc.DOMAIN svc.DOMAIN DOMAIN`, in this order, in one line.',
  },
  'search-order': {
    meaning: 'Another domain of the search list is tried before the right one, and has the name too.',
    look: 'cat /etc/resolv.conf',
    mend: "Put the domain of the pod's own namespace first.",
  },
  'wrong-ndots': {
    meaning: 'The option ndots is not what the pod needs.',
    look: 'cat /etc/resolv.conf',
    mend: 'Write `options ndots:5`: names with up to four dots are then searched for in the cluster first.',
  },
  'dns-other-address': {
    meaning: "The DNS server does not listen at the pod's own address.",
    look: 'ss -lntu sport = :53',
    mend: 'Let it listen at 0.0.0.0, or at the address of the pod.',
  },
  'dns-answer-invalid': {
    meaning:
      'The DNS server gives no answer that a resolver takes: a wrong number, another question, or none.',
    look: 'dig @POD_IP',
    mend: 'Look at the log of the server, and start it again or put another one in its place.',
  },
  'dns-answer-cut': {
    meaning: 'The DNS server gives a part of a large answer, and does not say so.',
    look: 'dig +noedns +ignore',
    mend: 'Set the flag TC where an answer does not fit, and give the whole answer over TCP.',
  },
  'dns-refused': {
    meaning: 'The DNS server refuses to answer for this name.',
    look: 'dig @SERVER NAME',
    mend: 'Make the server responsible for the zone, or tell it whom to ask.',
  },
  'dns-server-failure': {
    meaning: 'The DNS server fails on this name (SERVFAIL or another error).',
    look: 'dig @SERVER NAME',
    mend: 'Look at the log of the server: its zone may not have loaded, or whom it asks may not answer.',
  },
  'dns-not-forwarded': {
    meaning: 'The DNS server does not ask the upstream for names of the world.',
    look: 'dig @SERVER www.example.com',
    mend: 'Tell it whom to ask: `server=` or the resolv.conf of its pod; `forward . /etc/resolv.conf` in a Corefile.',
  },
  'dns-wrong-upstream': {
    meaning: 'The DNS server asks an upstream that does not answer.',
    look: 'cat /etc/resolv.conf',
    mend: 'Name the right upstream in its configuration, or in the resolv.conf of its pod.',
  },
  'dns-zone-forwarded': {
    meaning: "The DNS server asks the world for names of the cluster's zone.",
    look: 'dig @SERVER nosuch.default.svc.cluster.local',
    mend: "Make the server responsible for the cluster's domain: `local=/cluster.local/`, or a zone.",
  },
  'dns-record-missing': {
    meaning: 'The DNS server lacks a record.',
    look: 'dig @SERVER NAME TYPE',
    mend: 'Add the record, and let the server read its configuration again.',
  },
  'dns-record-wrong': {
    meaning: 'A record of the DNS server says something else than the cluster.',
    look: 'dig @SERVER NAME TYPE',
    mend: 'Correct the record, and let the server read its configuration again.',
  },
  'dns-wildcard': {
    meaning: 'The DNS server answers for names that the cluster does not have.',
    look: 'dig @SERVER nosuch.default.svc.cluster.local',
    mend: 'Take away the wildcard: `address=/DOMAIN/` of dnsmasq stands for everything below the domain.',
  },
  'dns-no-nxdomain': {
    meaning: 'The DNS server does not say that an unknown name is unknown.',
    look: 'dig @SERVER nosuch.default.svc.cluster.local',
    mend: "Make the server responsible for the cluster's domain, so that it answers NXDOMAIN.",
  },
  'dns-nxdomain-for-type': {
    meaning: 'The DNS server says that a name does not exist, when it has no record of the type asked for.',
    look: 'dig @SERVER NAME AAAA',
    mend: 'Answer NOERROR without a record: the name exists.',
  },
  'dns-case-sensitive': {
    meaning: 'The DNS server takes upper and lower case for different names.',
    look: 'dig @SERVER WEB.default.svc.cluster.local',
    mend: 'Compare names without regard to case (RFC 4343).',
  },
  'unready-endpoint': {
    meaning: 'The DNS server gives the address of a pod that is not ready.',
    look: 'dig @SERVER NAME',
    mend: 'Take the record away until the pod is ready.',
  },
  'srv-record-wrong': {
    meaning: 'A SRV record names a wrong port or target.',
    look: 'dig @SERVER _PORT._PROTOCOL.NAME SRV',
    mend: 'Name the port of the Service and its name; for a headless Service, the port and the name of each pod.',
  },
  'srv-for-unnamed-port': {
    meaning: 'There is a SRV record for a port that has no name.',
    look: 'dig @SERVER _PORT._PROTOCOL.NAME SRV',
    mend: 'Take the record away, or give the port a name.',
  },
  'ptr-not-reversed': {
    meaning: 'The address in the name of a PTR record is not written backwards.',
    look: 'dig -x ADDRESS @SERVER',
    mend: 'Write it backwards: 10.96.0.20 is 20.0.96.10.in-addr.arpa.',
  },
  'alias-as-address': {
    meaning: 'The name of an ExternalName Service has an address and no CNAME.',
    look: 'dig @SERVER NAME',
    mend: 'Make it a CNAME of the external name.',
  },
  'alias-not-absolute': {
    meaning: 'The target of a CNAME lacks its final dot, so the zone was added to it.',
    look: 'dig @SERVER NAME CNAME',
    mend: 'Write the final dot: `CNAME www.example.com.`',
  },
  'alias-not-followed': {
    meaning: 'The DNS server gives a CNAME without the address that it leads to.',
    look: 'dig @SERVER NAME',
    mend: 'Let the server ask for the target too, or tell it the address.',
  },
  // Node ports
  'no-node-port': {
    meaning: 'No rule of the node takes what is for the node port.',
    look: 'iptables -t nat -S KUBE-NODEPORTS',
    mend: 'Send what is for the node itself (`-m addrtype --dst-type LOCAL`) and for that port to the chain of the Service, on every node.',
  },
  'wrong-node-port': {
    meaning: "The rule has another number than the Service's node port.",
    look: 'iptables -t nat -S KUBE-NODEPORTS',
    mend: 'Replace the rule by one with `--dport NODE_PORT`.',
  },
  'node-port-not-for-all': {
    meaning: 'The rule of the node port takes the packets of some senders only.',
    look: 'iptables -t nat -S',
    mend: 'Name no interface (`-i`) and no sender (`-s`) in the rules that lead to the node port.',
  },
  'masquerade-missing': {
    meaning:
      'The sender is not rewritten, so the answer goes past the node that has to put the addresses back.',
    look: 'conntrack -L -p tcp --orig-port-dst NODE_PORT',
    mend: 'Mark what comes in by the node port before it gets to the backends: `-j KUBE-MARK-MASQ`, and masquerade what is marked.',
  },
  'masquerade-wrong-address': {
    meaning: 'The sender is rewritten to an address that the node does not have.',
    look: 'iptables -t nat -S POSTROUTING',
    mend: 'Use `-j MASQUERADE`: it takes an address of the interface that the packet leaves by.',
  },
  'route-localnet-off': {
    meaning: 'The kernel does not route what comes from 127.0.0.1.',
    look: 'sysctl net.ipv4.conf.all.route_localnet',
    mend: 'Turn it on, and guard it: `sysctl -w net.ipv4.conf.all.route_localnet=1`, and a rule that drops what is for 127.0.0.0/8 from elsewhere.',
  },
  'loopback-open': {
    meaning: 'A neighbour reaches what the node serves on 127.0.0.1.',
    look: 'sysctl net.ipv4.conf.all.route_localnet',
    mend: 'Drop it: `iptables -A INPUT -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP`.',
  },
  'transit-hijacked': {
    meaning: 'A rule takes packets that are for somebody else, because they have the number of a node port.',
    look: 'iptables -t nat -S',
    mend: 'Take only what is for the node itself: `-m addrtype --dst-type LOCAL`.',
  },
  'own-port-taken': {
    meaning: "A rule takes a port that is the node's own.",
    look: 'iptables -t nat -S KUBE-NODEPORTS',
    mend: 'Name the protocol and the one number of the node port in the rule.',
  },
  'masquerade-with-local': {
    meaning: 'The sender is rewritten, though externalTrafficPolicy Local promises that the backend sees it.',
    look: 'iptables -t nat -S',
    mend: 'Do not mark what comes from outside: only what comes from the node itself (`--src-type LOCAL`).',
  },
  'local-to-remote': {
    meaning:
      'With externalTrafficPolicy Local, a node sends what comes from outside to a backend of another node.',
    look: 'iptables-save -t nat',
    mend: 'Lead it to a chain that has only the endpoints of this node.',
  },
  'local-for-insiders': {
    meaning: 'externalTrafficPolicy Local is applied to pods or to the node itself, which are not outside.',
    look: 'iptables-save -t nat',
    mend: 'Before the local endpoints: `-s CLUSTER_CIDR -j KUBE-SVC-...` and `-m addrtype --src-type LOCAL -j KUBE-SVC-...`.',
  },
  'refused-not-dropped': {
    meaning: 'A node without a backend of its own refuses, where externalTrafficPolicy Local wants silence.',
    look: 'iptables -S INPUT',
    mend: 'Drop it: `-m addrtype --dst-type LOCAL -p tcp --dport NODE_PORT -j DROP` in INPUT.',
  },
  'health-check-wrong': {
    meaning: 'The health check port does not say whether the node has backends of its own.',
    look: 'curl -i http://NODE:PORT/',
    mend: 'Answer with the status 200 on a node that has one, and with 503 on the others.',
  },
  // Size
  'mtu-mismatch': {
    meaning: 'An interface on the way takes only smaller packets.',
    look: 'ip link',
    mend: 'Set the same MTU on all interfaces of the way; an overlay takes 50 bytes off for itself.',
  },
  // Only in grading
  'network-changes': {
    meaning: 'The network changes by itself while it is checked.',
    look: 'ps -ef; ip monitor',
    mend: 'Let what was left running come to rest: a network that works now and then does not work.',
  },
  'node-ended': {
    meaning: 'The node ended under the commands that ran in it.',
    look: 'free -m; ps -ef',
    mend: 'Find what takes all the memory of the node, and run it again with less.',
  },
  unknown: {
    meaning: 'No cause is proven.',
    look: 'tcpdump -i any',
    mend: 'Follow the packet with tcpdump: the last place that it is seen at is the place to look at.',
  },
  // Services
  'no-dnat': {
    meaning: 'No rule translates the address, protocol and port of the Service.',
    look: 'iptables -t nat -S',
    mend: 'Add the rule on the node of the client: `-d CLUSTER_IP -p PROTOCOL --dport PORT -j DNAT --to-destination ENDPOINT:TARGET_PORT`.',
  },
  'service-hook-missing': {
    meaning: 'There are rules for the Service, but packets of this client do not pass them.',
    look: 'iptables -t nat -S PREROUTING; iptables -t nat -S OUTPUT',
    mend: "Jump to the rules from PREROUTING, for pods, and from OUTPUT, for the node's own packets.",
  },
  'wrong-protocol': {
    meaning: 'The rule for the Service matches another protocol.',
    look: 'iptables -t nat -S',
    mend: "Write the Service's protocol into the rule: `-p tcp` or `-p udp`.",
  },
  'wrong-service-port': {
    meaning: 'The rule for the Service matches another port.',
    look: 'iptables -t nat -S',
    mend: "Write the Service's port into the rule: `--dport PORT`. The pods' own port is the target port.",
  },
  'rule-too-wide': {
    meaning: 'A rule translates ports of the ClusterIP that are not those of the Service.',
    look: 'iptables -t nat -S',
    mend: 'Narrow it down to the protocol and the port: `-p PROTOCOL --dport PORT`.',
  },
  'wrong-target-port': {
    meaning: 'The rule translates to another port than the one that the pods listen on.',
    look: 'iptables -t nat -S',
    mend: 'Write the target port behind the address: `--to-destination ENDPOINT:TARGET_PORT`.',
  },
  'wrong-server': {
    meaning: 'A program that is no endpoint of the Service answers in its place.',
    look: 'ss -Hltunp; nft list ruleset',
    mend: 'End that program, and remove what leads to it. Only the endpoints answer for a Service.',
  },
  'stale-endpoint': {
    meaning: 'A rule translates to an address that is not, or no longer, behind the Service.',
    look: 'iptables -t nat -S',
    mend: 'Delete the rule, and share its part among the endpoints that there are.',
  },
  'stale-conntrack': {
    meaning: 'A flow in the table of connections still goes where an earlier rule sent it.',
    look: 'conntrack -L -p udp --orig-dst CLUSTER_IP',
    mend: 'Delete the flow: `conntrack -D -p udp --orig-dst CLUSTER_IP`. The next packet is looked at anew.',
  },
  'endpoint-missing': {
    meaning: 'No rule leads to one of the endpoints.',
    look: 'iptables -t nat -S',
    mend: 'Add the rule for it, and give each endpoint its share.',
  },
  'skewed-probability': {
    meaning: 'The shares of the endpoints are not equal.',
    look: 'iptables -t nat -S',
    mend: 'Of n rules, give the first 1/n, the second 1/(n-1), and so on; the last has no condition.',
  },
  'last-rule-conditional': {
    meaning: 'Some packets are taken by none of the rules, so they stay untranslated.',
    look: 'iptables -t nat -S',
    mend: 'Let the last rule of the Service have no condition.',
  },
  'bridge-netfilter-off': {
    meaning:
      'Frames between pods of one bridge do not pass netfilter, so their answers are not translated back.',
    look: 'sysctl net.bridge.bridge-nf-call-iptables',
    mend: 'Turn it on: `sysctl -w net.bridge.bridge-nf-call-iptables=1`.',
  },
  'hairpin-masquerade-missing': {
    meaning: 'A pod that is sent to itself gets a packet from its own address, and drops it.',
    look: 'iptables -t nat -S',
    mend: 'Masquerade what comes from an endpoint and is translated to the same endpoint.',
  },
  'hairpin-port-off': {
    meaning: 'The bridge sends no frame back by the port that it came in by.',
    look: 'bridge -d link',
    mend: 'Let it: `bridge link set dev PORT hairpin on`.',
  },
  'no-endpoints': {
    meaning: 'Nobody is behind the Service where it was called, so nobody can answer.',
    look: 'iptables-save | grep -E "REJECT|DROP"',
    mend: 'Nothing: that is how it is to be. Call another node, or give the Service a pod that is ready.',
  },
  'no-such-port': {
    meaning: 'The Service has no such port.',
    look: 'iptables -t nat -S',
    mend: 'Ask for a port and protocol that the Service has: nothing else of a ClusterIP is there.',
  },
  'cluster-ip-outside': {
    meaning: 'A ClusterIP is an address for pods and nodes: only the nodes of the cluster translate it.',
    look: 'ip route get CLUSTER_IP',
    mend: 'Ask from a pod or a node; from outside, call the node port of the Service at the address of a node.',
  },
  'no-reject': {
    meaning: 'Nothing refuses connections to a Service without endpoints.',
    look: 'iptables -S',
    mend: 'Add a rule with `-j REJECT`: in FORWARD for pods, in OUTPUT for the node.',
  },
  'cluster-ip-owned': {
    meaning: 'An interface has the ClusterIP, or somebody answers ARP for it.',
    look: 'ip address; ip neigh show proxy',
    mend: 'Delete the address: a ClusterIP is only a number that rules look for.',
  },
} as const satisfies Readonly<Record<string, Cause>>;

export type CauseId = keyof typeof CAUSES;

/** The path of a cause's page on the site. */
export function causePage(id: string): string {
  return `/causes/${id}/`;
}
