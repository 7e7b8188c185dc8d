/** Removal of testbeds, in an order in which nobody takes what is left meanwhile for one that stands. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerInfo } from 'dockerode';
import { containerName, LABEL, removeContainer, rightOptions, statusOf } from './containers.ts';
import type { Docker } from './docker.ts';
import { CLEARING, type FoundTestbed, findTestbed, findTestbedsAndRemains, isRight } from './inventory.ts';
import { describeProcess } from './owner.ts';

/** How long another process may take to clear away a testbed, and how often we look. */
const OTHERS_CLEAR_MS = 10_000;
const LOOK_AGAIN_MS = 50;

/** Removes all containers of a testbed: those that run at once, and after them the right to build it. */
export async function removeTestbed(docker: Docker, { containers }: FoundTestbed): Promise<void> {
  const remove = (those: readonly ContainerInfo[]) =>
    Promise.all(those.map(({ Id }) => removeContainer(docker, Id)));
  await remove(containers.filter((container) => !isRight(container)));
  // A fabric and nodes that still run, with no right beside them, would pass for a testbed that stands.
  await remove(containers.filter(isRight));
}

/**
 * Removes an abandoned testbed. The engine may still be at its dead maker's last request, and if that was
 * to give back the right to build, then the testbed stands, and others may be told so. Therefore the dead
 * maker's right goes first, and the rest only if it was this call that removed it. A right of our own
 * keeps others off until all is gone.
 *
 * @returns false when it was not this call that removed it: it stands after all, or another was quicker.
 */
export async function clearAway(docker: Docker, found: FoundTestbed): Promise<boolean> {
  const rights = found.containers.filter(isRight);
  const [right] = rights;
  // Where there is no right, or the owner is dead, no late request can make the testbed stand; nor where
  // somebody began to clear it away and died.
  if (!right || found.ephemeral || isBeingCleared(found)) {
    await removeTestbed(docker, found);
    return true;
  }
  const ours = await takeRightToClear(docker, found.id, right);
  if (ours === 'no-image') {
    await removeTestbed(docker, found);
    return true;
  }
  if (ours === null) return false;
  const won = await removeContainer(docker, right.Id);
  if (won) {
    // The first look may be older than the maker's death: it may have gone on to make containers.
    const rest = (await findTestbed(docker, found.id))?.containers ?? [];
    await Promise.all(rest.filter((one) => !isRight(one)).map(({ Id }) => removeContainer(docker, Id)));
  }
  await removeContainer(docker, ours);
  return won;
}

/** What was swept: a testbed by its id, or a container beside testbeds by its name. */
export interface Swept {
  readonly id: string;
}

/**
 * Removes what dead processes left behind; returns what that was. What another process is removing right
 * now is gone too at the end.
 */
export async function sweep(docker: Docker): Promise<Swept[]> {
  const { testbeds, remains } = await findTestbedsAndRemains(docker);
  const cleared = await Promise.all([
    ...testbeds.map(async (found) => {
      if (found.state === 'abandoned' && (await clearAway(docker, found))) return [found];
      await untilOthersHaveCleared(docker, found);
      return [];
    }),
    ...remains.map(async ({ Id, Names }) =>
      (await removeContainer(docker, Id)) ? [{ id: Names[0]?.slice(1) ?? Id }] : [],
    ),
  ]);
  return cleared.flat();
}

/** Others take a moment; one that died at it leaves an abandoned testbed for the next sweep. */
async function untilOthersHaveCleared(docker: Docker, first: FoundTestbed): Promise<void> {
  const deadline = performance.now() + OTHERS_CLEAR_MS;
  let found: FoundTestbed | null = first;
  // An abandoned one that was left to others may not show their right yet, as the engine lists it last.
  while (found && (found.state === 'abandoned' || isBeingCleared(found)) && performance.now() < deadline) {
    await delay(LOOK_AGAIN_MS);
    found = await findTestbed(docker, first.id);
  }
}

function isBeingCleared({ id, containers }: FoundTestbed): boolean {
  return containers.some(({ Names }) => Names.includes(`/${containerName(id, CLEARING)}`));
}

/** Null when another process has it; `no-image` when nobody can have it, as somebody removed its image by force. */
async function takeRightToClear(
  docker: Docker,
  id: string,
  { ImageID, Labels }: ContainerInfo,
): Promise<string | null> {
  try {
    const ours = await docker.createContainer({
      name: containerName(id, CLEARING),
      ...rightOptions(ImageID, { ...Labels, [LABEL.builder]: describeProcess() }),
    });
    return ours.id;
  } catch (error) {
    if (statusOf(error) === 409) return null;
    if (statusOf(error) === 404) return 'no-image';
    throw error;
  }
}
