/** How far the learner is in each lab, as the server behind the page tells it. */
import { useEffect, useState } from 'react';
import { readToken } from '../bench/token';

export interface Progress {
  /** The best so far, over all of the learner's testbeds. */
  readonly passed: number;
  readonly total: number;
  /** Its testbed stands. */
  readonly open: boolean;
}

/** By the lab's number; null where nobody knows: on a static host, or before the printed URL was opened. */
export function useProgress(): ReadonlyMap<string, Progress> | null {
  const [progress, setProgress] = useState<ReadonlyMap<string, Progress> | null>(null);
  useEffect(() => {
    // What speaks to the server is a large script, so it comes only to who has a token.
    if (readToken() === '') return;
    let left = false;
    import('./read-progress')
      .then(({ readProgress }) => readProgress())
      .then((found) => {
        if (!left) setProgress(found);
      })
      // The list is complete without it.
      .catch(() => null);
    return () => {
      left = true;
    };
  }, []);
  return progress;
}
