/** `podwire trace`: sends one probe and shows its walk. Status 0 when it arrives and is answered, 1 when not. */
import { writeFile } from 'node:fs/promises';
import { capturedInterfaces } from '../../diagnosis/walk/capture-file.ts';
import { walkAndCapture } from '../../diagnosis/walk/walk-packet.ts';
import { fileErrorText, UsageError } from '../../errors.ts';
import { writePcapng } from '../../probes/write-pcapng.ts';
import { painter } from '../board/text.ts';
import { openStandingLab, readLab, type SeedOption } from '../context.ts';
import { drawWalk } from '../draw-walk.ts';

interface Options extends SeedOption {
  readonly udp?: boolean;
  readonly tcp?: boolean;
  readonly icmp?: boolean;
  readonly size?: string;
  readonly count?: string;
  readonly json?: boolean;
  readonly pcap?: string;
}

const LARGEST_PACKET = 65_535;
const LARGEST_ANSWER = 10_000_000;
const MOST_PROBES = 200;
const WHOLE_FRAMES = 65_535;

export async function trace(number: string, from: string, to: string, options: Options): Promise<number> {
  const request = {
    from,
    to,
    ...protocolOf(options),
    ...numberOf(
      options.size,
      '--size',
      options.udp || options.icmp ? LARGEST_PACKET : LARGEST_ANSWER,
      'size',
    ),
    ...numberOf(options.count, '--count', MOST_PROBES, 'count'),
  };
  const context = await readLab(number, options);
  const { testbed } = await openStandingLab(context);
  await using _session = testbed;
  const snap = options.pcap === undefined ? {} : { snapBytes: WHOLE_FRAMES };
  const { walk, sightings, devices } = await walkAndCapture(testbed, request, snap);
  if (options.pcap !== undefined) {
    const { interfaces, packets } = capturedInterfaces(testbed, devices, sightings);
    await writeFile(options.pcap, writePcapng(interfaces, packets)).catch((error: unknown) => {
      throw new UsageError(`Could not write the capture to ${options.pcap}: ${fileErrorText(error)}`);
    });
  }
  const { stdout } = process;
  if (options.json) stdout.write(`${JSON.stringify(walk, null, 2)}\n`);
  else {
    const color = stdout.isTTY && !process.env.NO_COLOR && stdout.hasColors();
    stdout.write(`${drawWalk(walk, { columns: stdout.columns || 120, paint: painter(color) }).join('\n')}\n`);
    if (options.pcap !== undefined) stdout.write(`\n${sightings.length} frames written to ${options.pcap}\n`);
  }
  return walk.arrived ? 0 : 1;
}

function protocolOf({ udp, tcp, icmp }: Options): { protocol?: 'udp' | 'tcp' | 'icmp' } {
  const chosen = [udp && 'udp', tcp && 'tcp', icmp && 'icmp'].filter((word) => typeof word === 'string');
  if (chosen.length > 1)
    throw new UsageError(`Wanted one of --udp, --tcp and --icmp, found ${chosen.join(' and ')}.`);
  const [protocol] = chosen as ('udp' | 'tcp' | 'icmp')[];
  return protocol === undefined ? {} : { protocol };
}

function numberOf<Key extends string>(
  text: string | undefined,
  option: string,
  most: number,
  key: Key,
): { [name in Key]?: number } {
  if (text === undefined) return {};
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > most)
    throw new UsageError(`Wanted a number from 1 to ${most} for ${option}, found "${text}".`);
  return { [key]: number } as { [name in Key]?: number };
}
