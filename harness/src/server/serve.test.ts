/** Who may not use the server, and what cannot be got from it. No engine is needed to be refused. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { WebSocket } from 'ws';
import { type Docker, expectDocker } from '../testbed/docker.ts';
import { LabDetail, LabList, LIMITS, LiveLab, PROTOCOL, type Problem, tokenProtocol } from './api.ts';
import type { ServerLimits } from './limits.ts';
import { type RunningServer, serve } from './serve.ts';

let folder: string;
let server: RunningServer;
let port: number;

/** An engine that is never there. */
const noDocker = { getEvents: () => Promise.reject(new Error('no engine')) } as unknown as Docker;
const start = (
  options: {
    readonly port?: number;
    readonly origins?: readonly string[];
    readonly limits?: Partial<ServerLimits>;
    readonly docker?: Docker;
  } = {},
) =>
  serve({
    docker: options.docker ?? noDocker,
    ensureImage: async () => '',
    address: '127.0.0.1',
    port: options.port ?? 0,
    site: path.join(folder, 'site'),
    ...(options.origins ? { origins: options.origins } : {}),
    ...(options.limits ? { limits: options.limits } : {}),
  });

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'podwire-serve-'));
  const site = path.join(folder, 'site');
  await mkdir(path.join(site, 'labs/03'), { recursive: true });
  await mkdir(path.join(site, 'assets'));
  await writeFile(path.join(folder, 'secret.txt'), 'secret');
  await writeFile(path.join(site, 'index.html'), '<script>go()</script><p>home</p>');
  await writeFile(path.join(site, 'labs/03/index.html'), '<p>lab 03</p>');
  await writeFile(path.join(site, '404.html'), '<p>nothing here</p>');
  await writeFile(path.join(site, '.env'), 'secret');
  await writeFile(path.join(site, 'assets/main.0a1b.js'), 'go();\n'.repeat(1_000));
  await symlink(path.join(folder, 'secret.txt'), path.join(site, 'link.txt'));
  server = await start();
  port = server.port;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends a request as it is written: no client of ours may make it better. */
async function send(lines: readonly string[], body = '', to = port): Promise<Answer> {
  const socket = createConnection({ host: '127.0.0.1', port: to });
  socket.write([...lines, 'Connection: close', '', body].join('\r\n'));
  let text = '';
  for await (const chunk of socket) text += chunk;
  const [head = '', ...rest] = text.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), head, body: rest.join('\r\n\r\n') };
}

const get = (target: string, headers: readonly string[] = []) =>
  send([`GET ${target} HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...headers]);
const bearer = (token: string) => `Authorization: Bearer ${token}`;
const problem = ({ body }: Answer) => (JSON.parse(body) as Problem).error;

describe('the token', () => {
  test('without it nothing is told but who answers here', async () => {
    for (const target of ['/api/labs', '/api/labs/03', '/api/labs/03/plan', '/api/labs/03/live']) {
      const answer = await get(target);
      expect([target, answer.status, problem(answer)]).toEqual([target, 401, 'unauthorized']);
    }
    const open = await send([
      'POST /api/labs/03/open HTTP/1.1',
      `Host: 127.0.0.1:${port}`,
      'Content-Length: 0',
    ]);
    expect([open.status, problem(open)]).toEqual([401, 'unauthorized']);
    expect(JSON.parse((await get('/api/server')).body)).toMatchObject({ name: 'podwire', authorized: false });
  });

  test('the right one opens, in the header alone', async () => {
    const told = await get('/api/server', [bearer(server.token)]);
    expect(JSON.parse(told.body)).toMatchObject({ authorized: true });
    expect((await get('/api/labs/03/plan', [bearer(server.token)])).status).not.toBe(401);
    expect((await get(`/api/labs/03/plan?token=${server.token}`)).status).toBe(401);
    expect((await get('/api/labs/03/plan', [`Cookie: token=${server.token}`])).status).toBe(401);
  });

  test('a wrong one does not, and who guesses has to wait', async () => {
    const own = await start();
    const at = own.port;
    const guess = (token: string) =>
      send(['GET /api/labs/03/plan HTTP/1.1', `Host: 127.0.0.1:${at}`, bearer(token)], '', at);
    const statuses: number[] = [];
    for (let turn = 0; turn < 14; turn++) statuses.push((await guess(`${own.token}${turn}`)).status);
    await own[Symbol.asyncDispose]();
    expect(statuses.slice(0, 10)).toEqual(Array(10).fill(401));
    expect(statuses.slice(-2)).toEqual([429, 429]);
  });

  test('is another one at each start, and long', async () => {
    const other = await start();
    await other[Symbol.asyncDispose]();
    expect(other.token).not.toBe(server.token);
    expect(Buffer.from(server.token, 'base64url')).toHaveLength(32);
    expect(server.entrance).toBe(`${server.url}/#token=${server.token}`);
  });
});

