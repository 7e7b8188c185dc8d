/** The board as text: a pure function of its state and the size of the terminal. */

import { isAllGreen, nextSteps, passedCount, totalCount } from '../../live/standing.ts';
import { drawTopology } from '../../topology/diagram.ts';
import { drawWalk } from '../draw-walk.ts';
import { type BoardState, hostNames, type Mode } from './board-state.ts';
import { GLYPHS, renderChecks } from './render-checks.ts';
import { cells, clip, type Paint, pad, painter, wrap } from './text.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
}

/** Below this the checks get the whole width, and the drawing stands above them or not at all. */
const LEAST_CHECKS_WIDTH = 56;
const GUTTER = 3;
/** Lines that the checks need beside a title each, so that a drawing above them leaves room for details. */
const ROOM_FOR_DETAILS = 5;
const SMALL_ROWS = 14;
const LARGE_ROWS = 30;

/** At most `rows` lines, none wider than `columns`. */
export function renderBoard(state: BoardState, { columns, rows, color }: Size): string {
  const paint = painter(color);
  const small = rows < SMALL_ROWS;
  const question =
    rows < LARGE_ROWS ? [] : [` ${paint('italic', clip(state.lab.question, columns - 2))}`, ''];
  const header = [renderHeader(state, columns, paint), ...(small ? [] : [rule(columns, paint)]), ...question];
  const side = small ? null : sideDrawing(state, columns, rows);
  const footer = renderFooter(state, columns, small, side !== null, paint);
  const height = Math.max(0, rows - header.length - footer.length);
  const body = renderBody(state, columns, height, side, paint).slice(0, height);
  const filler = Array.from({ length: height - body.length }, () => '');
  return [...header, ...body, ...filler, ...footer].slice(0, rows).join('\n');
}

function renderHeader(state: BoardState, columns: number, paint: Paint): string {
  const { lab } = state;
  const [passed, total] = [passedCount(state), totalCount(state)];
  const seed = lab.seed === null ? '' : `seed ${lab.seed}`;
  const status = state.mode.kind === 'busy' ? state.mode.text : state.checking ? 'checking…' : '';
  const bar =
    columns >= 60 ? `${paint('green', '━'.repeat(passed))}${paint('dim', '─'.repeat(total - passed))} ` : '';
  const count = paint(isAllGreen(state) ? ['green', 'bold'] : 'bold', `${passed}/${total}`);
  const right = `${[status, columns >= 60 ? seed : '']
    .filter(Boolean)
    .map((text) => `${paint('dim', text)}  `)
    .join('')}${bar}${count}`;
  const left = clip(`Lab ${lab.number}  ${lab.title}`, columns - cells(right) - 3);
  return `${pad(` ${paint('bold', left)}`, columns - cells(right) - 1)}${right}`;
}

function rule(columns: number, paint: Paint): string {
  return paint('dim', '─'.repeat(columns));
}

function renderBody(
  state: BoardState,
  columns: number,
  height: number,
  side: string[] | null,
  paint: Paint,
): string[] {
  if (state.mode.kind === 'help') return renderHelp(columns, paint);
  if (state.mode.kind === 'hosts') return renderHosts(state, state.mode.at, height, paint);
  if (state.mode.kind === 'walk') return renderWalk(state.mode, columns, height, paint);
  if (side) return besideDrawing(state, columns, height, side, paint);
  const above = drawingAbove(state, columns, height);
  const drawing = above ? [...above.map((line) => ` ${shade(line, paint)}`), ''] : [];
  return [...drawing, ...renderChecks(state, columns - 1, height - drawing.length, paint)];
}

/** As much of a walk as there is room for; scrolled past its end, its end. */
function renderWalk(
  { walk, at }: Mode & { readonly kind: 'walk' },
  columns: number,
  height: number,
  paint: Paint,
): string[] {
  const lines = drawWalk(walk, { columns: columns - 2, paint });
  const first = Math.min(at, Math.max(0, lines.length - height));
  return lines.slice(first, first + height).map((line) => ` ${line}`);
}

