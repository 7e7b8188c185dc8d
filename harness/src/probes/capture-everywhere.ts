/**
 * Captures in every namespace of a testbed at once, on one clock. The other end is
 * harness/image/agent/capture.c, which also takes away what the watched probes leave behind.
 */
import { TestbedError } from '../errors.ts';
import { type Host, hostName } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { type DecodedFrame, decodeBare, decodeFrame } from './decode-frame.ts';
import type { ProbePorts } from './probe-ports.ts';

/** One frame at one interface. */
export interface Sighting {
  readonly host: Host;
  readonly device: string;
  readonly direction: 'in' | 'out';
  /** The frame was for somebody else: a bridge flooded it, or the interface is a bridge's port. */
  readonly forOthers: boolean;
  readonly atNs: bigint;
  /** Bytes on the wire; `bytes` may be fewer. */
  readonly length: number;
  readonly bytes: Buffer;
  readonly frame: DecodedFrame;
}

export interface CapturedDevice {
  readonly host: Host;
  readonly name: string;
  /** ARPHRD_*: 1 is Ethernet, 772 the loopback. */
  readonly type: number;
}

export interface CaptureEverywhere {
  readonly devices: readonly CapturedDevice[];
  /** What was seen so far, in the order in which it passed. */
  seen(): Sighting[];
  /** Where a host is seen: a pod on the host's network is its node. */
  placeOf(host: Host): Host;
  /** Whether the host has a namespace. */
  sees(host: Host): boolean;
  /** Resolves when all that passed until now is seen. */
  sync(): Promise<void>;
  /** Ends it; resolves when nothing of the probes is left. */
  stop(): Promise<void>;
}

const AGENT = '/usr/lib/podwire/agent';
const READY_MS = 10_000;
const STOP_MS = 10_000;
/** A walk of many large packets takes a few thousand; where frames go round for ever, what comes later tells nothing new. */
const MOST_FRAMES = 50_000;
/** PACKET_* of linux/if_packet.h. */
const OTHER_HOST = 3;
const OUTGOING = 4;
const ETHERNET = 1;
const LOOPBACK = 772;

/** Resolves when every packet that passes from now on is seen. */
export async function captureEverywhere(
  testbed: Testbed,
  ports: ProbePorts,
  snapBytes: number,
): Promise<CaptureEverywhere> {
  const spaces = new Map<string, Host>();
  const aliases = new Map<string, Host>();
  const devices = new Map<string, CapturedDevice>();
  const sightings: Sighting[][] = [];
  const ready = Promise.withResolvers<void>();
  let rest = '';
  let kept = 0;
  const syncing: (() => void)[] = [];
  const read = (line: string) => {
    const [kind, id = '', ...words] = line.split(' ');
    if (kind === 'space')
      spaces.set(id, { node: words[0] ?? '', pod: words[1] === '-' ? '' : (words[1] ?? '') });
    const named = kind === 'alias' ? spaces.get(id) : undefined;
    if (named) aliases.set(`${words[0]}/${words[1]}`, named);
    if (kind === 'device') {
      const host = spaces.get(id);
      const [index = '', type = '1', name = ''] = words;
      if (host) devices.set(`${id} ${index}`, { host, name, type: Number(type) });
    }
    if (kind === 'ready') ready.resolve();
    if (kind === 'synced') syncing.shift()?.();
    if (kind !== 'frame' || kept === MOST_FRAMES) return;
    const host = spaces.get(id);
    const sighting = host ? readFrame(host, devices.get(`${id} ${words[0]}`), words) : null;
    if (!sighting) return;
    const list = sightings[Number(id)] ?? [];
    sightings[Number(id)] = list;
    list.push(sighting);
    kept++;
  };
  const words = testbed.nodes.map((node) => `${node}=${testbed.initOf(node)}`);
  const job = testbed.startInFabric(
    [AGENT, 'capture', String(ports.first), String(ports.last), String(snapBytes), ...words],
    {
      deadlineMs: Number.POSITIVE_INFINITY,
      onOutput: (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) read(line);
      },
    },
  );
  const ended = job.done.then(
    ({ stderr }) => ready.reject(new TestbedError(`The capture ended before it began: ${stderr.trim()}`)),
    (error) => ready.reject(error),
  );
  const timer = setTimeout(
    () => ready.reject(new TestbedError(`The capture did not begin within ${READY_MS} ms.`)),
    READY_MS,
  );
  try {
    await ready.promise;
  } catch (error) {
    job.kill();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    devices: [...devices.values()],
    placeOf: (host) => aliases.get(`${host.node}/${host.pod}`) ?? host,
    sees: ({ node, pod }) =>
      aliases.has(`${node}/${pod}`) ||
      [...spaces.values()].some((space) => space.node === node && space.pod === pod),
    seen: () => mergeByTime(sightings.filter(Boolean)),
    async sync() {
      const synced = new Promise<void>((resolve) => syncing.push(resolve));
      job.write('.');
      await Promise.race([synced, ended]);
    },
    async stop() {
      job.endInput();
      const late = setTimeout(() => job.kill(), STOP_MS);
      await ended;
      clearTimeout(late);
    },
  };
}

/** As in `Change`: a namespace that the plan does not know is `node1/NAME`. */
export function sightingHost(testbed: Testbed, host: Host): string {
  return host.pod === '' || testbed.plan.pods[host.pod]?.node === host.node
    ? hostName(host)
    : `${host.node}/${host.pod}`;
}

function readFrame(
  host: Host,
  device: CapturedDevice | undefined,
  [index = '', packetType = '', seconds = '0', nanoseconds = '0', length = '0', hex = '']: readonly string[],
): Sighting | null {
  const bytes = Buffer.from(hex, 'hex');
  const type = device?.type ?? ETHERNET;
  const frame = type === ETHERNET || type === LOOPBACK ? decodeFrame(bytes) : decodeBare(bytes);
  if (!frame) return null;
  return {
    host,
    device: device?.name ?? `if${index}`,
    direction: Number(packetType) === OUTGOING ? 'out' : 'in',
    forOthers: Number(packetType) === OTHER_HOST,
    atNs: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
    length: Number(length),
    bytes,
    frame,
  };
}

/** The clock is read where a packet passes; where two readings are alike, the queue says what came first. */
export function mergeByTime<T extends { readonly atNs: bigint }>(lists: readonly (readonly T[])[]): T[] {
  const merged = lists.flatMap((list, of) => list.map((item, at) => ({ item, of, at })));
  merged.sort((a, b) =>
    a.item.atNs === b.item.atNs ? a.of - b.of || a.at - b.at : a.item.atNs < b.item.atNs ? -1 : 1,
  );
  return merged.map(({ item }) => item);
}
