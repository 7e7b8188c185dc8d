/** Asks the server how far the learner is. Loaded by a page when it is needed. */
import { LabList } from '../../../harness/src/server/api';
import { ask, findServer } from '../bench/api-client';
import type { Progress } from './use-progress';

/** Null where no server is, or where it does not let this page in. @throws when it answers with something else. */
export async function readProgress(): Promise<ReadonlyMap<string, Progress> | null> {
  if ((await findServer()) !== 'ready') return null;
  const { labs } = await ask('labs', LabList);
  return new Map(
    labs.flatMap(({ lab, progress, phase }) =>
      progress ? [[lab, { ...progress, open: phase === 'open' }] as const] : [],
    ),
  );
}
