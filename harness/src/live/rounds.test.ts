import type { LabReport } from '../grading/verdict.ts';
import { Rounds } from './rounds.ts';

const REPORT: LabReport = { lab: '03', seed: null, passed: 0, total: 0, durationMs: 0, checks: [] };

/** Rounds that end when told to, or when aborted. */
function fakeRounds() {
  const told: string[] = [];
  const running: { finish(): void }[] = [];
  const rounds = new Rounds(
    ({ signal }) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        running.push({ finish: () => resolve(REPORT) });
      }),
    {
      onBegin: () => told.push('begin'),
      onResult: () => told.push('result'),
      onEnd: () => told.push('end'),
      onError: () => told.push('error'),
    },
  );
  return { rounds, told, running };
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

test('a round that nothing disturbs begins and ends', async () => {
  const { rounds, told, running } = fakeRounds();
  rounds.request();
  running[0]?.finish();
  await settle();
  expect(told).toEqual(['begin', 'end']);
});

test('a change during a round ends it without an error and begins another', async () => {
  const { rounds, told, running } = fakeRounds();
  rounds.request();
  rounds.request();
  await settle();
  running[1]?.finish();
  await settle();
  expect(told).toEqual(['begin', 'begin', 'end']);
});

test('changes while paused are looked at when it goes on', async () => {
  const { rounds, told } = fakeRounds();
  await rounds.pause();
  rounds.request();
  expect(told).toEqual([]);
  rounds.resume();
  expect(told).toEqual(['begin']);
});
