/** What is heard of the engine, and that its restart is not missed. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Docker } from './docker.ts';
import { watchTestbeds } from './engine-events.ts';

const eventOf = (testbed: string) =>
  `${JSON.stringify({ Action: 'create', Actor: { Attributes: { 'podwire.testbed': testbed } } })}\n`;

test('testbeds are told as the engine tells them; an engine that comes back may have changed all', async () => {
  const streams = [new PassThrough(), new PassThrough()];
  let asked = 0;
  const docker = {
    getEvents: async () => streams[asked++] ?? Promise.reject(new Error('no engine')),
  } as unknown as Docker;
  const stop = new AbortController();
  const told: (string | null)[] = [];
  const heard = new PassThrough({ objectMode: true });
  const watching = watchTestbeds(docker, stop.signal, (id) => {
    told.push(id);
    heard.write({});
  });
  const until = async (count: number) => {
    while (told.length < count) await once(heard, 'data');
  };
  await until(1);
  const text = eventOf('lab03') + eventOf('lab05');
  streams[0]?.write(text.slice(0, 30));
  streams[0]?.write(text.slice(30));
  await until(3);
  streams[0]?.end();
  await until(4);
  streams[1]?.write(eventOf('lab04'));
  await until(5);
  expect(told).toEqual([null, 'lab03', 'lab05', null, 'lab04']);
  stop.abort();
  await watching;
});
