/** A packet that went missing, or was never answered. */
import type { Host } from '../../testbed/host.ts';
import type { Step } from './follow-packet.ts';

export interface Missing {
  /** Where it was seen; empty when it never left its sender. */
  readonly way: readonly Step[];
  readonly sender: Host;
  /** Who sent the probe, and from which port (ICMP: with which id). */
  readonly asker: Host;
  readonly sourcePort: number;
  /** Where the probe was to go, as its asker meant it. */
  readonly address: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  /** Sends the probe so many times more, at once, to be watched by counters. */
  resend(times: number): Promise<void>;
}

/** The host that had the packet in hand when it went missing. */
export function hostInHand({ way, sender }: Missing): Host {
  return way.at(-1)?.sighting.host ?? sender;
}
