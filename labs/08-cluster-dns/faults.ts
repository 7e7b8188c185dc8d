/** Faults of lab 08, in the order of the checks that catch them. Each is put into what the guide leaves. */
import { defineFaults, type Fault } from 'podwire';

const ZONE = 'svc.$CLUSTER_DOMAIN';
/** The configuration of the server as the guide leaves it. No fault keeps a copy: one would tell what was changed. */
const RIGHT = [
  'no-hosts',
  'local=/$CLUSTER_DOMAIN/',
  `host-record=web.default.${ZONE},$SERVICE_WEB_IP`,
  `host-record=web.shop.${ZONE},$SERVICE_SHOPWEB_IP`,
  `host-record=empty.default.${ZONE},$SERVICE_EMPTY_IP`,
  `host-record=kube-dns.kube-system.${ZONE},$SERVICE_DNS_IP`,
  `host-record=users-0.users.default.${ZONE},$POD_B_IP`,
  `host-record=users-1.users.default.${ZONE},$POD_C_IP`,
  `host-record=users.default.${ZONE},$POD_B_IP`,
  `host-record=users.default.${ZONE},$POD_C_IP`,
  `srv-host=_http._tcp.web.default.${ZONE},web.default.${ZONE},80`,
  `srv-host=_dns._udp.kube-dns.kube-system.${ZONE},kube-dns.kube-system.${ZONE},53`,
  `srv-host=_dns-tcp._tcp.kube-dns.kube-system.${ZONE},kube-dns.kube-system.${ZONE},53`,
  `srv-host=_ldap._tcp.users.default.${ZONE},users-0.users.default.${ZONE},389`,
  `srv-host=_ldap._tcp.users.default.${ZONE},users-1.users.default.${ZONE},389`,
  `cname=docs.default.${ZONE},www.example.com`,
  'host-record=www.example.com,${INTERNET_CIDR%.*}.80',
];

/** Changes the configuration of the server, and starts it with that. */
function configured(change: string): Pick<Fault, 'apply' | 'repair'> {
  return {
    apply: { node2: `${change}\nrestart-dns` },
    repair: { node2: `cat >/etc/cluster-dns.conf <<END\n${RIGHT.join('\n')}\nEND\nrestart-dns` },
  };
}

const without = (pattern: string) => `sed -i '/${pattern}/d' /etc/cluster-dns.conf`;
const added = (...lines: string[]) => `cat >>/etc/cluster-dns.conf <<END\n${lines.join('\n')}\nEND`;

/**
 * A home-made server that stands before dnsmasq and spoils its answers: over UDP and TCP, or over UDP alone.
 * The first two bytes of a message are its number, the fourth holds the status, the third the flag TC (RFC 1035,
 * section 4.1.1).
 */
const SPOIL = `#!/usr/bin/perl
use strict;
use warnings;
use IO::Socket::INET;

my ($how) = @ARGV;

sub ask {
    my ($protocol, $question) = @_;
    my $server = IO::Socket::INET->new(Proto => $protocol, PeerAddr => '127.0.0.1', PeerPort => 5353) or return '';
    my $answer = '';
    if ($protocol eq 'udp') { $server->send($question); $server->recv($answer, 65535); return $answer }
    print $server pack('n/a*', $question);
    read $server, my $length, 2;
    read $server, $answer, unpack('n', $length);
    return $answer;
}

sub no_such_name {
    my ($question, $end) = @_;
    return substr($question, 0, 2) . pack('C2 n4', 0x85, 0x83, 1, 0, 0, 0) . substr($question, 12, $end - 12);
}

sub answer {
    my ($protocol, $question) = @_;
    my ($at, $name) = (12, '');
    while (my $length = ord substr $question, $at, 1) { $name .= substr($question, $at + 1, $length) . '.'; $at += $length + 1 }
    my $type = unpack 'n', substr $question, $at + 1, 2;
    my $answer = ask($protocol, $question);
    return no_such_name($question, $at + 5) if $how eq 'type' and $type == 28 and $name =~ /cluster/i;
    return no_such_name($question, $at + 5) if $how eq 'case' and $name ne lc $name;
    substr($answer, 0, 2) = pack 'n', 1 + unpack 'n', substr $answer, 0, 2 if $how eq 'number';
    substr($answer, 2, 1) = chr(ord(substr $answer, 2, 1) & 0xfd) if $how eq 'cut';
    return $answer if length $answer < 4;
    my $status = ord(substr $answer, 3, 1) & 0x0f;
    $status = 5 if $how eq 'refuse' and $name =~ /cluster/i;
    $status = 2 if $how eq 'fail' and $name =~ /cluster/i;
    $status = 0 if $how eq 'yes' and $status == 3;
    substr($answer, 3, 1) = chr(ord(substr $answer, 3, 1) & 0xf0 | $status);
    return $answer;
}

my %listen = (LocalAddr => '0.0.0.0', LocalPort => 53, ReuseAddr => 1);
my $udp = IO::Socket::INET->new(Proto => 'udp', %listen) or die $!;
if ($how ne 'udp' and !fork) {
    my $tcp = IO::Socket::INET->new(Proto => 'tcp', Listen => 50, %listen) or die $!;
    while (my $client = $tcp->accept) {
        while (read($client, my $length, 2) == 2) {
            read $client, my $question, unpack 'n', $length;
            print $client pack 'n/a*', answer('tcp', $question);
            $client->flush;
        }
    }
}
while (my $client = $udp->recv(my $question, 65535)) { $udp->send(answer('udp', $question), 0, $client) }
`;

