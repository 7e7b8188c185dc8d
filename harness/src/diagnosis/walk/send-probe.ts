/** Sends what is to be walked: our own client, or a DNS question where a DNS server is asked. */
import { DNS_PORT, ownQuestion } from '../../probes/dns.ts';
import { ask, type Outcome, type Protocol } from '../../probes/reach.ts';
import type { Host } from '../../testbed/host.ts';
import type { Testbed } from '../../testbed/testbed.ts';

export interface Probe {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  readonly size: number;
  /** The port it is sent from, or the id of an echo request. */
  readonly sourcePort: number;
  readonly timeoutMs: number;
}

export async function sendProbe(testbed: Testbed, from: Host, probe: Probe): Promise<Outcome> {
  if (probe.port !== DNS_PORT || probe.protocol === 'icmp' || probe.size !== 0)
    return ask(testbed, from, probe);
  const { name, type } = ownQuestion(testbed.plan.cluster.domain);
  return (await askDns(testbed, from, probe, name, type)).outcome;
}

/** One question, asked once, without search list (man 1 dig). */
export async function askDns(
  testbed: Testbed,
  from: Host,
  { protocol, address, port, sourcePort, timeoutMs }: Probe,
  name: string,
  type: string,
): Promise<{ outcome: Outcome; status: string; addresses: string[] }> {
  const seconds = String(Math.max(1, Math.round(timeoutMs / 1000)));
  const { stdout } = await testbed.probe(
    from,
    [
      'dig',
      `@${address}`,
      '-p',
      String(port),
      '-b',
      `0.0.0.0#${sourcePort}`,
      '+tries=1',
      `+time=${seconds}`, // biome-ignore format: a command line
      '+nocookie',
      '+noall',
      '+comments',
      '+answer',
      protocol === 'tcp' ? '+tcp' : '+notcp',
      name,
      type, // biome-ignore format: a command line
    ],
    { deadlineMs: timeoutMs + 5_000 },
  );
  const status = /status: (\w+)/.exec(stdout)?.[1] ?? '';
  const addresses = [...stdout.matchAll(/\sIN\s+A\s+(\d+\.\d+\.\d+\.\d+)/g)].map(([, found = '']) => found);
  const kind = status !== '' ? 'answer' : /refused/.test(stdout) ? 'refused' : /unreachable/.test(stdout) ? 'unreachable-remote' : 'timeout'; // biome-ignore format: one decision
  return { outcome: { kind, client: null, ttl: null }, status, addresses };
}
