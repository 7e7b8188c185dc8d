/** What viewers of a terminal are given, and when the shell has to wait; a stream stands for the shell. */
import { type Duplex, PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { LIMITS, type TerminalMessage } from './api.ts';
import { Terminal, USUAL_TIMES, type Viewer } from './terminal.ts';

function begin() {
  const stream = new PassThrough();
  const done = Promise.withResolvers<number>();
  const told: string[] = [];
  const terminal = new Terminal(
    { host: 'node1', number: 1 },
    {
      stream: stream as Duplex,
      done: done.promise,
      resize: async ({ columns, rows }) => {
        told.push(`${columns}x${rows}`);
      },
      end: async () => {
        told.push('end');
      },
    },
    { columns: 40, rows: 10 },
    USUAL_TIMES,
    { onChange: () => {}, onPrompt: () => told.push('prompt') },
  );
  return { terminal, stream, done, told };
}

function viewer() {
  const messages: TerminalMessage[] = [];
  let shown = '';
  let left = false;
  const viewing: Viewer = {
    tell: (message) => messages.push(message),
    output: (bytes) => (shown += Buffer.from(bytes).toString()),
    leave: () => {
      left = true;
    },
  };
  return { viewing, messages, shown: () => shown, left: () => left };
}

async function until(isThere: () => boolean): Promise<void> {
  while (!isThere()) await setImmediate();
}

test('who comes later is given the screen as it is, colours and all, and nothing twice', async () => {
  const { terminal, stream } = begin();
  const first = viewer();
  terminal.join(first.viewing, false);
  stream.write('one\r\n\x1b[31mred\x1b[0m\r\n');
  await until(() => first.shown().includes('red'));
  const second = viewer();
  terminal.join(second.viewing, true);
  stream.write('after');
  await until(() => second.shown().includes('after'));
  expect(second.messages).toEqual([
    { type: 'ready', host: 'node1', number: 1, columns: 40, rows: 10, restored: true },
  ]);
  expect(second.shown()).toContain('one\r\n\x1b[31mred');
  expect(second.shown().match(/after/g)).toHaveLength(1);
  expect(first.shown().match(/after/g)).toHaveLength(1);
  await terminal.end('end');
});

test('a full-screen program is restored in its alternate screen', async () => {
  const { terminal, stream } = begin();
  const first = viewer();
  terminal.join(first.viewing, false);
  stream.write('before\x1b[?1049h\x1b[Hinside');
  await until(() => first.shown().includes('inside'));
  const second = viewer();
  terminal.join(second.viewing, true);
  await until(() => second.shown().includes('inside'));
  expect(second.shown()).toContain('\x1b[?1049h');
  expect(second.shown()).toContain('before');
  await terminal.end('end');
});

test('the shell waits while one of its viewers does not acknowledge', async () => {
  const { terminal, stream } = begin();
  const [quick, slow] = [viewer(), viewer()];
  terminal.join(quick.viewing, false);
  terminal.join(slow.viewing, false);
  stream.write('x'.repeat(LIMITS.windowBytes));
  await until(() => [quick, slow].every(({ shown }) => shown().length === LIMITS.windowBytes));
  terminal.acknowledge(quick.viewing, LIMITS.windowBytes);
  expect(stream.isPaused()).toBe(true);
  terminal.acknowledge(slow.viewing, 1);
  await until(() => !stream.isPaused());
  stream.write('xx');
  await until(() => stream.isPaused());
  terminal.leave(slow.viewing);
  await until(() => !stream.isPaused());
  await terminal.end('end');
});

test('a size is told to the shell and to the others, and what is typed comes after it', async () => {
  const { terminal, told } = begin();
  const [one, other] = [viewer(), viewer()];
  terminal.join(one.viewing, false);
  terminal.join(other.viewing, true);
  await until(() => other.messages.length > 0);
  terminal.resize({ columns: 60, rows: 20 }, one.viewing);
  terminal.resize({ columns: 60, rows: 20 }, other.viewing);
  expect(told).toEqual(['60x20']);
  expect(other.messages.at(-1)).toEqual({ type: 'resized', columns: 60, rows: 20 });
  expect(one.messages.map(({ type }) => type)).toEqual(['ready']);
  await terminal.end('end');
});

test('when the shell ends, all are told how', async () => {
  const { terminal, done } = begin();
  const one = viewer();
  terminal.join(one.viewing, false);
  await until(() => one.messages.length > 0);
  done.resolve(3);
  await until(() => one.left());
  expect(one.messages.at(-1)).toEqual({
    type: 'closed',
    reason: 'exit',
    status: 3,
    text: 'The shell has ended.',
  });
  expect(terminal.closed).toBe(true);
});

test('ended for a reason, that reason is told, and the shell is ended', async () => {
  const { terminal, told } = begin();
  const one = viewer();
  terminal.join(one.viewing, false);
  await until(() => one.messages.length > 0);
  await terminal.end('lab');
  expect(one.messages.at(-1)).toMatchObject({ type: 'closed', reason: 'lab', status: null });
  expect(told).toEqual(['end']);
});

test('it is told when the shell asks for a command, though the prompt comes in pieces', async () => {
  const { stream, done, told } = begin();
  stream.write('done\r\n\x1b[?20');
  stream.write('04hnode1:~# ');
  await until(() => told.length > 0);
  stream.write('\x1b[?2004l\r\n\x1b[?2004h');
  await until(() => told.length > 1);
  expect(told).toEqual(['prompt', 'prompt']);
  done.resolve(0);
});