/** The drawing in its narrowest useful form, where checks beside it still have room. */
function sideDrawing(state: BoardState, columns: number, rows: number): string[] | null {
  if (!state.showDiagram) return null;
  const room = columns - LEAST_CHECKS_WIDTH - GUTTER - 1;
  const lines = draw(state, room);
  const fits = Math.max(...lines.map(cells)) <= room && lines.length <= rows - 9;
  return fits ? lines : null;
}

function drawingAbove(state: BoardState, columns: number, height: number): string[] | null {
  if (!state.showDiagram) return null;
  const lines = draw(state, columns - 2);
  const fits =
    Math.max(...lines.map(cells)) <= columns - 2 &&
    lines.length + 1 + state.lab.checks.length + ROOM_FOR_DETAILS <= height;
  return fits ? lines : null;
}

function draw({ lab }: BoardState, columns: number): string[] {
  return drawTopology(lab.topology, lab.plan, { columns }).split('\n');
}

/** Lines step back, names and addresses stand out. */
function shade(line: string, paint: Paint): string {
  return line.replace(/[─-╿]+/g, (edge) => paint('dim', edge));
}

/** Checks on the left; on the right the drawing and, below it, what changed. */
function besideDrawing(
  state: BoardState,
  columns: number,
  height: number,
  side: string[],
  paint: Paint,
): string[] {
  const sideWidth = Math.max(...side.map(cells));
  const width = columns - sideWidth - GUTTER - 1;
  const left = renderChecks(state, width, height, paint);
  const right = side.map((line) => shade(line, paint));
  const room = height - right.length - 3;
  if (state.changes.length > 0 && room > 0) {
    right.push('', paint('bold', 'Changed'));
    for (const { host, text } of state.changes.slice(0, Math.min(room, 10))) {
      right.push(clipHost(host, text, sideWidth, paint));
    }
  }
  return Array.from({ length: Math.max(left.length, right.length) }, (_, row) => {
    const beside = right[row] ?? '';
    return beside ? `${pad(left[row] ?? '', width + GUTTER)}${beside}` : (left[row] ?? '');
  });
}

function clipHost(host: string, text: string, width: number, paint: Paint): string {
  return `${paint('cyan', `${host}:`)} ${clip(text, width - cells(host) - 2)}`;
}

function renderFooter(
  state: BoardState,
  columns: number,
  small: boolean,
  showsChanges: boolean,
  paint: Paint,
): string[] {
  const lines = small ? [] : [rule(columns, paint)];
  const [last] = state.changes;
  if (state.mode.kind === 'confirm-reset') {
    const question = 'Reset: undo everything that was built in this lab?';
    lines.push(
      ` ${paint(['yellow', 'bold'], clip(question, columns - 9))}  ${paint('bold', 'y')}/${paint('bold', 'n')}`,
    );
    return lines;
  }
  if (!small) lines.push(renderNext(state, columns, paint));
  if (!small && !showsChanges && last)
    lines.push(` ${paint('dim', 'Changed')}  ${clipHost(last.host, last.text, columns - 11, paint)}`);
  if (state.notice) lines.push(` ${paint('yellow', clip(state.notice, columns - 2))}`);
  lines.push(renderKeys(state, columns, paint));
  return lines;
}

function renderNext(state: BoardState, columns: number, paint: Paint): string {
  if (isAllGreen(state)) {
    const { nextLab } = state.lab;
    const then = nextLab
      ? `n: on to lab ${nextLab.number}, ${nextLab.title}`
      : 'break it and see what the checks say';
    return ` ${paint(['green', 'bold'], clip(`✔ All ${totalCount(state)} checks pass.`, columns - 2))} ${clip(then, Math.max(0, columns - 26))}`;
  }
  const steps = nextSteps(state);
  const [first] = steps;
  const last = steps.at(-1);
  if (!first || !last)
    return ` ${paint('dim', 'Next')}     ${clip('press n for the next check that fails', columns - 11)}`;
  const numbers = first === last ? `Step ${first.number}.` : `Steps ${first.number} to ${last.number}.`;
  const text = clip(`${numbers} ${steps.map(({ title }) => title).join('; ')}`, columns - 11);
  return ` ${paint('dim', 'Next')}     ${text}`;
}

