/** How much a server lets be asked of it. Tests make it less. */

/** So many at once, and so many each second after that. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

export interface ServerLimits {
  /**
   * For one address. Behind a proxy, or the engine's port mapping, a whole class has one: a page and its files come
   * at once, and thirty pages at the beginning of a lesson.
   */
  readonly files: Rate;
  readonly requests: Rate;
  readonly openings: Rate;
  /** For one address: who guesses has to wait. */
  readonly wrongTokens: Rate;
  /** What costs the engine something, for one testbed: a person does not click faster than this. */
  readonly heavy: Rate;
  /** The same for one address, over all testbeds: a new seed is a new testbed. */
  readonly heavyOfAddress: Rate;
  /** For one socket: acknowledgements come as fast as output is shown. */
  readonly messages: Rate;
  readonly sockets: number;
  /** A peer that does not answer a ping until the next is gone. */
  readonly pingMs: number;
  /** Of one testbed; each is a shell and a screen of some 100 KiB. */
  readonly terminals: number;
  /** Testbeds that stand at once: some GiB of memory. */
  readonly open: number;
}

export const USUAL_LIMITS: ServerLimits = {
  files: { burst: 4_000, perSecond: 500 },
  requests: { burst: 500, perSecond: 100 },
  openings: { burst: 300, perSecond: 30 },
  wrongTokens: { burst: 10, perSecond: 1 },
  heavy: { burst: 20, perSecond: 2 },
  heavyOfAddress: { burst: 120, perSecond: 20 },
  messages: { burst: 2_000, perSecond: 1_000 },
  sockets: 500,
  pingMs: 30_000,
  terminals: 40,
  open: 100,
};
