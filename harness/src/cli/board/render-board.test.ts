import { withChanges, withHint } from '../../live/standing.ts';
import { pressKey } from './board-state.ts';
import { renderBoard } from './render-board.ts';
import { halfway, solved } from './sample-board.ts';
import { cells } from './text.ts';

const CHANGE = { host: 'node1', kind: 'link' as const, text: 'veth-a joined cni0' };

test('a wide terminal shows the drawing and what changed beside the checks', () => {
  expect(
    renderBoard(withChanges(halfway(), [CHANGE]), { columns: 120, rows: 20, color: false }).split('\n'),
  ).toEqual([
    ' Lab 03  Pods on one node                                                                                       ━── 1/3',
    '────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────',
    '  ✔ Every pod has an address of its own                                           ┌─ node1 ───────────────────────────┐',
    '› ✘ Pod a reaches pod b                                                           │ ┌─ pod a ──────┐ ┌─ pod b ──────┐ │',
    '    node1: veth-b is plugged into no bridge                                       │ │ lo           │ │ lo           │ │',
    '    wanted  an answer from pod/b at 10.244.1.3                                    │ │ (10.244.1.2) │ │ (10.244.1.3) │ │',
    '    found   no answer                                                             │ └──────────────┘ └──────────────┘ │',
    "  · The server sees the client's own address: no NAT between pods                 │ pods: 10.244.1.0/24, ( ) planned  │",
    '                                                                                  │ eth0 192.168.56.11/24             │',
    '                                                                                  └────┬──────────────────────────────┘',
    '                                                                                       │',
    '                                                                                       └── underlay 192.168.56.0/24',
    '',
    '                                                                                  Changed',
    '                                                                                  node1: veth-a joined cni0',
    '',
    '',
    '────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────',
    ' Next     Step 3. Plug the cables in',
    ' h hint   s shell   t trace   n next check   d diagram   r reset   ? help   q quit',
  ]);
});

test('a terminal of 80 columns and few rows leaves the drawing out', () => {
  expect(
    renderBoard(withChanges(withHint(halfway(), 'reach'), [CHANGE]), {
      columns: 80,
      rows: 16,
      color: false,
    }).split('\n'),
  ).toEqual([
    ' Lab 03  Pods on one node                                               ━── 1/3',
    '────────────────────────────────────────────────────────────────────────────────',
    '  ✔ Every pod has an address of its own',
    '› ✘ Pod a reaches pod b',
    '    node1: veth-b is plugged into no bridge',
    '    wanted  an answer from pod/b at 10.244.1.3',
    '    found   no answer',
    '    hint 1  Follow the frame.',
    "  · The server sees the client's own address: no NAT between pods",
    '',
    '',
    '',
    '────────────────────────────────────────────────────────────────────────────────',
    ' Next     Step 3. Plug the cables in',
    ' Changed  node1: veth-a joined cni0',
    ' h hint   s shell   t trace   n next check   d diagram   ? help   q quit',
  ]);
});

test('a narrow terminal wraps what is said about the check in focus and drops keys', () => {
  expect(renderBoard(halfway(), { columns: 40, rows: 15, color: false }).split('\n')).toEqual([
    ' Lab 03  Pods on one node           1/3',
    '────────────────────────────────────────',
    '  ✔ Every pod has an address of its own',
    '› ✘ Pod a reaches pod b',
    '    node1: veth-b is plugged into no',
    '    bridge',
    '    wanted  an answer from pod/b at',
    '            10.244.1.3',
    '    found   no answer',
    "  · The server sees the client's own",
    '    address: no NAT between pods',
    '',
    '────────────────────────────────────────',
    ' Next     Step 3. Plug the cables in',
    ' h hint   s shell   ? help   q quit',
  ]);
});

test('a tiny terminal keeps the check in focus, and the way out', () => {
  expect(renderBoard(halfway(), { columns: 40, rows: 6, color: false }).split('\n')).toEqual([
    ' Lab 03  Pods on one node           1/3',
    '› ✘ Pod a reaches pod b',
    '    node1: veth-b is plugged into no',
    '    bridge',
    '    wanted  an answer from pod/b at',
    ' h hint   s shell   ? help   q quit',
  ]);
});

