/** By which addresses a server is reached. */
import { accessFor, refuseStranger } from './access.ts';

test('loopback answers to each of its names', () => {
  const { hosts, origins } = accessFor('t', '127.0.0.1', 4680, []);
  expect([...hosts]).toEqual(['127.0.0.1:4680', 'localhost:4680', '[::1]:4680']);
  expect([...origins]).toEqual(['http://127.0.0.1:4680', 'http://localhost:4680', 'http://[::1]:4680']);
});

test('a browser leaves out port 80', () => {
  expect([...accessFor('t', '127.0.0.1', 80, []).hosts]).toContain('localhost');
});

test('an address of a workshop is added, with its own scheme', () => {
  const access = accessFor('t', '10.1.2.3', 4680, ['https://workshop.example']);
  expect(refuseStranger(access, { host: 'workshop.example', origin: 'https://workshop.example' })).toBeNull();
  expect(refuseStranger(access, { host: '10.1.2.3:4680', origin: 'http://10.1.2.3:4680' })).toBeNull();
  expect(refuseStranger(access, { host: 'workshop.example', origin: 'http://workshop.example' })?.error).toBe(
    'wrong-origin',
  );
  expect(refuseStranger(access, { host: '127.0.0.1:4680' })?.error).toBe('wrong-host');
});

test('listening everywhere, it answers to every address of this machine, and to no name', () => {
  const access = accessFor('t', '0.0.0.0', 4680, []);
  expect(refuseStranger(access, { host: 'localhost:4680' })).toBeNull();
  expect(refuseStranger(access, { host: 'evil.example:4680' })?.error).toBe('wrong-host');
});