describe('Host and Origin', () => {
  test('a name that was made to point here is refused (DNS rebinding)', async () => {
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      `127.0.0.1.evil.example:${port}`,
    ]) {
      for (const target of ['/', '/api/server', '/api/labs']) {
        const answer = await send([`GET ${target} HTTP/1.1`, `Host: ${host}`, bearer(server.token)]);
        expect([host, target, answer.status, problem(answer)]).toEqual([host, target, 403, 'wrong-host']);
      }
    }
    expect((await send(['GET / HTTP/1.1', `Host: LOCALHOST:${port}`])).status).toBe(200);
    expect((await send(['GET / HTTP/1.1'])).status).toBe(400);
  });

  test('another origin’s page is refused, even with the token', async () => {
    for (const origin of [
      'http://evil.example',
      'null',
      `http://127.0.0.1:${port + 1}`,
      `https://127.0.0.1:${port}`,
    ]) {
      const answer = await get('/api/labs', [`Origin: ${origin}`, bearer(server.token)]);
      expect([origin, answer.status, problem(answer)]).toEqual([origin, 403, 'wrong-origin']);
      expect(answer.head).not.toMatch(/access-control/i);
    }
    const embedded = await get('/api/server', ['Sec-Fetch-Site: same-site']);
    expect([embedded.status, problem(embedded)]).toEqual([403, 'wrong-origin']);
    expect(
      (await get('/api/server', [`Origin: http://localhost:${port}`, 'Sec-Fetch-Site: same-origin'])).status,
    ).toBe(200);
  });

  test('a person’s browser is shown a page that leads to the right address, and nowhere else', async () => {
    const answer = await send([
      'GET / HTTP/1.1',
      'Host: evil.example',
      'Accept: text/html,application/xhtml+xml',
    ]);
    expect(answer.status).toBe(403);
    expect(answer.head).toMatch(/content-type: text\/html/i);
    expect(answer.head).toMatch(/content-security-policy: default-src 'none'/i);
    expect(answer.body).toContain(`<a href="http://127.0.0.1:${port}/">`);
    expect(answer.body).toContain('--origin');
    expect(answer.body).not.toContain('<script>');
  });

  test('there is no CORS: a preflight is refused', async () => {
    const answer = await send([
      'OPTIONS /api/labs/03/open HTTP/1.1',
      `Host: 127.0.0.1:${port}`,
      'Origin: http://evil.example',
      'Access-Control-Request-Method: POST',
      'Access-Control-Request-Headers: authorization',
    ]);
    expect(answer.status).toBe(403);
    expect(answer.head).not.toMatch(/access-control/i);
  });

  test('another address is answered for when it was started for it', async () => {
    const own = await start({ origins: ['https://workshop.example'] });
    const ask = (host: string, origin: string) =>
      send(['GET /api/server HTTP/1.1', `Host: ${host}`, `Origin: ${origin}`], '', own.port);
    const right = await ask('workshop.example', 'https://workshop.example');
    const wrong = await ask('workshop.example', 'http://workshop.example');
    await own[Symbol.asyncDispose]();
    expect([own.url, right.status, wrong.status]).toEqual(['https://workshop.example', 200, 403]);
  });
});

