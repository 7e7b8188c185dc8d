/** What the live board knows, and how keys, verdicts and changes alter it. Nothing here draws or runs anything. */
import type { Walk, WalkRequest } from '../../diagnosis/walk/walk.ts';
import { BEGINNING, type Exercise, isAllGreen, openChecks, type Standing } from '../../live/standing.ts';
import type { AddressPlan } from '../../topology/plan.ts';
import type { Topology } from '../../topology/topology.ts';

export interface BoardCheck {
  readonly id: string;
  readonly title: string;
  readonly hints: readonly string[];
}

/** What does not change while the board is up. */
export interface BoardLab extends Exercise<BoardCheck> {
  readonly number: string;
  readonly title: string;
  readonly question: string;
  readonly seed: string | null;
  readonly topology: Topology;
  readonly plan: AddressPlan;
  readonly nextLab: { readonly number: string; readonly title: string } | null;
}

export type Mode =
  | { readonly kind: 'checks' }
  | { readonly kind: 'help' }
  | { readonly kind: 'hosts'; readonly at: number }
  | { readonly kind: 'confirm-reset' }
  /** The walk of a failed probe; `at` is the first line that is shown. */
  | { readonly kind: 'walk'; readonly walk: Walk; readonly at: number }
  | { readonly kind: 'busy'; readonly text: string };

export interface BoardState extends Standing {
  readonly lab: BoardLab;
  readonly mode: Mode;
  /** The check whose details are open; null: the first that does not pass. */
  readonly chosen: string | null;
  readonly showDiagram: boolean;
  /** Something to say that is no verdict. */
  readonly notice: string;
}

/** What a key asks for that the state alone cannot give. */
export type Action =
  | { readonly kind: 'quit' }
  | { readonly kind: 'next' }
  | { readonly kind: 'check' }
  | { readonly kind: 'hint'; readonly check: string }
  | { readonly kind: 'reset' }
  | { readonly kind: 'trace'; readonly probe: WalkRequest }
  | { readonly kind: 'shell'; readonly host: string };

export function beginBoard(lab: BoardLab): BoardState {
  return {
    lab,
    mode: { kind: 'checks' },
    ...BEGINNING,
    chosen: null,
    showDiagram: true,
    notice: '',
  };
}

/** The standing as it is now. A notice is about what was before a change. */
export function withStanding(state: BoardState, standing: Standing): BoardState {
  const notice = standing.changes === state.changes ? state.notice : '';
  return { ...state, ...standing, notice };
}

/** The check whose details are open. */
export function focusedCheck(state: BoardState): BoardCheck | null {
  const chosen = state.lab.checks.find(({ id }) => id === state.chosen);
  return chosen ?? openChecks(state)[0] ?? null;
}

/** Nodes, then pods: where a shell can be opened. */
export function hostNames({ plan }: BoardLab): string[] {
  return [...Object.keys(plan.nodes), ...Object.keys(plan.pods).map((pod) => `pod/${pod}`)];
}

/** What a key does. Keys are named as they are written on the board; others as the terminal sends them. */
export function pressKey(state: BoardState, key: string): readonly [BoardState, Action | null] {
  if (key === '\x03') return [state, { kind: 'quit' }];
  switch (state.mode.kind) {
    case 'busy':
      return [state, null];
    case 'help':
      return [{ ...state, mode: { kind: 'checks' } }, null];
    case 'confirm-reset':
      return [{ ...state, mode: { kind: 'checks' } }, key === 'y' ? { kind: 'reset' } : null];
    case 'hosts':
      return pressInHosts(state, state.mode.at, key);
    case 'walk':
      return [pressInWalk(state, state.mode, key), null];
    case 'checks':
      return pressInChecks(state, key);
  }
}

function pressInHosts(state: BoardState, at: number, key: string): readonly [BoardState, Action | null] {
  const hosts = hostNames(state.lab);
  const back: BoardState = { ...state, mode: { kind: 'checks' } };
  const move = (to: number): BoardState => ({
    ...state,
    mode: { kind: 'hosts', at: (to + hosts.length) % hosts.length },
  });
  const byNumber = /^[1-9]$/.test(key) ? hosts[Number(key) - 1] : undefined;
  const chosen = byNumber ?? (key === '\r' || key === '\n' ? hosts[at] : undefined);
  if (chosen) return [back, { kind: 'shell', host: chosen }];
  if (key === UP || key === 'k') return [move(at - 1), null];
  if (key === DOWN || key === 'j') return [move(at + 1), null];
  return [key === ESCAPE || key === 'q' || key === 's' ? back : state, null];
}

