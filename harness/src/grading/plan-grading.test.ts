import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findLab, loadLab } from '../lab/load-lab.ts';
import { planGrading } from './plan-grading.ts';

const lab = await loadLab(await findLab('03'));
const directory = await mkdtemp(path.join(tmpdir(), 'podwire-plan-'));
afterAll(() => rm(directory, { recursive: true, force: true }));
const ANSWER = '```sh node1\nip link\n```\n';

async function lay(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = path.join(directory, name);
  await mkdir(folder, { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(path.join(folder, file), text);
  return folder;
}

test('everybody on the roster is told of, in the order of the folder, and has their own plan', async () => {
  const folder = await lay('class', {
    'roster.csv': 'id,name\nalice,Alice A.\nbob.md,Bob B.\nnobody,Nobody N.\n',
    'alice.md': ANSWER,
    'bob.md': ANSWER,
    'stranger.md': ANSWER,
  });
  const planned = await planGrading(lab, [folder], { seedFrom: 'roster' });
  expect(planned.order).toEqual(['alice', 'bob', 'stranger', 'nobody']);
  expect(planned.tasks.map(({ subject }) => [subject.submission, subject.student, subject.seed])).toEqual([
    ['alice', 'Alice A.', 'alice'],
    ['bob', 'Bob B.', 'bob.md'],
  ]);
  expect(planned.refused.map(({ submission, reason }) => [submission, reason])).toEqual([
    ['stranger', 'the roster does not name it, so it has no seed'],
    ['nobody', 'nothing was handed in'],
  ]);
  const [alice, bob] = planned.tasks;
  expect(alice?.plan.variables.POD_A_IP).not.toBe(bob?.plan.variables.POD_A_IP);
});

test('a name with control characters is a name without', async () => {
  const folder = await lay('odd', { 'al\u001b[31mice\u0007.md': ANSWER });
  expect((await planGrading(lab, [folder], {})).order).toEqual(['alice\ufffd']);
});

test('a verdict rests on the commands, the plan, the lab, the image and the time', async () => {
  const folder = await lay('keys', { 'a.md': ANSWER, 'b.md': ANSWER.replace('link', 'route') });
  const planned = await planGrading(lab, [folder], {});
  const [a, b] = planned.tasks;
  if (!a || !b) throw new Error('wanted two tasks');
  const key = planned.keyOf(a, { image: 'x', timeLimitMs: 1 });
  expect(planned.keyOf(a, { image: 'x', timeLimitMs: 1 })).toBe(key);
  const others = [
    planned.keyOf(b, { image: 'x', timeLimitMs: 1 }),
    planned.keyOf(a, { image: 'y', timeLimitMs: 1 }),
    planned.keyOf(a, { image: 'x', timeLimitMs: 2 }),
  ];
  expect(new Set([key, ...others]).size).toBe(4);
});

test.each([
  [{ seed: 'x', seedFrom: 'roster' }, 'Wanted --seed for all or --seed-from for each, found both.'],
  [{ seedFrom: 'chance' }, 'Wanted --seed-from roster or --seed-from name, found "chance".'],
  [{ seedFrom: 'roster' }, '--seed-from roster needs a roster'],
])('%j is refused', async (options, message) => {
  const folder = await lay(`bad-${Object.values(options).join('-')}`, { 'a.md': ANSWER });
  await expect(planGrading(lab, [folder], options)).rejects.toThrow(message);
});
