/**
 * Sends one real probe and follows it everywhere: captures and rule traces in every namespace, put together to
 * the walk of the request and of its answer. Nothing that the probe leaves behind stays.
 */
import {
  type CapturedDevice,
  type CaptureEverywhere,
  captureEverywhere,
  type Sighting,
} from '../../probes/capture-everywhere.ts';
import { forgetUnresolvedNeighbours } from '../../probes/kernel-state.ts';
import { takePorts } from '../../probes/probe-ports.ts';
import { type Server, startServer } from '../../probes/reach.ts';
import type { Host } from '../../testbed/host.ts';
import type { Testbed } from '../../testbed/testbed.ts';
import { Evidence } from '../evidence.ts';
import { findTarget, type Target } from './find-target.ts';
import { makeWalk, type Sent } from './make-walk.ts';
import { resolveName } from './resolve-name.ts';
import { Scene } from './scene.ts';
import { sendProbe } from './send-probe.ts';
import { traceEverywhere } from './trace-everywhere.ts';
import type { Walk, WalkRequest } from './walk.ts';

export interface WalkOptions {
  /** How long a probe may stay without an answer before it counts as lost. */
  readonly patienceMs?: number;
  /** Bytes of each packet that are kept. */
  readonly snapBytes?: number;
  /**
   * It is the rest of a diagnosis: the finders of the checks have been asked about this probe, and the first one that is
   * lost is enough.
   */
  readonly forDiagnosis?: boolean;
  /** Given the taking away of what the walk made, to wait for it later; otherwise the walk ends with it. */
  readonly unfinished?: (work: Promise<void>) => void;
  /** Ends the walk where it is, since nobody wants to know any more. */
  readonly signal?: AbortSignal;
}

export interface CapturedWalk {
  readonly walk: Walk;
  /** All that was seen meanwhile, for a capture file. */
  readonly sightings: readonly Sighting[];
  readonly devices: readonly CapturedDevice[];
}

/** TCP sends its SYN again after a second: until then there is one packet to follow. */
const PATIENCE_MS = 600;
const SNAP_BYTES = 256;
/** For probes that are sent once more while counters are read. */
const RESENT_MS = 200;
const AT_ONCE = 12;
/** Where no server could be started: the port of TCPMUX (RFC 1078), which nobody serves. */
const NOBODY_HAS = 1;
/** Ports for what is asked beside the probes: names, and what is sent once more when those have been asked. */
const EXTRA_PORTS = 16;

/** @throws {UsageError} when the words of the request mean nothing in this testbed; the signal's reason when it ends the walk. */
export async function walkPacket(
  testbed: Testbed,
  request: WalkRequest,
  options: WalkOptions = {},
): Promise<Walk> {
  return (await walkAndCapture(testbed, request, options)).walk;
}

/** The same, with all that was captured. */
export async function walkAndCapture(
  testbed: Testbed,
  request: WalkRequest,
  options: WalkOptions = {},
): Promise<CapturedWalk> {
  const cleanup = new AsyncDisposableStack();
  try {
    return await followProbe(testbed, request, options, cleanup);
  } finally {
    const cleaning = cleanup.disposeAsync();
    if (options.unfinished) options.unfinished(cleaning);
    else await cleaning;
  }
}

