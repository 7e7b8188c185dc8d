/** Draws faults, the same ones for the same seed. */
import { createHash } from 'node:crypto';
import { type DrawnFault, KINDS } from './fault-kinds.ts';
import type { Ground } from './ground.ts';

/** Numbers that look random: what is asked for, in order, is the same for the same seed. */
export class Chance {
  readonly #seed: string;
  #turn = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** From 0 to below `most`. */
  below(most: number): number {
    const hash = createHash('sha256')
      .update(`${this.#seed}\n${this.#turn++}`)
      .digest();
    return hash.readUInt32BE(0) % most;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

const PROTOCOLS = ['tcp', 'udp', 'icmp'] as const;

/** A fault of a kind, or null where the kind makes no sense on this ground. */
export function makeFault(kind: string, ground: Ground, chance: Chance): DrawnFault | null {
  const protocol = chance.pick(PROTOCOLS);
  const made = KINDS[kind]?.(ground, (most) => chance.below(most));
  return made ? { protocol, ...made, kind } : null;
}

/** Two faults at once: whichever is met first decides, so either name is right, and so is either place. */
export function both(one: DrawnFault, other: DrawnFault): DrawnFault {
  const hosts = new Set([...Object.keys(one.apply), ...Object.keys(other.apply)]);
  const size = one.size ?? other.size;
  return {
    kind: `${one.kind} + ${other.kind}`,
    apply: Object.fromEntries(
      [...hosts].map((host) => [host, [one.apply[host], other.apply[host]].filter(Boolean).join('\n')]),
    ),
    causes: [...one.causes, ...other.causes],
    lostIn: [...one.lostIn, ...other.lostIn],
    protocol: one.protocol,
    ...(size === undefined ? {} : { size }),
  };
}
