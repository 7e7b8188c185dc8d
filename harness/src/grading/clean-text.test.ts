import { cleanLine, cleanStrings, cleanText } from './clean-text.ts';

test.each([
  ['\u001b[31mred\u001b[0m', 'red'],
  ['\u001b]0;title\u0007text', 'text'],
  ['a\rb\r\nc', 'a\nb\nc'],
  ['bell\u0007 nul\u0000', 'bell\ufffd nul\ufffd'],
  ['\u202egnp.exe', '\ufffdgnp.exe'],
  ['lone \ud800 half', 'lone \ufffd half'],
  ['a\ttab, ümlaut and 😀', 'a\ttab, ümlaut and 😀'],
])('%j is printed as %j', (text, clean) => {
  expect(cleanText(text)).toBe(clean);
});

test('a line stays a line, and every string of a report is cleaned', () => {
  expect(cleanLine('ok 1\nnot ok 2 \u001b[2J')).toBe('ok 1 not ok 2');
  expect(cleanStrings({ a: ['\u0007', 1, null], b: { c: 'x' } })).toEqual({
    a: ['\ufffd', 1, null],
    b: { c: 'x' },
  });
});