const PAGE_LINES = 10;

/** The board shows no further than to the last line. */
function pressInWalk(state: BoardState, mode: Mode & { readonly kind: 'walk' }, key: string): BoardState {
  const steps: Readonly<Record<string, number>> = {
    [UP]: -1,
    k: -1,
    [DOWN]: 1,
    j: 1,
    [PAGE_UP]: -PAGE_LINES,
    [PAGE_DOWN]: PAGE_LINES,
    ' ': PAGE_LINES,
  };
  const step = steps[key];
  if (step !== undefined) return { ...state, mode: { ...mode, at: Math.max(0, mode.at + step) } };
  return key === ESCAPE || key === 'q' || key === 't' ? { ...state, mode: { kind: 'checks' } } : state;
}

export const PAGE_UP = '\x1b[5~';
export const PAGE_DOWN = '\x1b[6~';
export const UP = '\x1b[A';
export const DOWN = '\x1b[B';
export const ESCAPE = '\x1b';

function pressInChecks(state: BoardState, key: string): readonly [BoardState, Action | null] {
  switch (key) {
    case 'q':
      return [state, { kind: 'quit' }];
    case 'h':
      return askHint(state);
    case 's':
      return [{ ...state, mode: { kind: 'hosts', at: 0 } }, null];
    case 't':
      return traceFailure(state);
    case 'r':
      return [{ ...state, mode: { kind: 'confirm-reset' } }, null];
    case 'n':
      return isAllGreen(state) ? [state, { kind: 'next' }] : [choose(state, openChecks(state), 1), null];
    case 'c':
      return [state, { kind: 'check' }];
    case 'd':
      return [{ ...state, showDiagram: !state.showDiagram }, null];
    case '?':
      return [{ ...state, mode: { kind: 'help' } }, null];
    case UP:
    case 'k':
      return [choose(state, state.lab.checks, -1), null];
    case DOWN:
    case 'j':
      return [choose(state, state.lab.checks, 1), null];
    case ESCAPE:
      return [{ ...state, chosen: null }, null];
    default:
      return [state, null];
  }
}

/** Asks for one hint more for the check in focus if it needs one, else for the first that does. */
function askHint(state: BoardState): readonly [BoardState, Action | null] {
  const focused = focusedCheck(state);
  const check = focused && state.results[focused.id]?.verdict === 'fail' ? focused : openChecks(state)[0];
  if (check)
    return [
      { ...state, chosen: check.id },
      { kind: 'hint', check: check.id },
    ];
  const notice = isAllGreen(state) ? 'Every check passes: there is nothing to hint at.' : '';
  return [{ ...state, notice }, null];
}

/** The probe of the check in focus, or else of the first that failed on one. */
function traceFailure(state: BoardState): readonly [BoardState, Action | null] {
  const focused = focusedCheck(state);
  const candidates = [...(focused ? [focused] : []), ...openChecks(state)];
  for (const { id } of candidates) {
    const result = state.results[id];
    if (result?.verdict !== 'fail' || !result.probe) continue;
    const text = `tracing ${result.probe.from} to ${result.probe.to}…`;
    return [
      { ...state, chosen: id, mode: { kind: 'busy', text } },
      { kind: 'trace', probe: result.probe },
    ];
  }
  const notice = isAllGreen(state)
    ? 'Every check passes: no packet was lost.'
    : 'No check failed on a packet that could be followed.';
  return [{ ...state, notice }, null];
}

function choose(state: BoardState, among: readonly BoardCheck[], step: number): BoardState {
  const focused = focusedCheck(state);
  const at = among.findIndex(({ id }) => id === focused?.id);
  const target = among[(at + step + among.length) % among.length];
  return target ? { ...state, chosen: target.id } : state;
}
