/** What setting up writes, on a terminal and elsewhere. */
import { PassThrough } from 'node:stream';
import { StreamTerminal, type TerminalOutput } from './terminal.ts';

function written(isTTY: boolean, env: NodeJS.ProcessEnv, use: (terminal: StreamTerminal) => void): string {
  let text = '';
  const output: TerminalOutput = { isTTY, columns: 40, write: (part: string) => (text += part) };
  const input = Object.assign(new PassThrough(), { isTTY }) as unknown as NodeJS.ReadStream;
  const terminal = new StreamTerminal(output, input, env);
  use(terminal);
  terminal.clear();
  return text;
}

const work = (terminal: StreamTerminal) => {
  terminal.progress('Building', 'step 1 of 2');
  terminal.progress('Building', 'step 2 of 2');
  terminal.line('Built.');
};

test('elsewhere than on a terminal each new text is a plain line, without its details', () => {
  expect(written(false, {}, work)).toBe('Building...\nBuilt.\n');
});

test('on a terminal progress is one line that is written over', () => {
  expect(written(true, { NO_COLOR: '1' }, work)).toBe(
    '\r\x1b[KBuilding: step 1 of 2... 0 s\r\x1b[KBuilding: step 2 of 2... 0 s\r\x1b[KBuilt.\n',
  );
});

test('a line of progress is cut to the width of the terminal', () => {
  const long = 'x'.repeat(100);
  expect(written(true, { NO_COLOR: '1' }, (terminal) => terminal.progress(long))).toContain(
    `K${'x'.repeat(39)}\r`,
  );
});

test('colour is left out where NO_COLOR says so', () => {
  expect(written(true, {}, work)).toContain('\x1b[2mBuilding');
  expect(written(true, { NO_COLOR: '1' }, work)).not.toContain('\x1b[2m');
});
