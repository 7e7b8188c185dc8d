import { isAllGreen, nextSteps, withChanges, withHint } from '../../live/standing.ts';
import { beginBoard, DOWN, focusedCheck, pressKey, withStanding } from './board-state.ts';
import { halfway, SAMPLE_LAB, solved } from './sample-board.ts';

test('at the start the next steps are those up to the first that turns a check green', () => {
  expect(nextSteps(beginBoard(SAMPLE_LAB)).map(({ number }) => number)).toEqual([1, 2]);
});

test('the next step is the first whose checks are not all green', () => {
  expect(nextSteps(halfway()).map(({ number }) => number)).toEqual([3]);
  expect(nextSteps(solved())).toEqual([]);
});

test('the first check that fails is in focus until another is chosen', () => {
  expect(focusedCheck(halfway())?.id).toBe('reach');
  const [moved] = pressKey(halfway(), DOWN);
  expect(focusedCheck(moved)?.id).toBe('no-nat');
});

test('h asks for one hint more for the check that fails', () => {
  const [moved] = pressKey(halfway(), DOWN);
  const [asked, action] = pressKey(moved, 'h');
  expect(action).toEqual({ kind: 'hint', check: 'reach' });
  expect(focusedCheck(asked)?.id).toBe('reach');
  expect(withHint(withHint(asked, 'reach'), 'reach').hintsShown).toEqual({ reach: 2 });
});

test('h says so when there is nothing to hint at, until something changes', () => {
  const [asked, action] = pressKey(solved(), 'h');
  expect(action).toBeNull();
  expect(asked.notice).toBe('Every check passes: there is nothing to hint at.');
  expect(withStanding(asked, { ...asked, checking: true }).notice).toBe(asked.notice);
  expect(withStanding(asked, { ...asked, changes: [] }).notice).toBe('');
});

test('s lists the nodes and pods, and a number or enter opens a shell in one', () => {
  const [listed] = pressKey(halfway(), 's');
  expect(listed.mode).toEqual({ kind: 'hosts', at: 0 });
  expect(pressKey(listed, '2')[1]).toEqual({ kind: 'shell', host: 'pod/a' });
  const [moved] = pressKey(listed, DOWN);
  const [back, action] = pressKey(moved, '\r');
  expect(action).toEqual({ kind: 'shell', host: 'pod/a' });
  expect(back.mode).toEqual({ kind: 'checks' });
});

test('r resets only after y', () => {
  const [asked] = pressKey(halfway(), 'r');
  expect(pressKey(asked, 'y')[1]).toEqual({ kind: 'reset' });
  expect(pressKey(asked, 'n')).toEqual([{ ...halfway(), mode: { kind: 'checks' } }, null]);
});

test('n goes on to the next lab when every check passes, and else to the next check that fails', () => {
  expect(isAllGreen(solved())).toBe(true);
  expect(pressKey(solved(), 'n')[1]).toEqual({ kind: 'next' });
  expect(pressKey(halfway(), 'n')[1]).toBeNull();
});

test('Ctrl-C quits from everywhere', () => {
  const [asked] = pressKey(halfway(), 'r');
  expect(pressKey(asked, '\x03')[1]).toEqual({ kind: 'quit' });
});

test('changes are kept with the newest first', () => {
  const change = (text: string) => ({ host: 'node1', kind: 'link' as const, text });
  const state = withChanges(withChanges(halfway(), [change('first')]), [change('second'), change('third')]);
  expect(state.changes.map(({ text }) => text)).toEqual(['third', 'second', 'first']);
});

test('t follows the probe of the check that failed, and says so where none did', () => {
  const state = halfway();
  const [, nothing] = pressKey(state, 't');
  expect(nothing).toBeNull();
  const result = state.results.reach;
  if (!result) throw new Error('the sample has lost its failed check');
  const probe = { from: 'pod/a', to: 'pod/b', protocol: 'icmp' as const };
  const probed = { ...state, results: { ...state.results, reach: { ...result, probe } } };
  const [tracing, action] = pressKey(probed, 't');
  expect(tracing.mode).toEqual({ kind: 'busy', text: 'tracing pod/a to pod/b…' });
  expect(action).toEqual({ kind: 'trace', probe });
});
