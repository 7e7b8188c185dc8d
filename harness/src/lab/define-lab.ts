/** What a lab's author writes in `lab.ts` and `faults.ts`: checks in learning order, and faults. */
import type { Network } from '../probes/network.ts';
import type { Reached } from '../probes/reached.ts';

export interface Check {
  /** Kebab-case, unique in the lab, and stable: reports, faults and guides refer to it. */
  readonly id: string;
  /** A sentence that a learner understands, true when the check passes. */
  readonly title: string;
  /** Checks that have to pass before this one says anything. */
  readonly needs?: readonly string[];
  /**
   * Features of the kernel, as `doctor` names them, without which it cannot pass whatever the learner does
   * (testbed/features.ts). Where one is missing it is skipped, not failed.
   */
  readonly features?: readonly string[];
  /** What it weighs in a grade; 1 where nothing is said. */
  readonly points?: number;
  /** Three layers: a nudge, the idea, the command. */
  readonly hints: readonly [string, string, string];
  /**
   * Looks at the network and returns when all is right. What is wrong is thrown by the probes
   * ({@link CheckFailure}); anything else that is thrown is an error of ours, never the learner's.
   */
  run(network: Network): Promise<void>;
}

/** Who is asked by whom, for a table beside the checks. It tells; the checks judge. */
export interface Matrix {
  /** The hosts that ask. */
  readonly rows: readonly string[];
  readonly columns: readonly {
    readonly title: string;
    ask(network: Network, from: string): Promise<Reached>;
  }[];
}

export interface Lab {
  readonly checks: readonly Check[];
  readonly matrix?: Matrix;
}

/**
 * A way to break a right configuration. `apply` and `repair` are shell commands per host, as in a guide;
 * repairing must turn every check green again.
 */
export interface Fault {
  readonly id: string;
  /** One line for a teacher: what is broken. */
  readonly title: string;
  /** The check that catches it, and the cause that the check has to name. */
  readonly caughtBy: string;
  readonly cause: string;
  readonly apply: Readonly<Record<string, string>>;
  readonly repair: Readonly<Record<string, string>>;
}

/** Declares a lab; only there for its types. */
export function defineLab(lab: Lab): Lab {
  return lab;
}

/** Declares the faults of a lab; only there for its types. */
export function defineFaults(faults: readonly Fault[]): readonly Fault[] {
  return faults;
}
