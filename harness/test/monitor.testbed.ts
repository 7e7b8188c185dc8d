/** What is heard of a testbed: whatever a learner changes, also what the kernel does not announce; and nothing of ours. */
import { applyFault } from '../src/grading/apply.ts';
import { runChecks } from '../src/grading/run-checks.ts';
import { readFaults } from '../src/lab/load-lab.ts';
import { type Change, watchChanges } from '../src/probes/monitor.ts';
import type { Testbed } from '../src/testbed/testbed.ts';
import { mustAsLearner, until } from './observe.ts';
import { readLab, startSolved } from './testbeds.ts';

const lab = await readLab('03');
const faults = await readFaults(lab);

/** All that is heard from now on, as the board shows it. */
async function listen(testbed: Testbed): Promise<{ heard: string[] } & AsyncDisposable> {
  const heard: string[] = [];
  const tell = ({ host, text }: Change) => heard.push(`${host}: ${text}`);
  const monitor = await watchChanges(testbed, (changes) => changes.forEach(tell));
  return { heard, [Symbol.asyncDispose]: () => monitor[Symbol.asyncDispose]() };
}

/** A change that is heard after all that came before it. */
async function mark(testbed: Testbed, heard: readonly string[], name: string): Promise<void> {
  await mustAsLearner(testbed, 'node1', `ip link add ${name} type bridge`);
  const text = `node1: bridge ${name} was added`;
  await until(
    `"${text}" is heard`,
    () => heard,
    (all) => all.includes(text),
  );
}

test('the checks themselves make no change that is heard, or they would never come to rest', async () => {
  await using started = await startSolved(lab);
  const { testbed } = started;
  await using ear = await listen(testbed);
  for (const matrix of [false, true]) {
    const { checks } = await runChecks(lab, testbed, { matrix, eager: !matrix });
    expect(checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([]);
  }
  await mark(testbed, ear.heard, 'mark0');
  expect(ear.heard).toEqual(['node1: bridge mark0 was added']);
});

test.each([
  ['legacy-rules', /^node1: table filter of the old iptables changed$/],
  ['own-mac-forgotten', /^node1: FDB entry [0-9a-f:]{17} removed from /],
])('the fault %s is heard, and that it is mended', async (id, text) => {
  const fault = faults.find((each) => each.id === id);
  if (!fault) throw new Error(`Lab 03 has no fault ${id}.`);
  await using started = await startSolved(lab);
  const { testbed } = started;
  await using ear = await listen(testbed);
  await applyFault(testbed, fault, 'apply');
  await until(
    'the fault is heard',
    () => ear.heard,
    (all) => all.some((each) => text.test(each)),
  );
  await mark(testbed, ear.heard, 'mark0');
  const before = ear.heard.length;
  await applyFault(testbed, fault, 'repair');
  await until(
    'the repair is heard',
    () => ear.heard.slice(before),
    (all) => all.length > 0,
  );
});

test('packets that a rule of the old iptables counts are no change', async () => {
  await using started = await startSolved(lab);
  const { testbed } = started;
  await mustAsLearner(testbed, 'pod/a', 'iptables-legacy -A OUTPUT -p icmp -j ACCEPT');
  await using ear = await listen(testbed);
  await mustAsLearner(testbed, 'pod/a', 'ping -q -c3 -i0.2 "$POD_B_IP"');
  await mark(testbed, ear.heard, 'mark0');
  // Another rule than the one that counted is one change more.
  await mustAsLearner(testbed, 'pod/a', 'iptables-legacy -R OUTPUT 1 -p udp -j ACCEPT');
  await until(
    'the rule is heard',
    () => ear.heard,
    (all) => all.length > 1,
  );
  expect(ear.heard).toEqual([
    'node1: bridge mark0 was added',
    'pod/a: table filter of the old iptables changed',
  ]);
});