type Spoiled = 'udp' | 'type' | 'case' | 'number' | 'cut' | 'refuse' | 'fail' | 'yes';

function spoiled(how: Spoiled): Pick<Fault, 'apply' | 'repair'> {
  const sockets = how === 'udp' ? 1 : 2;
  return {
    apply: {
      node2: `cat >/usr/local/bin/spoil <<'END'
${SPOIL}END
ip netns exec dns fuser -sk 53/udp 53/tcp
timeout 5 sh -c "while ip netns exec dns ss -Hlntu 'sport = :53' | grep -q .; do sleep 0.02; done"
ip netns exec dns dnsmasq --conf-file=/etc/cluster-dns.conf --port=5353 --pid-file=/run/behind.pid
setsid ip netns exec dns perl /usr/local/bin/spoil ${how} >/dev/null 2>&1 </dev/null &
timeout 5 sh -c "until [ \\$(ip netns exec dns ss -Hlntu 'sport = :53' | wc -l) = ${sockets} ]; do sleep 0.02; done"`,
    },
    repair: {
      node2: `ip netns exec dns fuser -sk 5353/udp 5353/tcp\nrestart-dns`,
    },
  };
}

/** Another resolv.conf in a pod of a node. */
function told(
  node: string,
  pod: string,
  wrong: readonly string[],
  right: readonly string[],
): Pick<Fault, 'apply' | 'repair'> {
  const write = (lines: readonly string[]) =>
    `cat >/etc/netns/${pod}/resolv.conf <<END\n${lines.join('\n')}\nEND`;
  return { apply: { [node]: write(wrong) }, repair: { [node]: write(right) } };
}

const SERVER = 'nameserver $SERVICE_DNS_IP';
const ZONES = 'svc.$CLUSTER_DOMAIN $CLUSTER_DOMAIN';
const OPTIONS = 'options ndots:5';
const inNamespace = (namespace: string) => [
  SERVER,
  `search ${namespace}.svc.$CLUSTER_DOMAIN ${ZONES} example.com`,
  OPTIONS,
];
const OF_THE_NODE = ['nameserver $UPSTREAM_IP', 'search example.com'];

const rule = (node: string, where: string, pod?: string): Pick<Fault, 'apply' | 'repair'> => {
  const iptables = pod ? `ip netns exec ${pod} iptables` : 'iptables';
  return { apply: { [node]: `${iptables} -I ${where}` }, repair: { [node]: `${iptables} -D ${where}` } };
};

/** The rule for TCP of the DNS Service on node1, with the name that kube-proxy gives its chain (lab 06). */
const DNS_OVER_TCP =
  'KUBE-SERVICES -m comment --comment "default/dns:dns-tcp cluster IP" -m tcp -p tcp -d "$SERVICE_DNS_IP" --dport 53 -j KUBE-SVC-7KFHHFMP66PZ2AOS';
/** The upstream, started as in start.md. */
const UPSTREAM = `net=\${INTERNET_CIDR%.*}
dnsmasq --conf-file=/dev/null --pid-file=/run/upstream.pid --user=root \\
  --no-resolv --no-hosts --addn-hosts=/etc/upstream.hosts --local=/example.com/ \\
  --host-record=www.example.com,"$net.80" --host-record=web.example.com,"$net.82" \\
  --address=/probe.example.com/"$net.81" --address=/#/"$net.200"`;

