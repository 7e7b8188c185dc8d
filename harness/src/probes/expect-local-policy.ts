/** What externalTrafficPolicy Local promises: a backend of the called node, which sees the client itself, or silence. */
import {
  ask,
  type Call,
  describeOthers,
  failure,
  firstOutcome,
  localBackends,
  nodeAddress,
  SILENCE_MS,
  serviceOf,
  target,
} from './call-node-port.ts';
import { expectAnswered, expectBackends } from './expect-node-port.ts';
import type { Network } from './network.ts';
import { CheckFailure } from './symptom.ts';

/** With externalTrafficPolicy Local: only backends of the called node answer, all of them, and see the client itself. */
export async function expectLocalBackends(network: Network, call: Call): Promise<void> {
  const asked = await expectAnswered(network, call);
  const local = localBackends(network, call);
  const expected = `only the backends of ${call.service} on ${call.node} (${local.join(', ')}) to answer ${call.from}`;
  const remote = asked.answers.find(({ server }) => !local.includes(server));
  if (remote) {
    const seen = `an answer of ${remote.server}, which is on another node`;
    throw failure(network, call, 'remote-backend', expected, seen, 'answer');
  }
  await expectBackends(network, call, local);
}

/** The backend sees the client's own address. */
export async function expectClientSeen(network: Network, call: Call): Promise<void> {
  const [asked, own] = await Promise.all([expectAnswered(network, call), network.addressOf(call.from)]);
  const changed = asked.answers.find(({ client }) => client !== own);
  if (!changed) return;
  const expected = `the backends of ${call.service} to see ${call.from} as ${own}`;
  const seen = `${changed.server} saw ${changed.client}`;
  throw failure(network, call, 'source-changed', expected, seen, 'answer');
}

/** Few: a node that refuses says so at most six times at once to one client (man 7 icmp, icmp_ratelimit). */
const UNANSWERED = 2;

/** A node without a backend of its own stays silent: no answer, no refusal (kube-proxy: "has no local endpoints", DROP). */
export async function expectSilence(network: Network, call: Call): Promise<void> {
  const asked = await ask(network, call, UNANSWERED, SILENCE_MS);
  const others = [...asked.others.keys()];
  if (asked.answers.length === 0 && others.every((kind) => kind === 'timeout')) return;
  const expected = `no answer from ${target(network, call)}: ${call.node} has no backend of ${call.service}`;
  const [answer] = asked.answers;
  if (answer)
    throw failure(network, call, 'remote-backend', expected, `an answer of ${answer.server}`, 'answer');
  throw failure(network, call, 'not-dropped', expected, describeOthers(asked), firstOutcome(asked));
}

/** Long enough for a packet that is lost and sent again after a second (RFC 6298). */
const HTTP_SECONDS = 2;

/** A load balancer that asks the health check port of a node hears whether it has backends of its own. */
export async function expectHealthCheck(
  network: Network,
  service: string,
  from: string,
  node: string,
): Promise<void> {
  const { healthCheckNodePort } = serviceOf(network, service);
  const address = nodeAddress(network, node);
  const wanted = localBackends(network, { service, from, node }).length > 0 ? 200 : 503;
  const host = network.testbed.host(from);
  let status = 0;
  let connected = false;
  // Load balancers ask for `/` or for `/healthz`; kube-proxy answers whatever the path is.
  for (const path of ['healthz', '']) {
    const url = `http://${address}:${healthCheckNodePort}/${path}`;
    const seen = ['-w', '%{http_code} %{time_connect}', '--max-time', String(HTTP_SECONDS)];
    const { stdout } = await network.testbed.probe(host, ['curl', '-s', '-o', '/dev/null', ...seen, url]);
    const [code, connectSeconds] = stdout.split(' ').map(Number);
    status = code ?? 0;
    connected = Boolean(connectSeconds);
    if (status === wanted) return;
    // Who does not even open a connection does not do so for another path.
    if (!connected) break;
  }
  const observed = status === 0 ? 'no answer in HTTP' : `the status ${status}`;
  throw new CheckFailure(`the status ${wanted} from ${node} at ${address}:${healthCheckNodePort}`, observed, {
    kind: 'health-check',
    host: network.testbed.host(node),
    port: healthCheckNodePort ?? 0,
    from: host,
    address,
    status,
    connected,
    wanted,
  });
}
