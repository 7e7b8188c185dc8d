/** Which feature a kernel lacks. */

import { FEATURE_IDS, missingFeature, type Trials } from './features.ts';
import type { Finished } from './session.ts';

/** A fabric that says of each trial what it is told; it counts how often it is asked. */
function fabric(stdout: string, exitCode = 0) {
  const asked: string[] = [];
  const trials: Trials = new Map();
  const runInFabric = ([, , script = '']: readonly string[]): Promise<Finished> => {
    asked.push([...script.matchAll(/^try ([\w-]+) /gm)].map(([, id]) => id).join(' '));
    return Promise.resolve({
      exitCode,
      stdout,
      stderr: 'sh: no',
      timedOut: false,
      overflowed: false,
      outputBytes: stdout.length,
    });
  };
  return { asked, trials, runInFabric };
}

test('a feature that is missing is named, with what was found and what to do', async () => {
  const there = fabric('@@ vxlan 2\nError: Unknown device type.\n@@ bridge 0\n');
  expect(await missingFeature(there, ['bridge', 'vxlan'])).toBe(
    'this kernel lacks VXLAN (Error: Unknown device type.): On the machine of the engine: `sudo modprobe vxlan`. ' +
      'Where there is no such module, its kernel was built without it.',
  );
});

test('a kernel that has them all is asked once for each', async () => {
  const there = fabric('@@ vxlan 0\n@@ bridge 0\n');
  expect(await Promise.all([missingFeature(there, ['vxlan']), missingFeature(there, ['vxlan'])])).toEqual([
    null,
    null,
  ]);
  expect(await missingFeature(there, ['bridge', 'vxlan'])).toBeNull();
  expect(there.asked).toEqual(['vxlan', 'bridge']);
});

test('a trial that was cut off, or had no time, says nothing of the kernel', async () => {
  expect(await missingFeature(fabric('@@ vxlan 124\n'), ['vxlan', 'bridge'])).toBeNull();
});

test('where none is named, nothing is asked', async () => {
  const there = fabric('');
  expect(await missingFeature(there, [])).toBeNull();
  expect(there.asked).toEqual([]);
});

test('a trial that could not be made is an error, and is made again', async () => {
  const there = fabric('', 1);
  await expect(missingFeature(there, ['vxlan'])).rejects.toThrow(
    "Could not try the kernel's features vxlan: status 1, saying: sh: no",
  );
  expect(there.trials.size).toBe(0);
});

test('what only a node has cannot be named', () => {
  expect(FEATURE_IDS).toContain('br-netfilter');
  expect(FEATURE_IDS).not.toContain('tun');
});