const server: Fault[] = [
  {
    id: 'server-gone',
    title: 'The server has ended',
    caughtBy: 'server',
    cause: 'no-listener',
    apply: { node2: 'ip netns exec dns fuser -sk 53/udp 53/tcp' },
    repair: { node2: 'restart-dns' },
  },
  {
    id: 'listens-on-loopback',
    title: 'The server listens on 127.0.0.1 alone',
    caughtBy: 'server',
    cause: 'dns-other-address',
    ...configured(added('listen-address=127.0.0.1', 'bind-interfaces')),
  },
  {
    id: 'udp-only',
    title: 'A home-made server that does not know of TCP',
    caughtBy: 'server',
    cause: 'no-listener',
    ...spoiled('udp'),
  },
  {
    id: 'wrong-number',
    title: 'A home-made server that answers with another number than the question has',
    caughtBy: 'server',
    cause: 'dns-answer-invalid',
    ...spoiled('number'),
  },
  {
    id: 'pod-drops-tcp',
    title: 'A rule in pod dns drops TCP port 53',
    caughtBy: 'server',
    cause: 'filter-drop',
    ...rule('node2', 'INPUT -p tcp --dport 53 -j DROP', 'dns'),
  },
  {
    id: 'forward-drops-udp',
    title: 'A rule on node2 drops forwarded packets to UDP port 53',
    caughtBy: 'reached',
    cause: 'filter-drop',
    ...rule('node2', 'FORWARD -p udp --dport 53 -j DROP'),
  },
  {
    id: 'forward-drops-answers',
    title: 'A rule on node2 drops forwarded packets from UDP port 53',
    caughtBy: 'reached',
    cause: 'filter-drop',
    ...rule('node2', 'FORWARD -p udp --sport 53 -j DROP'),
  },
  {
    id: 'no-way-out',
    title: 'Pod dns has no default route',
    caughtBy: 'reached',
    cause: 'no-route',
    apply: { node2: 'ip -n dns route del default' },
    repair: { node2: 'ip -n dns route add default via "$NODE2_POD_GATEWAY"' },
  },
  {
    id: 'client-with-another-gateway',
    title: 'Pod c, beside the server on its bridge, has a default route by a gateway that nobody is',
    caughtBy: 'reached',
    cause: 'wrong-gateway',
    apply: { node2: 'ip -n c route replace default via "${NODE2_POD_GATEWAY%.*}.253"' },
    repair: { node2: 'ip -n c route replace default via "$NODE2_POD_GATEWAY"' },
  },
  {
    id: 'no-service-on-tcp',
    title: 'node1 has no rule for TCP port 53 of the DNS Service',
    caughtBy: 'reached',
    cause: 'no-dnat',
    apply: { node1: `iptables -t nat -D ${DNS_OVER_TCP}` },
    repair: { node1: `iptables -t nat -A ${DNS_OVER_TCP}` },
  },
  {
    id: 'bridge-not-filtered',
    title:
      'node2 does not show its packet filter what its bridge forwards: answers come from another address',
    caughtBy: 'reached',
    cause: 'bridge-netfilter-off',
    apply: { node2: 'sysctl -q -w net.bridge.bridge-nf-call-iptables=0' },
    repair: { node2: 'sysctl -q -w net.bridge.bridge-nf-call-iptables=1' },
  },
  {
    id: 'asks-itself',
    title: 'Pod dns has the resolv.conf of other pods, so the server asks itself',
    caughtBy: 'default-policy',
    cause: 'wrong-nameserver',
    ...told('node2', 'dns', inNamespace('kube-system'), OF_THE_NODE),
  },
  {
    id: 'not-forwarded',
    title: 'The server asks nobody',
    caughtBy: 'forwards',
    cause: 'dns-not-forwarded',
    ...configured(added('no-resolv')),
  },
  {
    id: 'world-made-up',
    title: 'The server answers for example.com itself',
    caughtBy: 'forwards',
    cause: 'dns-not-forwarded',
    ...configured(added('address=/example.com/${INTERNET_CIDR%.*}.81')),
  },
  {
    id: 'one-domain-forwarded',
    title: 'The server asks the upstream for example.com, and nobody for the rest of the world',
    caughtBy: 'forwards',
    cause: 'dns-not-forwarded',
    ...configured(added('no-resolv', 'server=/example.com/$UPSTREAM_IP')),
  },
  {
    id: 'wrong-upstream',
    title: 'The server asks an address at which nobody is',
    caughtBy: 'forwards',
    cause: 'dns-wrong-upstream',
    ...configured(added('no-resolv', 'server=${INTERNET_CIDR%.*}.99')),
  },
  {
    id: 'upstream-gone',
    title: 'The upstream has ended',
    caughtBy: 'forwards',
    cause: 'no-listener',
    apply: { upstream: 'kill "$(cat /run/upstream.pid)"' },
    repair: { upstream: UPSTREAM },
  },
  {
    id: 'no-way-back',
    title: 'The router does not know the way to the pods of node2',
    caughtBy: 'forwards',
    cause: 'no-route',
    apply: { router: 'ip route del "$NODE2_POD_CIDR"' },
    repair: { router: 'ip route add "$NODE2_POD_CIDR" via "$NODE2_IP"' },
  },
  {
    id: 'upstream-blocked',
    title: 'The router drops what goes to UDP port 53',
    caughtBy: 'forwards',
    cause: 'filter-drop',
    ...rule('router', 'FORWARD -p udp --dport 53 -j DROP'),
  },
  {
    id: 'upstream-blocked-over-tcp',
    title: 'The router drops what goes to TCP port 53',
    caughtBy: 'forwards',
    cause: 'filter-drop',
    ...rule('router', 'FORWARD -p tcp --dport 53 -j DROP'),
  },
  {
    id: 'cut-off',
    title: 'A home-made server that does not say when an answer was cut off',
    caughtBy: 'large-answers',
    cause: 'dns-answer-cut',
    ...spoiled('cut'),
  },
];

