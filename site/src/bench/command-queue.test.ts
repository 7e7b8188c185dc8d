import { dropCommands, hostsWithCommands, onCommands, queueCommands, takeCommands } from './command-queue.ts';

afterEach(dropCommands);

test('each command is taken once, by its host, in order', () => {
  queueCommands('node1', 'ip link');
  queueCommands('pod/a', 'ip route');
  queueCommands('node1', 'ip address');
  expect(hostsWithCommands()).toEqual(['node1', 'pod/a']);
  expect(takeCommands('node1')).toEqual(['ip link', 'ip address']);
  expect(takeCommands('node1')).toEqual([]);
  expect(takeCommands('pod/a')).toEqual(['ip route']);
});

test('what is dropped is typed nowhere', () => {
  queueCommands('node1', 'ip link');
  dropCommands();
  expect(takeCommands('node1')).toEqual([]);
});

test('who listens is told of each arrival, until it is called off', () => {
  const heard: string[] = [];
  const stop = onCommands((host) => heard.push(host));
  queueCommands('node1', 'ip link');
  queueCommands('node1', 'ip link');
  stop();
  queueCommands('pod/a', 'ip link');
  expect(heard).toEqual(['node1', 'node1']);
});
