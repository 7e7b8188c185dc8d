/**
 * Tells what changes in a testbed: kernel events of every namespace, and what the kernel does not announce.
 * The other end is harness/image/agent/watch.c.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../errors.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { type Change, withoutRepeats } from './change.ts';
import { NamespaceMemory } from './namespace-memory.ts';
import { parseMessage } from './netlink.ts';

export type { Change };

export interface Monitor extends AsyncDisposable {
  /** Resolves when the testbed is lost, with what was lost; also when the monitor is disposed. */
  readonly closed: Promise<string>;
}

/** One command makes several events: `ip link add` of a veth pair some ten. */
const TOGETHER_MS = 25;

/**
 * Calls `onChanges` with what changed, at most every {@link TOGETHER_MS}. Resolves when the monitor
 * listens everywhere: whatever changes after that is told.
 */
export async function watchChanges(
  testbed: Testbed,
  onChanges: (changes: readonly Change[]) => void,
): Promise<Monitor> {
  const interpreter = new Interpreter(testbed.plan.pods);
  let pending: Change[] = [];
  let timer: NodeJS.Timeout | undefined;
  let rest = '';
  let lost = '';
  const listening = Promise.withResolvers<void>();
  const flush = () => {
    const changes = withoutRepeats([...pending, ...interpreter.settle()]);
    pending = [];
    timer = undefined;
    if (changes.length > 0) onChanges(changes);
  };
  const job = testbed.startInFabric(
    ['/usr/lib/podwire/agent', 'watch', ...testbed.nodes.map((node) => `${node}=${testbed.initOf(node)}`)],
    {
      deadlineMs: Number.POSITIVE_INFINITY,
      onOutput: (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const [kind, node = ''] = line.split('\t', 2);
          if (kind === 'gone') lost = `${node} has ended.`;
          pending.push(...interpreter.read(line));
        }
        if (interpreter.nodesRead >= testbed.nodes.length) listening.resolve();
        if (pending.length > 0 || interpreter.unsettled) timer ??= setTimeout(flush, TOGETHER_MS);
      },
    },
  );
  const closed = job.done
    .then(
      ({ stderr }) => lost || stderr.trim() || 'The monitor has ended.',
      (error: unknown) => errorText(error),
    )
    .finally(() => clearTimeout(timer));
  await Promise.race([listening.promise, closed]);
  return {
    closed,
    async [Symbol.asyncDispose]() {
      job.kill();
      await Promise.race([closed, delay(1000, undefined, { ref: false })]);
    },
  };
}

/** A name, its value before and its value now. */
type Difference = readonly [string, string | undefined, string | undefined];

/** Turns the agent's lines into changes. */
export class Interpreter {
  readonly #pods: Readonly<Record<string, { readonly node: string }>>;
  readonly #memories = new Map<string, NamespaceMemory>();
  readonly #lists = new Map<string, ReadonlyMap<string, string>>();

  constructor(pods: Readonly<Record<string, { readonly node: string }>>) {
    this.#pods = pods;
  }

  /** Nodes that have been looked at whole. Files are what is looked at last. */
  get nodesRead(): number {
    return [...this.#lists.keys()].filter((key) => key.startsWith('files\t')).length;
  }

  /** Whether {@link settle} may have something to tell. */
  get unsettled(): boolean {
    return [...this.#memories.values()].some((memory) => memory.unsettled);
  }

  /** What is known to be a change only now that the messages after it have been read. */
  settle(): Change[] {
    return [...this.#memories].flatMap(([key, memory]) => {
      const [node = '', pod = ''] = key.split('\t');
      return memory.settle().map((told) => ({ host: this.#hostOf(node, pod), ...told }));
    });
  }

  read(line: string): Change[] {
    const [kind = '', node = '', pod = '', rest = ''] = line.split('\t');
    const host = this.#hostOf(node, pod);
    switch (kind) {
      case 'route':
        return this.#memory(node, pod)
          .hearRoute(parseMessage(rest))
          .map((told) => ({ host, ...told }));
      case 'rules':
        return this.#memory(node, pod)
          .hearRules(parseMessage(rest))
          .map((told) => ({ host, ...told }));
      case 'overflow':
        return [{ host, kind: 'link', text: 'more changed at once than could be heard' }];
      case 'namespaces':
        return this.#differences(kind, node, pod, rest).map(([name, before, after]) => {
          this.#memories.delete(`${node}\t${name}`);
          for (const list of ['settings', 'legacy']) this.#lists.delete([list, node, name].join('\t'));
          const event =
            before === undefined ? 'was added' : after === undefined ? 'was removed' : 'was made anew';
          return { host, kind: 'namespace', text: `namespace ${name} ${event}` };
        });
      case 'settings':
        return settingTexts(this.#differences(kind, node, pod, rest)).map((text) => ({
          host,
          kind: 'setting',
          text,
        }));
      case 'legacy':
        return this.#differences(kind, node, pod, rest).map(([table]) => ({
          host,
          kind: 'rules',
          text: `table ${table} of the old iptables changed`,
        }));
      case 'files':
        return this.#differences(kind, node, pod, rest).map(([path, , after]) => ({
          host,
          kind: 'files',
          text: `${path} ${after === undefined ? 'was removed' : 'was written'}`,
        }));
      default:
        return [];
    }
  }

  #hostOf(node: string, pod: string): string {
    return pod === '' ? node : this.#pods[pod]?.node === node ? `pod/${pod}` : `${node}/${pod}`;
  }

  #memory(node: string, pod: string): NamespaceMemory {
    const key = `${node}\t${pod}`;
    const known = this.#memories.get(key);
    if (known) return known;
    const memory = new NamespaceMemory();
    this.#memories.set(key, memory);
    return memory;
  }

  /** What differs from the list of the same kind before; nothing when this is the first. */
  #differences(kind: string, node: string, pod: string, rest: string): Difference[] {
    const key = [kind, node, pod].join('\t');
    const before = this.#lists.get(key);
    const after = new Map(
      rest
        .split(' ')
        .filter(Boolean)
        .map(
          (entry) =>
            [entry.slice(0, entry.lastIndexOf('=')), entry.slice(entry.lastIndexOf('=') + 1)] as const,
        ),
    );
    this.#lists.set(key, after);
    if (!before) return [];
    return [...new Set([...before.keys(), ...after.keys()])]
      .filter((name) => before.get(name) !== after.get(name))
      .map((name) => [name, before.get(name), after.get(name)] as const);
  }
}

/** Settings come and go with their interfaces, and ip_forward sets that of every interface: neither is told. */
function settingTexts(differences: readonly Difference[]): string[] {
  const forwards = differences.some(([name]) => name === 'ipv4/ip_forward');
  return differences
    .filter(
      ([name, before, after]) =>
        before !== undefined && after !== undefined && !(forwards && name.endsWith('/forwarding')),
    )
    .map(([name, , after]) => `net.${name.replaceAll('/', '.')} = ${after}`);
}
