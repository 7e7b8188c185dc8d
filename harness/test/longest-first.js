import TestSequencer from '@jest/test-sequencer';

/** Where nothing is known of how long files took, jest begins with the largest. The proof of all labs is short, and takes longest. */
const LONGEST = 'lab-proof.testbed.ts';

export default class LongestFirst extends TestSequencer {
  /** @override */
  sort(tests) {
    const sorted = super.sort(tests);
    const isLongest = ({ path }) => path.endsWith(LONGEST);
    return [...sorted.filter(isLongest), ...sorted.filter((test) => !isLongest(test))];
  }
}
