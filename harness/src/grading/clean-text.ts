/** Text that a submission may have chosen, made fit to print: in terminals, CI logs, XML. */
import { stripVTControlCharacters } from 'node:util';

/** Everything that is no text: C0 and C1 controls, marks that turn the direction of writing, non-characters. */
const NOT_TEXT =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Without escape sequences and control characters; lines and tabs stay. */
export function cleanText(text: string): string {
  return stripVTControlCharacters(text.replaceAll('\r\n', '\n').replaceAll('\r', '\n')).replaceAll(
    NOT_TEXT,
    '\ufffd',
  );
}

/** The same, on one line. */
export function cleanLine(text: string): string {
  return cleanText(text).replaceAll(/\s+/g, ' ').trim();
}

/** Every string in a report. */
export function cleanStrings<T>(value: T): T {
  if (typeof value === 'string') return cleanText(value) as T;
  if (Array.isArray(value)) return value.map((each) => cleanStrings(each)) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, cleanStrings(each)])) as T;
}
