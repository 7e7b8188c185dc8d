/** What somebody handed in: commands per host, in the order in which they are run. */
import { createHash } from 'node:crypto';

export interface Submission {
  readonly scripts: readonly Script[];
  /** What was left aside, for the author to know. */
  readonly notes: readonly string[];
}

export interface Script {
  /** `node1` or `pod/a`. */
  readonly host: string;
  readonly commands: string;
  /** Where it stands: `node1.sh`, or `answer.md, line 12`. */
  readonly source: string;
}

/** Changes when other commands are run. */
export function digestOf({ scripts }: Submission): string {
  const hash = createHash('sha256');
  // One after the other: together they may be longer than a string can be.
  for (const { host, commands, source } of scripts)
    hash.update(JSON.stringify([host, source])).update(digest(commands));
  return hash.digest('hex').slice(0, 16);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
