/** A page of another origin, in the same browser and with the right token, gets nothing out of the API. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { openPage, type SiteUnderTest, startSite } from './site-under-test.ts';

let site: SiteUnderTest;
let stranger: Server;
let page: Page;

beforeAll(async () => {
  // As a resolver does that was told to lead a foreign name here (DNS rebinding).
  site = await startSite({ args: ['--host-resolver-rules=MAP evil.test 127.0.0.1'] });
  stranger = createServer((_request, response) =>
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>elsewhere</title>'),
  );
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  ({ page } = await openPage(site));
  await page.goto(`http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`);
});

afterAll(async () => {
  stranger?.close();
  await site?.[Symbol.asyncDispose]();
});

test('it cannot read what the API answers', async () => {
  const read = await page.evaluate(
    async ([url, token]) => {
      try {
        const response = await fetch(`${url}/api/labs`, { headers: { Authorization: `Bearer ${token}` } });
        return response.status;
      } catch (error) {
        return String(error);
      }
    },
    [site.url, site.token],
  );
  expect(read).toBe('TypeError: Failed to fetch');
});

test('it cannot send commands blindly', async () => {
  await page.evaluate(
    ([url]) =>
      fetch(`${url}/api/labs/02/open?seed=stranger`, { method: 'POST', mode: 'no-cors', body: '{}' }).then(
        () => null,
        () => null,
      ),
    [site.url],
  );
  const own = await fetch(`${site.url}/api/labs/02/live?seed=stranger`, {
    headers: { Authorization: `Bearer ${site.token}` },
  });
  expect(((await own.json()) as { phase: string }).phase).toBe('closed');
});

test.each(['events', 'terminal?host=node1&number=1&columns=80&rows=24'])(
  'it cannot open the socket %s',
  async (name) => {
    const end = await page.evaluate(
      ([url, token, path]) =>
        new Promise((resolve) => {
          const socket = new WebSocket(`${url?.replace('http', 'ws')}/api/labs/02/${path}`, [
            'podwire.v1',
            `podwire.token.${token}`,
          ]);
          socket.onopen = () => resolve('open');
          socket.onerror = () => resolve('refused');
        }),
      [site.url, site.token, name],
    );
    expect(end).toBe('refused');
  },
);

test('it cannot show the site in a frame', async () => {
  const framed = await page.evaluate(
    ([url]) =>
      new Promise((resolve) => {
        const frame = document.createElement('iframe');
        frame.src = `${url}/`;
        frame.onload = () => {
          try {
            resolve(frame.contentDocument === null ? 'blocked' : frame.contentDocument.title);
          } catch {
            resolve('blocked');
          }
        };
        document.body.append(frame);
      }),
    [site.url],
  );
  expect(framed).toBe('blocked');
  expect(page.frames().every((frame) => !frame.url().startsWith(site.url))).toBe(true);
});

test('a page whose name was made to lead here is refused, whatever it knows (DNS rebinding)', async () => {
  const { page: rebound } = await openPage(site);
  const port = new URL(site.url).port;
  const answer = await rebound.goto(`http://evil.test:${port}/`);
  expect(answer?.status()).toBe(403);
  await rebound.getByRole('heading', { name: 'Podwire is here, under another address' }).waitFor();
  expect(await rebound.content()).not.toContain(site.token);
  // From a document of that name, which has no policy of its own, it asks the same address: no other origin for the
  // browser, no preflight.
  await rebound.goto(`http://evil.test:${port}/api/labs`);
  const asked = await rebound.evaluate(async (token) => {
    const headers = { Authorization: `Bearer ${token}` };
    const ask = async (path: string, method: string) => {
      const response = await fetch(path, { method, headers });
      return [response.status, ((await response.json()) as { error: string }).error];
    };
    return [await ask('/api/server', 'GET'), await ask('/api/labs/02/open', 'POST')];
  }, site.token);
  expect(asked).toEqual([
    [403, 'wrong-host'],
    [403, 'wrong-host'],
  ]);
  const socket = await rebound.evaluate(
    (token) =>
      new Promise((resolve) => {
        const opened = new WebSocket(`ws://${location.host}/api/labs/02/events`, [
          'podwire.v1',
          `podwire.token.${token}`,
        ]);
        opened.onopen = () => resolve('open');
        opened.onerror = () => resolve('refused');
      }),
    site.token,
  );
  expect(socket).toBe('refused');
});

test('a foreign Origin is refused under a name that is ours', async () => {
  const { status } = await fetch(`${site.url.replace('127.0.0.1', 'localhost')}/api/server`, {
    headers: { Origin: 'http://evil.example' },
  });
  expect(status).toBe(403);
});
