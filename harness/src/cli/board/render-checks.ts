/** The checks of a lab in a column of a given width and height: verdicts, causes, and the details of one. */
import type { CheckResult, Verdict } from '../../grading/verdict.ts';
import { type BoardCheck, type BoardState, focusedCheck } from './board-state.ts';
import { clip, type Format, type Paint, wrap } from './text.ts';

export const GLYPHS: Readonly<Record<Verdict, readonly [glyph: string, format: Format, meaning: string]>> = {
  pass: ['✔', 'green', 'passes'],
  fail: ['✘', ['red', 'bold'], 'fails: what was found is below it'],
  blocked: ['·', 'dim', 'waits for another check'],
  skipped: ['–', 'yellow', 'skipped: this kernel lacks what it needs'],
  error: ['!', ['magenta', 'bold'], 'could not be checked: our mistake, not yours'],
};
const UNKNOWN: readonly [string, Format] = ['○', 'dim'];

/** One check: its title, whole and cut to a line, then what is to be said about it. */
interface Entry {
  readonly wholeTitle: readonly string[];
  readonly title: string;
  readonly details: readonly string[];
  readonly focused: boolean;
}

/**
 * Fits the checks into the height: first everything, then with titles cut to a line, then without the
 * causes of checks not in focus, then the part of the list around the one in focus.
 */
export function renderChecks(state: BoardState, width: number, height: number, paint: Paint): string[] {
  const focused = focusedCheck(state);
  const entries = state.lab.checks.map((check): Entry => {
    const isFocused = check.id === focused?.id;
    const wholeTitle = renderTitle(state.results[check.id], isFocused, wrap(check.title, width - 4), paint);
    const [title = ''] = renderTitle(
      state.results[check.id],
      isFocused,
      [clip(check.title, width - 4)],
      paint,
    );
    return {
      wholeTitle,
      title,
      details: isFocused
        ? focusedDetails(check, state, width, paint)
        : briefDetails(state.results[check.id], width, paint),
      focused: isFocused,
    };
  });
  const whole = entries.flatMap(({ wholeTitle, details }) => [...wholeTitle, ...details]);
  if (whole.length <= height) return whole;
  const cut = entries.flatMap(({ title, details }) => [title, ...details]);
  if (cut.length <= height) return cut;
  const brief = entries.flatMap(({ title, details, focused }) => (focused ? [title, ...details] : [title]));
  if (brief.length <= height) return brief;
  return around(entries, height, paint);
}

function renderTitle(
  result: CheckResult | undefined,
  focused: boolean,
  lines: readonly string[],
  paint: Paint,
): string[] {
  const [glyph, format] = result ? GLYPHS[result.verdict] : UNKNOWN;
  const muted = !result || result.verdict === 'blocked';
  const mark = `${focused ? paint('cyan', '›') : ' '} ${paint(format, glyph)} `;
  return lines.map((line, row) => {
    const text = focused ? paint('bold', line) : muted ? paint('dim', line) : line;
    return `${row === 0 ? mark : INDENT}${text}`;
  });
}

const INDENT = '    ';

function briefDetails(result: CheckResult | undefined, width: number, paint: Paint): string[] {
  const text = result && causeText(result);
  return text ? [`${INDENT}${paint('dim', clip(text, width - INDENT.length))}`] : [];
}

function focusedDetails(check: BoardCheck, state: BoardState, width: number, paint: Paint): string[] {
  const result = state.results[check.id];
  if (!result) return [];
  const lines: string[] = [];
  const say = (label: string, text: string, format: Format | null) => {
    const room = width - INDENT.length - (label ? LABEL_WIDTH : 0);
    for (const [row, line] of wrap(text, room).entries()) {
      const margin = label ? paint('dim', (row === 0 ? label : '').padEnd(LABEL_WIDTH)) : '';
      lines.push(`${INDENT}${margin}${format ? paint(format, line) : line}`);
    }
  };
  if (result.verdict === 'blocked') {
    const first = state.lab.checks.find(({ id }) => id === result.blockedBy);
    say('', `waits for "${first?.title ?? result.blockedBy}"`, 'dim');
    return lines;
  }
  const cause = causeText(result);
  if (cause) say('', cause, result.verdict === 'fail' ? 'red' : 'magenta');
  if (result.verdict !== 'fail') return lines;
  say('wanted', result.expected, null);
  say('found', result.observed, null);
  const shown = state.hintsShown[check.id] ?? 0;
  for (const [index, hint] of check.hints.slice(0, shown).entries()) say(`hint ${index + 1}`, hint, 'yellow');
  return lines;
}

/** As wide as the widest label, and a gap. */
const LABEL_WIDTH = 8;

function causeText({ verdict, cause, observed }: CheckResult): string {
  if (verdict === 'fail' && cause)
    return cause.text.includes(cause.where) ? cause.text : `${cause.where}: ${cause.text}`;
  if (verdict === 'fail') return observed;
  return verdict === 'error' || verdict === 'skipped' ? observed : '';
}

/** The check in focus, with its neighbours above and below as far as there is room. */
function around(entries: readonly Entry[], height: number, paint: Paint): string[] {
  const at = Math.max(
    0,
    entries.findIndex(({ focused }) => focused),
  );
  const focused = entries[at];
  if (!focused || height <= 0) return [];
  const core = [focused.title, ...focused.details].slice(0, height);
  let [first, last] = [at, at];
  const lengthWith = (from: number, to: number) =>
    to - from + core.length + (from > 0 ? 1 : 0) + (to < entries.length - 1 ? 1 : 0);
  for (let grown = true; grown; ) {
    grown = false;
    if (last < entries.length - 1 && lengthWith(first, last + 1) <= height) [last, grown] = [last + 1, true];
    if (first > 0 && lengthWith(first - 1, last) <= height) [first, grown] = [first - 1, true];
  }
  const lines = entries
    .slice(first, last + 1)
    .flatMap((entry) => (entry.focused || entry === focused ? core : [entry.title]));
  const more = (count: number, arrow: string) => paint('dim', `  ${arrow} ${count} more`);
  if (first > 0 && lines.length < height) lines.unshift(more(first, '↑'));
  if (last < entries.length - 1 && lines.length < height) lines.push(more(entries.length - 1 - last, '↓'));
  return lines;
}