const records: Fault[] = [
  {
    id: 'service-missing',
    title: 'The server has no record of Service web',
    caughtBy: 'cluster-ips',
    cause: 'dns-record-missing',
    ...configured(without('host-record=web.default')),
  },
  {
    id: 'service-of-before',
    title: 'The record of Service web has the address of another Service',
    caughtBy: 'cluster-ips',
    cause: 'dns-record-wrong',
    ...configured(`sed -i "/host-record=web.default/s/,.*/,$SERVICE_EMPTY_IP/" /etc/cluster-dns.conf`),
  },
  {
    id: 'zone-refused',
    title: 'A home-made server that refuses to answer for names of the cluster',
    caughtBy: 'cluster-ips',
    cause: 'dns-refused',
    ...spoiled('refuse'),
  },
  {
    id: 'zone-not-loaded',
    title: 'A home-made server that fails on names of the cluster, as with a zone that did not load',
    caughtBy: 'cluster-ips',
    cause: 'dns-server-failure',
    ...spoiled('fail'),
  },
  {
    id: 'endpoint-instead-of-service',
    title: 'The record of Service web has the addresses of its pods',
    caughtBy: 'cluster-ips',
    cause: 'dns-record-wrong',
    ...configured(`sed -i "/host-record=web.default/s/,.*/,$POD_B_IP/" /etc/cluster-dns.conf`),
  },
  {
    id: 'other-domain',
    title: 'All records are in another domain than the plan',
    caughtBy: 'cluster-ips',
    cause: 'dns-record-missing',
    ...configured(`sed -i "/^local/!s/$CLUSTER_DOMAIN/kubernetes.local/g" /etc/cluster-dns.conf`),
  },
  {
    id: 'zone-forwarded',
    title: 'The server asks the upstream for names of the cluster that it does not know',
    caughtBy: 'unknown-names',
    cause: 'dns-zone-forwarded',
    ...configured(without('^local=')),
  },
  {
    id: 'zone-asked-elsewhere',
    title: 'The server asks an address at which nobody is for names of the cluster that it does not know',
    caughtBy: 'unknown-names',
    cause: 'dns-zone-forwarded',
    ...configured(`${without('^local=')}\n${added('server=/$CLUSTER_DOMAIN/${INTERNET_CIDR%.*}.99')}`),
  },
  {
    id: 'wildcard',
    title: 'The server has an address for everything in namespace default',
    caughtBy: 'unknown-names',
    cause: 'dns-wildcard',
    ...configured(added('address=/default.svc.$CLUSTER_DOMAIN/$SERVICE_WEB_IP')),
  },
  {
    id: 'never-says-no',
    title: 'A home-made server that says NOERROR where it has nothing, and never NXDOMAIN',
    caughtBy: 'unknown-names',
    cause: 'dns-no-nxdomain',
    ...spoiled('yes'),
  },
  {
    id: 'address-line',
    title:
      'The name of web in shop is an "address=" line: dnsmasq says NXDOMAIN for its other types, as the zone is local',
    caughtBy: 'other-types',
    cause: 'dns-nxdomain-for-type',
    ...configured('sed -i "s|^host-record=\\(web.shop[^,]*\\),|address=/\\1/|" /etc/cluster-dns.conf'),
  },
  {
    id: 'no-ipv6-no-name',
    title: 'A home-made server that says NXDOMAIN for AAAA',
    caughtBy: 'other-types',
    cause: 'dns-nxdomain-for-type',
    ...spoiled('type'),
  },
  {
    id: 'case-matters',
    title: 'A home-made server that compares names byte by byte',
    caughtBy: 'any-case',
    cause: 'dns-case-sensitive',
    ...spoiled('case'),
  },
  {
    id: 'unready-pod',
    title: 'The name of users has the pod that is not ready too',
    caughtBy: 'headless',
    cause: 'unready-endpoint',
    ...configured(added('host-record=users.default.svc.$CLUSTER_DOMAIN,$POD_E_IP')),
  },
  {
    id: 'one-pod-only',
    title: 'The name of users has one of its two pods',
    caughtBy: 'headless',
    cause: 'dns-record-missing',
    ...configured('sed -i "/host-record=users.default.*,$POD_C_IP/d" /etc/cluster-dns.conf'),
  },
  {
    id: 'headless-as-service',
    title: 'The name of users has an address of the Service network',
    caughtBy: 'headless',
    cause: 'dns-record-wrong',
    ...configured(
      `${without('host-record=users.default')}\n${added('host-record=users.default.svc.$CLUSTER_DOMAIN,$SERVICE_EMPTY_IP')}`,
    ),
  },
  {
    id: 'names-swapped',
    title: 'users-0 and users-1 have changed places',
    caughtBy: 'hostnames',
    cause: 'dns-record-wrong',
    ...configured(
      'sed -i "/host-record=users-/{s/users-0/users-x/;s/users-1/users-0/;s/users-x/users-1/}" /etc/cluster-dns.conf',
    ),
  },
  {
    id: 'unready-pod-named',
    title: 'users-2, which is not ready, has a name',
    caughtBy: 'hostnames',
    cause: 'unready-endpoint',
    ...configured(added('host-record=users-2.users.default.svc.$CLUSTER_DOMAIN,$POD_E_IP')),
  },
  {
    id: 'reverse-of-old',
    title: 'The address of Service web leads to the name of a Service that had it before',
    caughtBy: 'reverse',
    cause: 'dns-record-wrong',
    ...configured(
      'sed -i "1i host-record=old.default.svc.$CLUSTER_DOMAIN,$SERVICE_WEB_IP" /etc/cluster-dns.conf',
    ),
  },
  {
    id: 'not-backwards',
    title: 'The PTR record of Service web has its address forwards',
    caughtBy: 'reverse',
    cause: 'ptr-not-reversed',
    ...configured(
      `sed -i "s|^host-record=\\\\(web.default[^,]*\\\\),|address=/\\\\1/|" /etc/cluster-dns.conf\n${added('ptr-record=$SERVICE_WEB_IP.in-addr.arpa,web.default.svc.$CLUSTER_DOMAIN')}`,
    ),
  },
  {
    id: 'target-port',
    title: 'The SRV record of web has the port of its pods',
    caughtBy: 'named-ports',
    cause: 'srv-record-wrong',
    ...configured('sed -i "/srv-host=_http/s/,80$/,$SERVICE_WEB_TARGET_PORT/" /etc/cluster-dns.conf'),
  },
  {
    id: 'no-srv-of-a-pod',
    title: 'One of the pods of users has no SRV record',
    caughtBy: 'named-ports',
    cause: 'dns-record-missing',
    ...configured(without('srv-host=_ldap.*users-1')),
  },
  {
    id: 'srv-of-unnamed',
    title: 'There is a SRV record of the port of web in shop, which has no name',
    caughtBy: 'unnamed-ports',
    cause: 'srv-for-unnamed-port',
    ...configured(added('srv-host=_http._tcp.web.shop.svc.$CLUSTER_DOMAIN,web.shop.svc.$CLUSTER_DOMAIN,80')),
  },
  {
    id: 'alias-as-address',
    title: 'docs has the address of www.example.com, and no CNAME',
    caughtBy: 'external-name',
    cause: 'alias-as-address',
    ...configured(
      `${without('^cname=')}\n${added('host-record=docs.default.svc.$CLUSTER_DOMAIN,$(dig +short @$UPSTREAM_IP www.example.com)')}`,
    ),
  },
  {
    id: 'alias-relative',
    title: 'The CNAME of docs has the zone behind its target: a final dot was left out',
    caughtBy: 'external-name',
    cause: 'alias-not-absolute',
    ...configured('sed -i "/^cname=/s/$/.default.svc.$CLUSTER_DOMAIN/" /etc/cluster-dns.conf'),
  },
  {
    id: 'alias-alone',
    title: 'The server gives the CNAME of docs, and no address with it',
    caughtBy: 'external-name',
    cause: 'alias-not-followed',
    ...configured(without('host-record=www.example.com')),
  },
];

