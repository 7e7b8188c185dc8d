/** Ways to break the one pod of the solved lab. */
import { defineFaults } from 'podwire';

const stop = (port: number) => `stop-container ${port}`;
const waitFor = (port: number, where = 'ip netns exec a') =>
  `timeout 5 sh -c "until ${where} ss -Hltn 'sport = :${port}' | grep -q .; do sleep 0.02; done"`;
/** Starts a server in the background. */
const serve = (enter: string, socket: string) =>
  `setsid --fork ${enter} socat -t 0.1 tcp-listen:${socket},fork,reuseaddr exec:/usr/local/bin/greet >/dev/null 2>&1 </dev/null`;
const JOIN = 'nsenter --target "$(cat /run/podwire/pods/a)" --net --uts --ipc';
const KILL_ALL = `pkill -KILL -x socat
timeout 5 sh -c 'while pgrep -x socat >/dev/null; do sleep 0.02; done'`;
const KILL_PAUSE = `pause=$(cat /run/podwire/pods/a)
kill -KILL "$pause"
timeout 5 sh -c "while kill -0 $pause 2>/dev/null; do sleep 0.02; done"`;
const START_BOTH = 'start-container api 8080; start-container web 80';
const START_PAUSE = `rm -f /run/podwire/pods/a
setsid --fork nsenter --net=/run/netns/a unshare --uts --ipc sh -c '
  hostname a
  echo $$ >/run/podwire/pods/a
  exec sleep infinity' >/dev/null 2>&1 </dev/null
timeout 5 sh -c 'until [ -s /run/podwire/pods/a ]; do sleep 0.02; done'`;

