/** A pod of the fabric's, plugged into a learner's bridge for the time of one check. */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { CommandError } from '../errors.ts';
import type { Host } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { type Interface, readInterfaces } from './kernel-state.ts';
import { ownMac } from './own-interface.ts';
import { paced } from './paced.ts';
import { askCommand, type Outcome, type Question, readOutcome } from './reach.ts';
import { CheckFailure } from './symptom.ts';

const LONGEST_START_MS = 1_500;
const LONGEST_WAIT_MS = 10_000;
const LOOK_AGAIN_MS = 20;

export interface AddedPod extends AsyncDisposable {
  /** Its end of the cable in the node. */
  readonly port: string;
  ask(question: Question): Promise<Outcome>;
  /** So that its next packet asks by ARP at once, whoever did not answer before. */
  forgetNeighbours(): Promise<void>;
}

interface Wanted {
  readonly node: string;
  readonly bridge: Interface;
  readonly address: string;
  readonly prefixLength: number;
  /** Null: the default route has no gateway, and the node answers ARP for everybody. */
  readonly gateway: string | null;
}

/**
 * Makes a namespace in the fabric and cables it to the bridge. The namespace lives as long as a process
 * of the session: when the harness dies, the kernel removes both ends of the cable with it.
 */
export async function addPod(
  testbed: Testbed,
  { node, bridge, address, prefixLength, gateway }: Wanted,
): Promise<AddedPod> {
  const printed = Promise.withResolvers<string>();
  // The settings come first: the end of the cable that is put in later takes them over.
  const hold = '/usr/lib/podwire/start-namespace && echo $$ && exec cat';
  const holder = testbed.startInFabric(['unshare', '--net', 'sh', '-c', hold], {
    deadlineMs: Number.POSITIVE_INFINITY,
    onOutput: (text) => printed.resolve(text.trim()),
  });
  holder.done.then(
    ({ stderr, exitCode }) =>
      printed.reject(new CommandError('the fabric', ['unshare', '--net'], exitCode, stderr)),
    (error) => printed.reject(error),
  );
  const pid = await printed.promise;
  const host = { node, pod: '' };
  const ports = (await readInterfaces(testbed, host)).filter(({ master }) => master === bridge.name);
  const port = nameLike(ports.map(({ name }) => name));
  const inside = ['nsenter', '--target', pid, '--net', '--'];

  const dispose = async (): Promise<void> => {
    await testbed.probe(host, ['ip', 'link', 'del', 'dev', port]);
    holder.endInput();
    await holder.done;
    // Whoever was asked for the address remembers it: a learner may give it to a pod of their own next.
    const hosts = [
      host,
      ...testbed.pods.map((pod) => testbed.host(`pod/${pod}`)).filter((pod) => pod.node === node),
    ];
    const forget = `for device in $(ip -4 neigh show to ${address} nud all | sed 's/.* dev \\([^ ]*\\).*/\\1/'); do ip neigh del ${address} dev "$device"; done`;
    await Promise.allSettled(hosts.map((each) => testbed.probe(each, ['sh', '-c', forget])));
  };
  try {
    const ends = ['address', ownMac(), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pid];
    await must(testbed.probe(host, ['ip', 'link', 'add', 'name', port, ...ends]), node);
    // Word by word: the bridge is the learner's, and so is its name (a # would begin a comment in a batch).
    const plug = ['link', 'set', 'dev', port, 'mtu', String(bridge.mtu), 'master', bridge.name, 'up'];
    const plugged = await testbed.probe(host, ['ip', ...plug]);
    if (plugged.exitCode !== 0) throw refusesPort(host, bridge.name, plugged.stderr);
    await must(
      testbed.runInFabric([...inside, 'ip', '-batch', '-'], {
        input: `link set eth0 mtu ${bridge.mtu} up\naddr add ${address}/${prefixLength} dev eth0\nroute add default ${gateway === null ? '' : `via ${gateway} onlink `}dev eth0\n`,
      }),
      'the added pod',
    );
    await untilForwarding(testbed, host, port, bridge);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    port,
    ask: async (question) => {
      const argv = [...inside, ...askCommand(question)];
      const deadlineMs = question.timeoutMs + 5_000;
      const finished = await paced(testbed, () => testbed.runInFabric(argv, { deadlineMs }));
      return readOutcome(question, finished);
    },
    forgetNeighbours: async () => {
      await testbed.runInFabric([...inside, 'ip', 'neigh', 'flush', 'dev', 'eth0']);
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** IFNAMSIZ, linux/if.h */
const LONGEST_NAME = 15;

/**
 * A name like those of the bridge's other ports, as a runtime gives it: rules may know them all by how their names
 * begin, and nobody can tell this one.
 */
export function nameLike(ports: readonly string[]): string {
  const number = String(randomInt(1e5, 1e6));
  let common = ports[0] ?? '';
  for (const name of ports) while (!name.startsWith(common)) common = common.slice(0, -1);
  // The kernel would take a % for a place to fill in.
  const plain = /^\w[\w.-]*/.exec(common)?.[0] ?? 'veth';
  return plain.slice(0, LONGEST_NAME - number.length) + number;
}

/**
 * Until the bridge sends by the new port, as a runtime waits too: the kernel takes up to a second to start
 * with it, and a bridge with STP listens and learns first.
 */
async function untilForwarding(testbed: Testbed, node: Host, port: string, bridge: Interface): Promise<void> {
  const listensMs = bridge.stp ? 2 * bridge.forwardDelayMs : 0;
  const deadline = performance.now() + Math.min(listensMs + LONGEST_START_MS, LONGEST_WAIT_MS);
  while (performance.now() < deadline) {
    const interfaces = await readInterfaces(testbed, node);
    const found = interfaces.find(({ name }) => name === port);
    if (found?.portState === 'forwarding' && !found.settling) return;
    if (!interfaces.some(({ name, up }) => name === bridge.name && up)) return;
    await delay(LOOK_AGAIN_MS);
  }
}

/** A bridge has at most 1023 ports (BR_MAX_PORTS, net/bridge/br_private.h), and is gone when it is removed. */
function refusesPort(host: Host, bridge: string, said: string): CheckFailure {
  const text = `${bridge} takes no further port: ${said.trim()}`;
  const named = { id: 'not-in-bridge', where: host.node, text };
  return new CheckFailure(
    `${bridge} to take the cable of a pod that is added`,
    text,
    { kind: 'no-bridge', host },
    named,
  );
}

async function must(running: Promise<{ exitCode: number; stderr: string }>, where: string): Promise<void> {
  const { exitCode, stderr } = await running;
  if (exitCode !== 0) throw new CommandError(where, ['ip'], exitCode, stderr);
}
