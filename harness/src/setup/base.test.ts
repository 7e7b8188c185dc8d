/** Which base the node image is made on. */
import { type BaseSources, chooseBase } from './base.ts';
import { refuseBase } from './debootstrap.ts';
import type { Machine } from './machine.ts';

function sources(present: readonly string[], pull: string | null): BaseSources & { done: string[] } {
  const done: string[] = [];
  return {
    done,
    has: (reference) => Promise.resolve(present.includes(reference)),
    pull: (reference) => {
      done.push(`pull ${reference}`);
      return Promise.resolve(pull);
    },
    make: (reference, why) => {
      done.push(`make ${reference} because ${why}`);
      return Promise.resolve();
    },
  };
}

test("Debian's image is used where the engine has it, and the registry is not asked", async () => {
  const from = sources(['debian:bookworm-slim', 'podwire/debian-base:bookworm'], null);
  expect(await chooseBase(from)).toBe('debian:bookworm-slim');
  expect(from.done).toEqual([]);
});

test('a base that was made before is used again', async () => {
  const from = sources(['podwire/debian-base:bookworm'], null);
  expect(await chooseBase(from)).toBe('podwire/debian-base:bookworm');
  expect(from.done).toEqual([]);
});

test('a registry that answers gives the base', async () => {
  const from = sources([], null);
  expect(await chooseBase(from)).toBe('debian:bookworm-slim');
  expect(from.done).toEqual(['pull debian:bookworm-slim']);
});

test('without a registry the base is made', async () => {
  const from = sources([], 'no such host');
  expect(await chooseBase(from)).toBe('podwire/debian-base:bookworm');
  expect(from.done).toEqual([
    'pull debian:bookworm-slim',
    'make podwire/debian-base:bookworm because no such host',
  ]);
});

test('a machine that cannot make the base says what else helps', () => {
  const mac = { platform: 'darwin', debianLike: false, privilege: 'none' } as Machine;
  expect(refuseBase(mac, true, 'no such host')).toBe(
    'Could not get the base of the node image, debian:bookworm-slim: no such host.\n' +
      "Making it from Debian's packages instead works on Debian and Ubuntu only.\n" +
      'Give the engine access to its registry, or put the image there by hand (`docker load`), and run the same command again.',
  );
});

test('sudo with a password will do only where somebody can type it', () => {
  const debian = { platform: 'linux', debianLike: true, privilege: 'sudo-password' } as Machine;
  expect(refuseBase(debian, true, 'x')).toBeNull();
  expect(refuseBase(debian, false, 'x')).toContain('takes root, which sudo would not give');
});
