/** The table of connections of a namespace (man 8 conntrack): which flows are translated, and to whom. */
import type { Host } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';

export interface Flow {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  /** Who answers, as the table expects: after translation the endpoint; without it the destination itself. */
  readonly answers: string;
  readonly answersFromPort: number;
  /** Whom the answer is sent to: the client, or who stands in for it after masquerading. */
  readonly returnsTo: string;
  readonly replied: boolean;
  /** How long the flow is kept if nothing more is sent; each packet sets it back. */
  readonly secondsLeft: number;
}

/** The flows to an address, over one protocol. */
export async function readFlows(
  testbed: Testbed,
  host: Host,
  protocol: 'tcp' | 'udp',
  destination: string,
): Promise<Flow[]> {
  const argv = ['conntrack', '-L', '-p', protocol, '--orig-dst', destination];
  const { stdout } = await testbed.probe(host, argv);
  return parseFlows(stdout);
}

/** Lines of `conntrack -L`: the way there, then the way back, each as `src= dst= sport= dport=`. */
export function parseFlows(printed: string): Flow[] {
  const way = 'src=(\\S+) dst=(\\S+) sport=(\\d+) dport=(\\d+)';
  const line = new RegExp(`${way} (?:packets=\\d+ bytes=\\d+ )?(\\[UNREPLIED\\] )?${way}`);
  return printed.split('\n').flatMap((text) => {
    const match = line.exec(text);
    const secondsLeft = Number(/^\w+\s+\d+ (\d+)/.exec(text)?.[1] ?? 0);
    if (!match) return [];
    const [
      ,
      source = '',
      destination = '',
      sourcePort,
      destinationPort,
      unreplied,
      answers = '',
      returnsTo = '',
      from,
    ] = match;
    return [
      {
        source,
        destination,
        sourcePort: Number(sourcePort),
        destinationPort: Number(destinationPort),
        answers,
        answersFromPort: Number(from),
        returnsTo,
        replied: unreplied === undefined,
        secondsLeft,
      },
    ];
  });
}