describe('WebSockets', () => {
  const connect = (
    target: string,
    wish: {
      readonly at?: RunningServer;
      readonly origin?: string;
      readonly protocols?: readonly string[];
      readonly host?: string;
      /** Where the socket is put, for who wants to have it. */
      readonly keep?: WebSocket[];
    } = {},
  ): Promise<number> => {
    const at = wish.at ?? server;
    const { origin = at.url, protocols = [PROTOCOL, tokenProtocol(at.token)], host = '', keep = [] } = wish;
    const socket = new WebSocket(`ws://127.0.0.1:${at.port}${target}`, [...protocols], {
      ...(origin ? { origin } : {}),
      ...(host ? { headers: { Host: host } } : {}),
    });
    keep.push(socket);
    return new Promise((resolve) => {
      socket.on('error', () => {});
      socket.on('open', () => resolve(101));
      socket.on('unexpected-response', (_, response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
    });
  };

  test('are refused before they open: wrong token, none, wrong Origin, none, wrong Host', async () => {
    for (const target of ['/api/labs/03/events', '/api/labs/03/terminal?host=node1']) {
      expect(await connect(target, { protocols: [PROTOCOL] })).toBe(401);
      expect(await connect(target, { protocols: [PROTOCOL, tokenProtocol('wrong')] })).toBe(401);
      expect(await connect(target, { protocols: [tokenProtocol(server.token)] })).toBe(401);
      expect(await connect(target, { origin: 'http://evil.example' })).toBe(403);
      expect(await connect(target, { origin: `http://127.0.0.1:${port + 1}` })).toBe(403);
      expect(await connect(target, { origin: '' })).toBe(403);
      expect(await connect(target, { host: `evil.example:${port}` })).toBe(403);
    }
  });

  test('there are two of them, of labs that exist, and a terminal needs a host', async () => {
    expect(await connect('/api/labs')).toBe(404);
    expect(await connect('/api/labs/99/events')).toBe(404);
    expect(await connect('/api/labs/../events')).toBe(404);
    expect(await connect('/api/labs/03/terminal')).toBe(400);
    expect(await connect('/api/labs/03/terminal?host=../../etc')).toBe(400);
    expect(await connect(`/api/labs/03/events?seed=${'x'.repeat(65)}`)).toBe(404);
  });

  test('who guesses tokens has to wait, and who has the right one does not', async () => {
    await using own = await start({ limits: { wrongTokens: { burst: 4, perSecond: 0.01 } } });
    const guess = (token: string) =>
      connect('/api/labs/03/events', { at: own, protocols: [PROTOCOL, tokenProtocol(token)] });
    const statuses: number[] = [];
    for (let turn = 0; turn < 6; turn++) statuses.push(await guess(`${own.token}${turn}`));
    expect(statuses).toEqual([401, 401, 401, 401, 429, 429]);
    expect(await guess(own.token)).toBe(101);
  });

  test('so many are opened at once by one address, and then some each second', async () => {
    await using own = await start({ limits: { openings: { burst: 3, perSecond: 0.01 } } });
    const statuses: number[] = [];
    for (let turn = 0; turn < 5; turn++) statuses.push(await connect('/api/labs/03/events', { at: own }));
    expect(statuses).toEqual([101, 101, 101, 429, 429]);
  });

  test('so many stand at once, and one that ends makes room', async () => {
    await using own = await start({ limits: { sockets: 2 } });
    const keep: WebSocket[] = [];
    const open = () => connect('/api/labs/03/events', { at: own, keep });
    expect([await open(), await open(), await open()]).toEqual([101, 101, 429]);
    const [first] = keep;
    const closed = new Promise((resolve) => first?.on('close', resolve));
    first?.close();
    await closed;
    // The server hears of it a moment later than we do.
    const deadline = performance.now() + 5_000;
    let status = 429;
    while (status === 429 && performance.now() < deadline) status = await open();
    expect(status).toBe(101);
  });

  test('a peer that does not answer a ping is gone', async () => {
    await using own = await start({ limits: { pingMs: 100 } });
    const keep: WebSocket[] = [];
    expect(await connect('/api/labs/03/events', { at: own, keep })).toBe(101);
    expect(await connect('/api/labs/03/events', { at: own, keep })).toBe(101);
    const [dead, alive] = keep as [WebSocket, WebSocket];
    let pings = 0;
    alive.on('ping', () => pings++);
    const ended = new Promise((resolve) => dead.on('close', resolve));
    dead.pong = () => {};
    // `ws` answers by itself: a peer that hangs reads nothing.
    dead.pause();
    const gone = new Promise<void>((resolve) => {
      const look = () => (pings >= 4 ? resolve() : alive.once('ping', look));
      look();
    });
    await gone;
    dead.resume();
    await ended;
    expect(alive.readyState).toBe(WebSocket.OPEN);
  });
});

describe('an open WebSocket', () => {
  const closeCode = (socket: WebSocket): Promise<number> =>
    new Promise((resolve) => socket.on('error', () => {}).on('close', resolve));
  const open = () =>
    new WebSocket(`ws://127.0.0.1:${port}/api/labs/03/events`, [PROTOCOL, tokenProtocol(server.token)], {
      origin: server.url,
    });

  test('answers with the protocol alone, and not with the token', async () => {
    const socket = open();
    await new Promise((resolve) => socket.on('open', resolve));
    expect(socket.protocol).toBe(PROTOCOL);
    socket.terminate();
  });

  test('is closed by a message that is too large', async () => {
    const socket = open();
    socket.on('open', () => socket.send('x'.repeat(LIMITS.messageBytes + 1)));
    expect(await closeCode(socket)).toBe(1009);
  });

  test('is closed by too many messages', async () => {
    const socket = open();
    socket.on('open', () => {
      for (let count = 0; count < 20_000; count++) socket.send('{}');
    });
    expect(await closeCode(socket)).toBe(1008);
  });
});

describe('limits', () => {
  test('a body may not be too large, whether its length is told or not', async () => {
    const large = 'x'.repeat(LIMITS.bodyBytes + 1);
    const post = [
      'POST /api/labs/03/hint HTTP/1.1',
      `Host: 127.0.0.1:${port}`,
      bearer(server.token),
      'Content-Type: application/json',
    ];
    const told = await send([...post, `Content-Length: ${large.length}`], large);
    expect([told.status, problem(told)]).toEqual([413, 'too-large']);
    const chunk = `${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`;
    const untold = await send([...post, 'Transfer-Encoding: chunked'], chunk);
    expect([untold.status, problem(untold)]).toEqual([413, 'too-large']);
  });

  test('a body is JSON of the right shape, and of no other type that a form could send', async () => {
    const post = async (type: string, body: string) => {
      const answer = await send(
        [
          'POST /api/labs/03/hint HTTP/1.1',
          `Host: 127.0.0.1:${port}`,
          bearer(server.token),
          `Content-Type: ${type}`,
          `Content-Length: ${body.length}`,
        ],
        body,
      );
      return [answer.status, problem(answer)];
    };
    expect(await post('text/plain', '{}')).toEqual([400, 'bad-request']);
    expect(await post('application/json', '{')).toEqual([400, 'bad-request']);
    expect(await post('application/json', '{"check":1}')).toEqual([400, 'bad-request']);
    expect(await post('application/json', '{"command":"id"}')).toEqual([400, 'bad-request']);
  });

  test('too many requests at once are refused', async () => {
    const own = await start();
    const ask = () => fetch(`${own.url}/api/server`).then((response) => response.status);
    const seen = new Set<number>();
    for (let turn = 0; turn < 20 && !seen.has(429); turn++)
      for (const status of await Promise.all(Array.from({ length: 200 }, ask))) seen.add(status);
    await own[Symbol.asyncDispose]();
    expect([...seen]).toEqual([200, 429]);
  });

  test('too many commands at once are refused sooner', async () => {
    const own = await start();
    const headers = { Authorization: `Bearer ${own.token}` };
    const ask = () => fetch(`${own.url}/api/labs/03/check`, { method: 'POST', headers });
    const statuses = (await Promise.all(Array.from({ length: 60 }, ask))).map(({ status }) => status);
    await own[Symbol.asyncDispose]();
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(10);
  });

  test('a new seed for each command does not help', async () => {
    await using own = await start({ limits: { heavyOfAddress: { burst: 5, perSecond: 0.01 } } });
    const headers = { Authorization: `Bearer ${own.token}` };
    const statuses: number[] = [];
    for (let turn = 0; turn < 7; turn++) {
      const answer = await fetch(`${own.url}/api/labs/03/check?seed=s${turn}`, { method: 'POST', headers });
      statuses.push(answer.status);
      if (answer.status === 429) expect(answer.headers.get('retry-after')).toBe('1');
    }
    expect(statuses.slice(0, 5)).not.toContain(429);
    expect(statuses.slice(5)).toEqual([429, 429]);
  });

  test('so many files are sent to one address, and the API has a rate of its own', async () => {
    await using own = await start({ limits: { files: { burst: 3, perSecond: 0.01 } } });
    const statuses: number[] = [];
    for (let turn = 0; turn < 5; turn++) statuses.push((await fetch(`${own.url}/`)).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    expect((await fetch(`${own.url}/api/server`)).status).toBe(200);
  });

  test('a method that is not meant is refused, with those that are', async () => {
    for (const [method, target, allow] of [
      ['DELETE', '/api/labs/03/open', 'POST'],
      ['GET', '/api/labs/03/open', 'POST'],
      ['PUT', '/api/labs', 'GET'],
      ['POST', '/', 'GET, HEAD'],
      ['TRACE', '/', 'GET, HEAD'],
    ]) {
      const answer = await send([
        `${method} ${target} HTTP/1.1`,
        `Host: 127.0.0.1:${port}`,
        bearer(server.token),
        'Content-Length: 0',
      ]);
      expect([method, target, answer.status]).toEqual([method, target, 405]);
      expect(answer.head.toLowerCase()).toContain(`allow: ${allow?.toLowerCase()}`);
    }
    expect((await send(['CONNECT example.com:443 HTTP/1.1', `Host: 127.0.0.1:${port}`])).status).not.toBe(
      200,
    );
  });
});

describe('the site', () => {
  test('pages are served with a policy that lets only their own scripts run', async () => {
    const page = await get('/');
    expect([page.status, page.body]).toEqual([200, expect.stringContaining('home')]);
    expect(page.head).toMatch(/content-security-policy: .*script-src 'self'[^;]* 'sha256-[^']+'/i);
    expect(page.head).toMatch(/frame-ancestors 'none'/);
    expect(page.head).toMatch(/x-frame-options: DENY/i);
    expect(page.head).toMatch(/referrer-policy: no-referrer/i);
    expect((await get('/labs/03')).body).toContain('lab 03');
    expect((await get('/labs/03/')).body).toContain('lab 03');
    expect((await get('/assets/main.0a1b.js')).head).toMatch(/cache-control: .*immutable/i);
    const missing = await get('/nothing');
    expect([missing.status, missing.body]).toEqual([404, expect.stringContaining('nothing here')]);
  });

  test('nothing outside its folder is served, nor a hidden file, nor a link that leads out', async () => {
    for (const target of [
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/..%2fsecret.txt',
      '/labs/..%2f..%2f..%2fsecret.txt',
      '/labs/../../secret.txt',
      '/%5c..%5csecret.txt',
      '//etc/passwd',
      '/%00/secret.txt',
      '/link.txt',
      '/.env',
      '/%2eenv',
      `${'/..'.repeat(12)}/etc/passwd`,
      'http://127.0.0.1/../../etc/passwd',
      '/%ff',
    ]) {
      const answer = await get(target);
      expect([target, answer.status]).not.toEqual([target, 200]);
      expect(answer.body).not.toMatch(/secret|root:/);
    }
  });
});

describe('a file that the browser has already', () => {
  test('is not sent again, compressed or not', async () => {
    for (const encoding of ['identity', 'gzip']) {
      const file = '/assets/main.0a1b.js';
      const first = await get(file, [`Accept-Encoding: ${encoding}`]);
      expect([encoding, /content-encoding: gzip/i.test(first.head)]).toEqual([encoding, encoding === 'gzip']);
      const [, etag = ''] = /etag: (.*)/i.exec(first.head) ?? [];
      const again = await get(file, [`Accept-Encoding: ${encoding}`, `If-None-Match: "other", ${etag}`]);
      expect([encoding, again.status, again.body.replace(/^0\r\n/, '').trim()]).toEqual([encoding, 304, '']);
      const other = await get(file, [`Accept-Encoding: ${encoding}`, 'If-None-Match: "other"']);
      expect(other.status).toBe(200);
    }
  });
});

describe('where no engine runs', () => {
  const before = process.env.DOCKER_HOST;
  let own: RunningServer;
  beforeAll(async () => {
    process.env.DOCKER_HOST = `unix://${path.join(folder, 'no-engine.sock')}`;
    own = await start({ docker: expectDocker() });
  });
  afterAll(async () => {
    if (before === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = before;
    await own[Symbol.asyncDispose]();
  });
  const ask = async (target: string, method = 'GET') => {
    const answer = await fetch(`${own.url}/api/${target}`, {
      method,
      headers: { Authorization: `Bearer ${own.token}` },
    });
    return { status: answer.status, body: (await answer.json()) as unknown };
  };

  test('labs are told, and each says what is missing', async () => {
    const list = await ask('labs');
    expect(LabList.parse(list.body).labs.map(({ phase }) => phase)).toContain('closed');
    const detail = LabDetail.parse((await ask('labs/03')).body);
    expect(detail).toMatchObject({ lab: '03', phase: 'closed', nextLab: { number: '04' } });
    const live = LiveLab.parse((await ask('labs/03/live')).body);
    expect(live.phase).toBe('closed');
    expect(live.problem).toMatch(/^No Docker engine answers on the machine where Podwire runs/);
  });

  test('opening one fails with the reason', async () => {
    const docker = expectDocker();
    await using needy = await serve({
      docker,
      ensureImage: () => docker.ping(),
      address: '127.0.0.1',
      port: 0,
    });
    const answer = await fetch(`${needy.url}/api/labs/03/open`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${needy.token}` },
    });
    expect([answer.status, (await answer.json()) as Problem]).toEqual([
      503,
      { error: 'no-engine', text: expect.stringContaining('npx podwire doctor') },
    ]);
  });
});

describe('listening', () => {
  test('only on loopback, unless it is told otherwise', async () => {
    const others = Object.values(networkInterfaces())
      .flatMap((found) => found ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    for (const { address } of [...others, { address: '127.0.0.2' }]) {
      const reached = await new Promise((resolve) => {
        const socket = createConnection({ host: address, port }, () => resolve(true));
        socket.on('error', () => resolve(false));
      });
      expect([address, reached]).toEqual([address, false]);
    }
  });

  test('a port that is taken is named, with what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port: taken } = other.address() as { port: number };
    await expect(start({ port: taken })).rejects.toThrow(
      `Could not listen on 127.0.0.1:${taken}: the port is taken, perhaps by another \`podwire serve\`. Choose another with --port.`,
    );
    other.close();
  });
});