const clients: Fault[] = [
  {
    id: 'no-search-list',
    title: 'Pod a has no search list',
    caughtBy: 'short-names',
    cause: 'wrong-search',
    ...told('node1', 'a', [SERVER, OPTIONS], inNamespace('default')),
  },
  {
    id: 'two-search-lines',
    title: 'Pod a has each domain in a line of its own: the last one counts',
    caughtBy: 'short-names',
    cause: 'wrong-search',
    ...told(
      'node1',
      'a',
      [SERVER, 'search default.svc.$CLUSTER_DOMAIN', 'search svc.$CLUSTER_DOMAIN', OPTIONS],
      inNamespace('default'),
    ),
  },
  {
    id: 'empty-file',
    title: 'The resolv.conf of pod c is empty',
    caughtBy: 'short-names',
    cause: 'no-resolver',
    ...told('node2', 'c', [], inNamespace('default')),
  },
  {
    id: 'asks-the-upstream',
    title: 'Pod a asks the upstream, not the cluster',
    caughtBy: 'short-names',
    cause: 'wrong-nameserver',
    ...told(
      'node1',
      'a',
      ['nameserver $UPSTREAM_IP', ...inNamespace('default').slice(1)],
      inNamespace('default'),
    ),
  },
  {
    id: 'world-first',
    title: "Pod b searches in the node's domain first, where there is another web",
    caughtBy: 'short-names',
    cause: 'search-order',
    ...told(
      'node1',
      'b',
      [SERVER, `search example.com default.svc.$CLUSTER_DOMAIN ${ZONES}`, OPTIONS],
      inNamespace('default'),
    ),
  },
  {
    id: 'other-namespace',
    title: 'Pod d, in namespace shop, searches in namespace default first',
    caughtBy: 'own-namespace',
    cause: 'search-order',
    ...told(
      'node2',
      'd',
      [SERVER, `search default.svc.$CLUSTER_DOMAIN shop.svc.$CLUSTER_DOMAIN ${ZONES}`, OPTIONS],
      inNamespace('shop'),
    ),
  },
  {
    id: 'no-ndots',
    title: 'Pod a has no option ndots, so names with a dot are asked of the world first',
    caughtBy: 'short-names',
    cause: 'wrong-ndots',
    ...told('node1', 'a', inNamespace('default').slice(0, 2), inNamespace('default')),
  },
  {
    id: 'too-few-dots',
    title: 'Pod b has ndots:3, so the name of a port is asked of the world first',
    caughtBy: 'ndots',
    cause: 'wrong-ndots',
    ...told('node1', 'b', [...inNamespace('default').slice(0, 2), 'options ndots:3'], inNamespace('default')),
  },
  {
    id: 'none-with-cluster',
    title: 'Pod e, with dnsPolicy None, asks the cluster',
    caughtBy: 'none-policy',
    cause: 'wrong-nameserver',
    ...told('node1', 'e', inNamespace('default'), [...OF_THE_NODE, 'options ndots:2']),
  },
  {
    id: 'host-network-as-default',
    title: 'The host-network pod asks whom its node asks, as with dnsPolicy ClusterFirst',
    caughtBy: 'host-network',
    cause: 'wrong-nameserver',
    ...told('node1', 'proxy', OF_THE_NODE, inNamespace('default')),
  },
  {
    id: 'node-asks-the-cluster',
    title: 'node1 itself was told to ask the cluster',
    caughtBy: 'host-network',
    cause: 'wrong-nameserver',
    apply: { node1: 'cat /etc/netns/a/resolv.conf >/etc/resolv.conf' },
    repair: { node1: `cat >/etc/resolv.conf <<END\n${OF_THE_NODE.join('\n')}\nEND` },
  },
];

export default defineFaults([...server, ...records, ...clients]);