export default defineFaults([
  {
    id: 'pause-gone',
    title: 'pause has ended, and only apps hold the pod',
    caughtBy: 'pause',
    cause: 'no-pause',
    apply: { node1: KILL_PAUSE },
    repair: { node1: `${START_PAUSE}\n${KILL_ALL}\n${START_BOTH}` },
  },
  {
    id: 'own-namespace',
    title: 'web was started in a network namespace of its own',
    caughtBy: 'web',
    cause: 'own-network',
    apply: {
      node1: `${stop(80)}\n${serve('unshare --net --mount', '80')}\ntimeout 5 sh -c 'until nsenter --target $(pgrep -n -x socat) --net ss -Hltn "sport = :80" | grep -q .; do sleep 0.02; done'`,
    },
    repair: { node1: `${KILL_ALL}\n${START_BOTH}` },
  },
  {
    id: 'host-network',
    title: "web was started in the node's network namespace (hostNetwork)",
    caughtBy: 'web',
    cause: 'host-network',
    apply: { node1: `${stop(80)}\n${serve('unshare --mount', '80')}\n${waitFor(80, '')}` },
    repair: { node1: 'fuser -sk 80/tcp\nstart-container web 80' },
  },
  {
    id: 'pause-restarted',
    title: 'The pod was made anew, and its old containers are left behind in the dead namespace',
    caughtBy: 'web',
    cause: 'orphaned-container',
    apply: {
      node1: `${KILL_PAUSE}
ip netns del a
ip link del veth-a
ip netns add a
ip -n a link set lo up
ip link add veth-a type veth peer name eth0 netns a
ip address add "$NODE1_POD_GATEWAY/24" dev veth-a
ip link set veth-a up
ip -n a address add "$POD_A_IP/24" dev eth0
ip -n a link set eth0 up
ip -n a route add default via "$NODE1_POD_GATEWAY"
${START_PAUSE}`,
    },
    repair: { node1: `${KILL_ALL}\n${START_BOTH}` },
  },
  {
    id: 'web-crashed',
    title: 'web has ended',
    caughtBy: 'web',
    cause: 'no-listener',
    apply: { node1: stop(80) },
    repair: { node1: 'start-container web 80' },
  },
  {
    id: 'port-clash',
    title: 'web has taken the port of api as well, so api could not start',
    caughtBy: 'api',
    cause: 'port-clash',
    apply: {
      node1: `${stop(8080)}
web=$(ip netns exec a fuser 80/tcp 2>/dev/null | tr -d ' ')
${serve('nsenter --target "$web" --net --uts --mount', '8080')}
${waitFor(8080)}`,
    },
    repair: { node1: `${stop(80)}; ${stop(8080)}\n${START_BOTH}` },
  },
  {
    id: 'api-on-other-port',
    title: 'api was started on port 8081',
    caughtBy: 'api',
    cause: 'no-listener',
    apply: { node1: `${stop(8080)}\nstart-container api 8081` },
    repair: { node1: `${stop(8081)}; ${stop(80)}\n${START_BOTH}` },
  },
  {
    id: 'other-address',
    title: "api listens at the pod's address alone",
    caughtBy: 'localhost',
    cause: 'not-on-loopback',
    apply: {
      node1: `${stop(8080)}\n${serve(`${JOIN} unshare --mount`, '8080,bind="$POD_A_IP"')}\n${waitFor(8080)}`,
    },
    repair: { node1: `${stop(8080)}; ${stop(80)}\n${START_BOTH}` },
  },
  {
    id: 'lo-down',
    title: 'lo of the pod is down',
    caughtBy: 'localhost',
    cause: 'loopback-down',
    apply: { node1: 'ip -n a link set lo down' },
    repair: { node1: 'ip -n a link set lo up' },
  },
  {
    id: 'lo-filtered',
    title: 'A rule in the pod drops what comes in by lo',
    caughtBy: 'localhost',
    cause: 'filter-drop',
    apply: { node1: 'ip netns exec a iptables -A INPUT -i lo -j DROP' },
    repair: { node1: 'ip netns exec a iptables -D INPUT -i lo -j DROP' },
  },
  {
    id: 'port-shared',
    title: 'Two containers listen on port 80 with SO_REUSEPORT, and each gets some of the connections',
    caughtBy: 'one-owner',
    cause: 'port-shared',
    apply: {
      node1: `${stop(80)}
${serve(`${JOIN} unshare --mount`, '80,reuseport')}
${serve(`${JOIN} unshare --mount`, '80,reuseport')}
timeout 5 sh -c 'until [ "$(ip netns exec a ss -Hltn "sport = :80" | wc -l)" = 2 ]; do sleep 0.02; done'`,
    },
    repair: { node1: `${stop(80)}\nstart-container web 80` },
  },
  {
    id: 'node-files',
    title: "api has no mount namespace and sees the node's files",
    caughtBy: 'own-files',
    cause: 'shared-files',
    apply: { node1: `${stop(8080)}\n${serve(JOIN, '8080')}\n${waitFor(8080)}` },
    repair: { node1: `${stop(8080)}; ${stop(80)}\n${START_BOTH}` },
  },
  {
    id: 'node-hostname',
    title: "api did not join the UTS namespace of the pod and has the node's hostname",
    caughtBy: 'hostname',
    cause: 'wrong-hostname',
    apply: {
      node1: `${stop(8080)}
${serve('nsenter --target "$(cat /run/podwire/pods/a)" --net unshare --mount', '8080')}
${waitFor(8080)}`,
    },
    repair: { node1: `${stop(8080)}; ${stop(80)}\n${START_BOTH}` },
  },
  {
    id: 'pause-started-again',
    title:
      'pause ended and was started again: its new hostname has the same text, and the apps keep the old one',
    caughtBy: 'hostname',
    cause: 'orphaned-container',
    apply: { node1: `${KILL_PAUSE}\n${START_PAUSE}` },
    repair: { node1: `${KILL_ALL}\n${START_BOTH}` },
  },
  {
    id: 'own-hostname',
    title: 'api has a UTS namespace of its own, and gave itself the name of the pod',
    caughtBy: 'hostname',
    cause: 'wrong-hostname',
    apply: {
      node1: `${stop(8080)}
${serve('nsenter --target "$(cat /run/podwire/pods/a)" --net unshare --uts --mount', '8080').replace('socat', 'sh -c \'hostname a; exec "$@"\' - socat')}
${waitFor(8080)}`,
    },
    repair: { node1: `${stop(8080)}; ${stop(80)}\n${START_BOTH}` },
  },
  {
    id: 'renamed',
    title: 'A container has renamed the whole pod',
    caughtBy: 'hostname',
    cause: 'wrong-hostname',
    apply: { node1: 'nsenter --target "$(cat /run/podwire/pods/a)" --uts hostname web' },
    repair: { node1: 'nsenter --target "$(cat /run/podwire/pods/a)" --uts hostname a' },
  },
  {
    id: 'other-container-restarted',
    title: 'api was started again, and web was not',
    caughtBy: 'restart',
    cause: 'not-restarted',
    apply: { node1: `${stop(8080)}\nstart-container api 8080` },
    repair: { node1: `${stop(80)}\nstart-container web 80` },
  },
  {
    id: 'address-changed',
    title: 'The pod got another address when web was started again',
    caughtBy: 'restart',
    cause: 'wrong-address',
    apply: {
      node1:
        'ip -n a address flush dev eth0; ip -n a address add "$(echo "$NODE1_POD_GATEWAY" | cut -d. -f1-3).201/24" dev eth0',
    },
    repair: {
      node1: `ip -n a address flush dev eth0
ip -n a address add "$POD_A_IP/24" dev eth0
ip -n a route add default via "$NODE1_POD_GATEWAY"`,
    },
  },
]);