test('the smallest terminal still shows how many pass', () => {
  expect(renderBoard(halfway(), { columns: 20, rows: 2, color: false }).split('\n')).toEqual([
    ' Lab 03  Pods…  1/3',
    ' ? help   q quit',
  ]);
});

test('when every check passes it says so and what comes next', () => {
  expect(renderBoard(solved(), { columns: 80, rows: 14, color: false }).split('\n')).toEqual([
    ' Lab 03  Pods on one node                                               ━━━ 3/3',
    '────────────────────────────────────────────────────────────────────────────────',
    '  ✔ Every pod has an address of its own',
    '  ✔ Pod a reaches pod b',
    "  ✔ The server sees the client's own address: no NAT between pods",
    '',
    '',
    '',
    '',
    '',
    '',
    '────────────────────────────────────────────────────────────────────────────────',
    ' ✔ All 3 checks pass. n: on to lab 04, Pods across nodes by routes',
    ' h hint   s shell   n next lab   d diagram   r reset   ? help   q quit',
  ]);
});

test('the hosts for a shell can be chosen by number', () => {
  expect(
    renderBoard(pressKey(halfway(), 's')[0], { columns: 60, rows: 10, color: false }).split('\n'),
  ).toEqual([
    ' Lab 03  Pods on one node                           ━── 1/3',
    ' Open a shell in',
    '',
    ' › 1 node1',
    '   2 pod/a',
    '   3 pod/b',
    '',
    '',
    '',
    ' ↑↓ choose   enter open   esc back',
  ]);
});

test('a reset is asked for', () => {
  expect(
    renderBoard(pressKey(halfway(), 'r')[0], { columns: 80, rows: 8, color: false }).split('\n'),
  ).toEqual([
    ' Lab 03  Pods on one node                                               ━── 1/3',
    '  ✔ Every pod has an address of its own',
    '› ✘ Pod a reaches pod b',
    '    node1: veth-b is plugged into no bridge',
    '    wanted  an answer from pod/b at 10.244.1.3',
    '    found   no answer',
    "  · The server sees the client's own address: no NAT between pods",
    ' Reset: undo everything that was built in this lab?  y/n',
  ]);
});

test('with colour, verdicts are told by colour and by glyph', () => {
  expect(renderBoard(halfway(), { columns: 60, rows: 8, color: true }).split('\n')).toEqual([
    ' \u001b[1mLab 03  Pods on one node\u001b[22m                           \u001b[32m━\u001b[39m\u001b[2m──\u001b[22m \u001b[1m1/3\u001b[22m',
    '  \u001b[32m✔\u001b[39m Every pod has an address of its own',
    '\u001b[36m›\u001b[39m \u001b[31m\u001b[1m✘\u001b[22m\u001b[39m \u001b[1mPod a reaches pod b\u001b[22m',
    '    \u001b[31mnode1: veth-b is plugged into no bridge\u001b[39m',
    '    \u001b[2mwanted  \u001b[22man answer from pod/b at 10.244.1.3',
    '    \u001b[2mfound   \u001b[22mno answer',
    "  \u001b[2m·\u001b[22m \u001b[2mThe server sees the client's own address: no NAT betwe…\u001b[22m",
    ' \u001b[1mh\u001b[22m \u001b[2mhint\u001b[22m   \u001b[1ms\u001b[22m \u001b[2mshell\u001b[22m   \u001b[1mt\u001b[22m \u001b[2mtrace\u001b[22m   \u001b[1m?\u001b[22m \u001b[2mhelp\u001b[22m   \u001b[1mq\u001b[22m \u001b[2mquit\u001b[22m',
  ]);
});

test('no size makes a line too wide or too many of them', () => {
  const states = [
    halfway(),
    solved(),
    pressKey(halfway(), '?')[0],
    pressKey(halfway(), 's')[0],
    pressKey(halfway(), 'r')[0],
  ];
  for (const state of states) {
    for (const columns of [10, 20, 33, 40, 60, 80, 120, 200]) {
      for (const rows of [1, 2, 3, 5, 8, 13, 14, 24, 40]) {
        const lines = renderBoard(state, { columns, rows, color: true }).split('\n');
        expect(lines.length).toBeLessThanOrEqual(rows);
        if (columns >= 33) expect(Math.max(...lines.map(cells))).toBeLessThanOrEqual(columns);
      }
    }
  }
});
