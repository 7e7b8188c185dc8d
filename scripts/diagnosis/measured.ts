/** What was measured of one fault. */
export interface Measured {
  /** What it was, so that a run that goes on where another ended leaves it out. */
  readonly id: string;
  readonly lab: string;
  readonly fault: string;
  readonly source: 'lab' | 'single' | 'double' | 'service';
  /** Ids that name it. */
  readonly wanted: readonly string[];
  /** What the failed check named, `none` where no check failed; null where no check was asked. */
  readonly checked: {
    readonly cause: string;
    readonly where: string;
    readonly ms: number;
    /** Of the longest diagnosis alone, without the probes; absent where the cause was plain, or not measured. */
    readonly diagnosisMs?: number;
  } | null;
  /** What the walk of the probe named, `none` where it arrived; null where there was no probe to walk. */
  readonly walked: {
    readonly cause: string;
    readonly where: string;
    readonly lastHopRight: boolean | null;
    readonly sentence: string;
    readonly ms: number;
  } | null;
  /** Why it does not count: the fault could not be put in. */
  readonly skipped?: string;
}

/** What a check names that did not fail, and a walk that arrived. */
export const NOTHING = 'none';

/**
 * Causes by which no packet is lost: the answer comes, by another way, from another server, or it says something wrong.
 * A walk that arrives is right then, and has nothing to name.
 */
export const LOSES_NOTHING: ReadonlySet<string> = new Set([
  'snat-on-pod-traffic',
  'dnat-on-pod-traffic',
  'snat-wrong-address',
  'skewed-probability',
  'endpoint-missing',
  'cluster-ip-owned',
  'rule-too-wide',
  'stale-conntrack',
  'masquerade-with-local',
  'own-port-taken',
  'transit-hijacked',
  'local-to-remote',
  'local-for-insiders',
  'not-encapsulated',
  'encapsulated',
  'overlay-asks',
  'overlay-floods',
  'routed-not-bridged',
  'health-check-wrong',
  'learning-off',
  'ttl-rewritten',
  'address-outside-cidr',
  'address-reserved',
]);

const CUT_OFF = 'a connection opens, and is cut off only after its first answers';

/** Faults of the labs that lose no packet of the walk, though others of their cause do; and why not. */
export const ARRIVES: Readonly<Record<string, string>> = {
  'stale-rule': 'some packets go to the endpoint of before, which still answers',
  'connection-cut-off': CUT_OFF,
  'connection-cut-off-there': CUT_OFF,
  'cut-off': CUT_OFF,
};

/** A fault of the DNS server's records or of a file is no fault of a packet. */
export function losesNothing({ fault, wanted }: Pick<Measured, 'fault' | 'wanted'>): boolean {
  const isOfAnswers = (cause: string) =>
    LOSES_NOTHING.has(cause) ||
    /^(dns-|srv-|ptr-|alias-|unready-|search-|wrong-(search|ndots|nameserver))/.test(cause);
  return fault in ARRIVES || wanted.every(isOfAnswers);
}