async function followProbe(
  testbed: Testbed,
  request: WalkRequest,
  { patienceMs = PATIENCE_MS, snapBytes = SNAP_BYTES, forDiagnosis = false, signal }: WalkOptions,
  cleanup: AsyncDisposableStack,
): Promise<CapturedWalk> {
  const startedMs = performance.now();
  const evidence = new Evidence(testbed);
  const from = testbed.host(request.from);
  const count = request.count ?? 1;
  const [target] = await Promise.all([findTarget(evidence, request), standServers(testbed)]);
  const ports = takePorts(count + EXTRA_PORTS);

  signal?.throwIfAborted();
  const capture = await captureEverywhere(testbed, ports, snapBytes);
  cleanup.defer(() => capture.stop());
  signal?.throwIfAborted();
  const withoutNamespace = (host: Host) => !capture.sees(host);
  // Neither is worth waiting for when the other fails, and both have to be ended.
  const [reading, tracing, forgetting] = await Promise.allSettled([
    Scene.read(evidence, capture.devices),
    traceEverywhere(testbed, hostsOf(capture), target.protocol, ports),
    forgetUnresolved(testbed, capture.sees(from) ? [from] : []),
  ]);
  if (tracing.status === 'fulfilled') cleanup.defer(() => tracing.value.stop());
  const [scene, rules] = [settledValue(reading), settledValue(tracing)];
  settledValue(forgetting);
  signal?.throwIfAborted();

  const server = await startAt(testbed, target, withoutNamespace);
  if (server) cleanup.defer(() => server.stop());
  const canSend = capture.sees(from);
  const named = canSend ? await resolveName(testbed, from, target, ports.first + count, patienceMs) : null;
  const address = target.address ?? named?.address ?? null;
  const port = target.port ?? (target.protocol === 'udp' ? server?.udpPort : server?.tcpPort) ?? NOBODY_HAS;
  const probe = { protocol: target.protocol, port, size: request.size ?? 0 };
  const sent: Sent[] = [];
  if (address !== null && canSend) {
    const send = async (number: number) => {
      const sourcePort = ports.first + number;
      const outcome = await sendProbe(testbed, from, {
        ...probe,
        address,
        sourcePort,
        timeoutMs: patienceMs,
      });
      sent[number] = { sourcePort, outcome };
    };
    await send(0);
    const wanted = forDiagnosis && sent[0]?.outcome.kind !== 'answer' ? 1 : count;
    for (let next = 1; next < wanted; next += AT_ONCE) {
      const numbers = Array.from({ length: Math.min(AT_ONCE, wanted - next) }, (_, index) => next + index);
      await Promise.all(numbers.map(send));
    }
  }
  signal?.throwIfAborted();
  await Promise.all([rules.settle(), capture.sync()]);
  signal?.throwIfAborted();
  const sightings = capture.seen();
  const walk = await makeWalk({ testbed, scene, sightings, metIn: (host) => rules.metIn(host) }, evidence, {
    request,
    from: capture.placeOf(from),
    target: { ...target, port },
    address,
    sent,
    named,
    startedMs,
    findersAsked: forDiagnosis,
    withoutNamespace,
    resend: async (times) => {
      if (address === null || !canSend) return;
      const again = { ...probe, address, timeoutMs: RESENT_MS };
      const numbers = Array.from({ length: Math.min(times, EXTRA_PORTS) }, (_, index) => index);
      await Promise.all(
        numbers.map((number) => sendProbe(testbed, from, { ...again, sourcePort: ports.last - number })),
      );
    },
  });
  return { walk, sightings, devices: capture.devices };
}

function settledValue<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}

/** A server of the walk's own, where no port was named and the host is there to listen. */
async function startAt(
  testbed: Testbed,
  { port, host }: Target,
  withoutNamespace: (host: Host) => boolean,
): Promise<Server | null> {
  return port === null && host !== null && !withoutNamespace(host) ? startServer(testbed, host) : null;
}

/** Every namespace that was found, the learner's own ones too. */
function hostsOf({ devices }: CaptureEverywhere): Host[] {
  return [...new Map(devices.map(({ host }) => [`${host.node}/${host.pod}`, host])).values()];
}

/** Whoever got no answer just now asks again once a second only: the walk would not see what it waits for. */
async function forgetUnresolved(testbed: Testbed, senders: readonly Host[]): Promise<void> {
  const hosts = [...senders, ...testbed.nodes.map((node): Host => ({ node, pod: '' }))];
  await Promise.allSettled(hosts.map((host) => forgetUnresolvedNeighbours(testbed, host)));
}

async function standServers(testbed: Testbed): Promise<void> {
  if (Object.keys(testbed.plan.servers).length > 0) await testbed.standApps();
}
