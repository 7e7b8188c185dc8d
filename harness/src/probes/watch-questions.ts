/** Who asks a DNS server for a name: what tcpdump reads out of the questions that arrive at a host. */
import { randomBytes } from 'node:crypto';
import { TestbedError } from '../errors.ts';
import type { Host } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';
import { DNS_PORT } from './dns.ts';

const READY_MS = 10_000;
/** How long a question that was asked may take to show, on a machine that is busy with a class. */
const SHOWN_MS = 5_000;

/** A label that nobody has asked for, or answered, before. */
export function inventLabel(): string {
  return `x${randomBytes(5).toString('hex')}`;
}

/**
 * Which of the words the questions hold that arrive at the host while `act` runs. `last` is a word that `act` sees
 * to being asked for at the end: what comes is told in order, so once that is there, everything before it is too.
 */
export async function questionsWhile(
  testbed: Testbed,
  host: Host,
  words: readonly string[],
  last: string,
  act: () => Promise<unknown>,
): Promise<Map<string, boolean>> {
  const printed = await hearWhile(testbed, host, 'in', last, act);
  return new Map(words.map((word) => [word, printed.toLowerCase().includes(word)]));
}

/** The servers that a host asks for a name which holds a word, while `act` runs; the host asks for `last` in the end. */
export async function serversAskedWhile(
  testbed: Testbed,
  host: Host,
  word: string,
  last: string,
  act: () => Promise<unknown>,
): Promise<string[]> {
  const printed = (await hearWhile(testbed, host, 'out', last, act)).toLowerCase();
  const asked = [...printed.matchAll(/ > ([\d.]+)\.53: (.*)$/gm)].filter(([, , text]) =>
    text?.includes(word),
  );
  return [...new Set(asked.map(([, server = '']) => server))];
}

/** What tcpdump prints of the questions that come or go. */
async function hearWhile(
  testbed: Testbed,
  host: Host,
  direction: 'in' | 'out',
  last: string,
  act: () => Promise<unknown>,
): Promise<string> {
  // As root: the fabric may not end the processes of another user, which tcpdump otherwise becomes. Without a
  // limit (-s) its buffer would hold eight packets.
  const command = `exec tcpdump -Z root -i any -Q ${direction} --immediate-mode -l -n -t -A -s 400 'port ${DNS_PORT}' 2>&1`;
  const ready = Promise.withResolvers<void>();
  const heard = Promise.withResolvers<void>();
  let printed = '';
  const has = (word: string) => printed.toLowerCase().includes(word);
  const job = testbed.startProbe(host, ['sh', '-c', command], {
    deadlineMs: Number.POSITIVE_INFINITY,
    onOutput: (text) => {
      printed += text;
      if (printed.includes('listening on')) ready.resolve();
      if (has(last)) heard.resolve();
    },
  });
  const late = (what: string) => new TestbedError(`The capture of questions did not ${what}: ${printed}`);
  const failed = () => {
    ready.reject(late('begin'));
    heard.reject(late('last'));
  };
  heard.promise.catch(() => {});
  let timer = setTimeout(failed, READY_MS);
  job.done.then(failed, failed);
  try {
    await ready.promise;
    await act();
    clearTimeout(timer);
    timer = setTimeout(() => heard.reject(late(`show the question for ${last}`)), SHOWN_MS);
    await heard.promise;
  } finally {
    clearTimeout(timer);
    job.kill();
    await Promise.allSettled([job.done]);
  }
  return printed;
}
