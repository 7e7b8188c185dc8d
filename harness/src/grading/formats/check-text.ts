/** What the formats say of one check, in words. */
import type { GradedCheck } from '../graded.ts';

export function textOf(check: GradedCheck): string {
  switch (check.verdict) {
    case 'pass':
      return '';
    case 'blocked':
      return `Not reached: "${check.blockedBy}" comes first.`;
    case 'skipped':
      return `Skipped: ${check.observed}`;
    case 'error':
      return `Error of the grader: ${check.observed}`;
    case 'fail': {
      const lines = [`Wanted ${check.expected}.`, `Found ${check.observed}.`];
      if (check.cause) lines.push(`Cause: ${check.cause.id} in ${check.cause.where}: ${check.cause.text}`);
      return lines.join('\n');
    }
  }
}