/** The most useful first: what does not fit is left out, but the way out and the help stay. */
function renderKeys(state: BoardState, columns: number, paint: Paint): string {
  const keys: readonly (readonly [string, string])[] =
    state.mode.kind === 'hosts'
      ? [
          ['↑↓', 'choose'],
          ['enter', 'open'],
          ['esc', 'back'],
        ]
      : state.mode.kind === 'walk'
        ? [
            ['↑↓', 'scroll'],
            ['esc', 'back'],
          ]
        : state.mode.kind === 'help'
          ? [['any key', 'back']]
          : [
              ['h', 'hint'],
              ['s', 'shell'],
              ...(isAllGreen(state) ? [] : [['t', 'trace'] as const]),
              ['n', isAllGreen(state) ? 'next lab' : 'next check'],
              ['d', 'diagram'],
              ['r', 'reset'],
            ];
  const fixed: readonly (readonly [string, string])[] =
    state.mode.kind === 'checks' || state.mode.kind === 'busy'
      ? [
          ['?', 'help'],
          ['q', 'quit'],
        ]
      : [];
  const widthOf = (list: readonly (readonly [string, string])[]) =>
    list.reduce((sum, [key, label]) => sum + key.length + label.length + 4, 0);
  const shown = [...keys];
  while (shown.length > 0 && widthOf([...shown, ...fixed]) > columns) shown.pop();
  return [...shown, ...fixed]
    .map(([key, label]) => ` ${paint('bold', key)} ${paint('dim', label)}`)
    .join('  ');
}

function renderHosts(state: BoardState, at: number, height: number, paint: Paint): string[] {
  const hosts = hostNames(state.lab);
  const room = Math.max(1, height - 2);
  const first = Math.max(0, Math.min(at - Math.floor(room / 2), hosts.length - room));
  const rows = hosts.slice(first, first + room).map((host, offset) => {
    const index = first + offset;
    const number = index < 9 ? paint('dim', String(index + 1)) : ' ';
    return index === at ? ` ${paint('cyan', '›')} ${number} ${paint('bold', host)}` : `   ${number} ${host}`;
  });
  return [paint('bold', ' Open a shell in'), ...(height > hosts.length + 1 ? [''] : []), ...rows];
}

function renderHelp(columns: number, paint: Paint): string[] {
  const keys: readonly (readonly [string, string])[] = [
    ['h', 'one hint more for the check in focus'],
    ['t', 'the walk of the packet that the check in focus misses'],
    ['s', 'a shell in a node or pod; exit brings you back'],
    ['n', 'the next check that fails; the next lab when all pass'],
    ['↑ ↓', 'another check in focus; esc: the first that fails'],
    ['d', 'the drawing on or off'],
    ['c', 'check once more, though nothing changed'],
    ['r', 'reset the lab to its start'],
    ['q', 'quit; the testbed stays as it is'],
  ];
  const row = (name: string, text: string): string[] =>
    wrap(text, columns - 9).map((line, index) => ` ${index === 0 ? name : '   '}    ${line}`);
  return [
    ...keys.flatMap(([key, text]) => row(paint('bold', key.padEnd(3)), text)),
    '',
    ...Object.values(GLYPHS).flatMap(([glyph, format, meaning]) => row(`${paint(format, glyph)}  `, meaning)),
    '',
    ...wrap('The board looks again by itself whenever something changes in the network.', columns - 2).map(
      (line) => ` ${line}`,
    ),
  ];
}
