/** Text in columns: what a terminal shows in how many cells. */
import { styleText } from 'node:util';
import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';

export type Format = Parameters<typeof styleText>[0];
/** Gives text a colour or weight, or leaves it as it is where there is no colour. */
export type Paint = (format: Format, text: string) => string;

export function painter(color: boolean): Paint {
  return color
    ? (format, text) => styleText(format, text, { validateStream: false })
    : (_format, text) => text;
}

/** Cuts plain text to a width, and shows that it did. */
export function clip(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let cut = '';
  for (const character of text) {
    if (stringWidth(cut + character) > width - 1) break;
    cut += character;
  }
  return width > 0 ? `${cut.trimEnd()}…` : '';
}

export function wrap(text: string, width: number): string[] {
  return wrapAnsi(text, Math.max(width, 8), { hard: true }).split('\n');
}

/** Fills painted text up to a width. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}

/** How many cells of a terminal painted text takes. */
export function cells(text: string): number {
  return stringWidth(text);
}
