/** HTTP: who may ask is settled first, then what is asked; then the operation answers, or the site's file. */
import { getConnInfo } from '@hono/node-server/conninfo';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { compress } from 'hono/compress';
import type { z } from 'zod';
import { type Access, isAuthorized, refuseStranger } from './access.ts';
import type { Answers, Question } from './answers.ts';
import { LabNumber, LIMITS, type Problem, Seed } from './api.ts';
import { Buckets } from './buckets.ts';
import type { ServerLimits } from './limits.ts';
import { describeApi } from './openapi.ts';
import { OPERATIONS, type Operation, type OperationName } from './operations.ts';
import { ApiError, problemOf, STATUS } from './problems.ts';
import { REFUSAL_HEADERS, refusalPage } from './refusal-page.ts';
import { readSite } from './static-site.ts';

export interface AppParts {
  readonly access: Access;
  readonly answers: Answers;
  readonly version: string;
  /** The built site; null when there is none. */
  readonly site: string | null;
  readonly limits: ServerLimits;
  readonly onUnforeseen: (error: unknown) => void;
}

/** What every answer says to a browser. */
const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const;

const NO_SITE =
  'The site is not built. Build it with: npm run site:build\nThe API is at /api; docs/API.md describes it.\n';

export function makeApp({ access, answers, version, site, limits, onUnforeseen }: AppParts): Hono {
  const app = new Hono();
  const files = new Buckets(limits.files);
  const requests = new Buckets(limits.requests);
  const heavy = new Buckets(limits.heavy);
  const heavyOfAddress = new Buckets(limits.heavyOfAddress);
  const wrongTokens = new Buckets(limits.wrongTokens);
  const fail = (c: Context, problem: Problem) => {
    if (problem.error === 'too-many-requests') c.header('Retry-After', '1');
    return c.json(problem, STATUS[problem.error]);
  };

  app.use(async (c, next) => {
    for (const [name, value] of Object.entries(HEADERS)) c.header(name, value);
    const refused = refuseStranger(access, {
      host: c.req.header('host'),
      origin: c.req.header('origin'),
      // Links from elsewhere may lead to the site's pages, but not into the API.
      'sec-fetch-site': c.req.path.startsWith('/api/') ? c.req.header('sec-fetch-site') : undefined,
    });
    if (refused) {
      if (!isNavigation(c)) return fail(c, refused);
      for (const [name, value] of Object.entries(REFUSAL_HEADERS)) c.header(name, value);
      return c.html(refusalPage(refused.text, access.origins), STATUS[refused.error]);
    }
    const isApi = c.req.path.startsWith('/api/');
    if (!(isApi ? requests : files).take(addressOf(c))) throw tooMany();
    return next();
  });

  app.use('/api/*', async (c, next) => {
    c.header('Cache-Control', 'no-store');
    return next();
  });
  app.use(
    '/api/*',
    bodyLimit({
      maxSize: LIMITS.bodyBytes,
      onError: (c) =>
        fail(c, { error: 'too-large', text: `A request may have ${LIMITS.bodyBytes} bytes at most.` }),
    }),
  );

  app.get('/api/openapi.json', (c) => c.json(describeApi(version)));
  for (const name of Object.keys(OPERATIONS) as OperationName[]) {
    const operation: Operation = OPERATIONS[name];
    app.on(operation.method, operation.path.replace('{lab}', ':lab'), async (c) => {
      const address = addressOf(c);
      const authorization = c.req.header('authorization');
      const authorized = isAuthorized(access, authorization);
      // Who has the right one is not kept out by others' guesses.
      if (authorization !== undefined && !authorized && !wrongTokens.take(address)) throw tooMany();
      if (!authorized && !operation.open) {
        throw new ApiError(
          'unauthorized',
          'This needs the token of the running server. Open the URL that `podwire serve` printed.',
        );
      }
      const about = readQuestion(c);
      if (
        operation.heavy &&
        !(heavyOfAddress.take(address) && heavy.take(`${about.lab} ${about.seed ?? ''}`))
      )
        throw tooMany();
      const question = { ...about, authorized, body: await readBody(c, operation.body) };
      const answer = await (answers[name] as (asked: Question<never>) => Promise<object>)(
        question as Question<never>,
      );
      const underWay = operation.mayTakeLong && /ing$/.test((answer as { phase?: string }).phase ?? '');
      return c.json(answer, underWay ? 202 : 200);
    });
    app.all(operation.path.replace('{lab}', ':lab'), (c, next) => {
      if (c.req.method === operation.method || (c.req.method === 'HEAD' && operation.method === 'GET'))
        return next();
      c.header('Allow', operation.method);
      return Promise.resolve(
        fail(c, { error: 'wrong-method', text: `${c.req.path} answers to ${operation.method}.` }),
      );
    });
  }
  app.all('/api/*', (c) => fail(c, { error: 'not-found', text: `There is nothing at ${c.req.path}.` }));

  app.use(compress());
  app.on(['GET', 'HEAD'], '*', async (c) => {
    const file = site === null ? null : await readSite(site, new URL(c.req.url).pathname);
    if (!file) return c.text(NO_SITE, 404);
    for (const [name, value] of Object.entries(file.headers)) c.header(name, value);
    if (isKnown(c.req.header('if-none-match'), file.headers.ETag ?? '')) return c.body(null, 304);
    return c.body(file.bytes, file.status);
  });
  app.all('*', (c) => {
    c.header('Allow', 'GET, HEAD');
    return fail(c, { error: 'wrong-method', text: `${c.req.path} answers to GET.` });
  });
  app.onError((error, c) => fail(c, problemOf(error, onUnforeseen)));
  return app;
}

function addressOf(c: Context): string {
  return getConnInfo(c).remote.address ?? '';
}

/** A person's browser wants to show a page. */
function isNavigation(c: Context): boolean {
  return (
    c.req.method === 'GET' &&
    !c.req.path.startsWith('/api/') &&
    (c.req.header('accept') ?? '').includes('text/html')
  );
}

/** `If-None-Match` compares weakly (RFC 9110, 13.1.2): compressed, the same file has a weak tag. */
function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  return (ifNoneMatch ?? '').split(',').some((each) => each.trim().replace(/^W\//, '') === etag);
}

function tooMany(): ApiError {
  return new ApiError('too-many-requests', 'Too many requests at once. Wait a moment.');
}

function readQuestion(c: Context): { readonly lab: string; readonly seed: string | null } {
  return {
    lab: read(LabNumber.optional(), c.req.param('lab'), 'the lab in the path') ?? '',
    seed: read(Seed.optional(), c.req.query('seed'), 'the seed') ?? null,
  };
}

/** No body is the same as an empty object. */
async function readBody(c: Context, schema: z.ZodType | null): Promise<unknown> {
  const text = await c.req.text();
  if (!schema) return null;
  let value: unknown = {};
  if (text.trim() !== '') {
    const type = c.req.header('content-type') ?? '';
    if (!/^application\/json\b/i.test(type))
      throw new ApiError('bad-request', `Wanted a body of type application/json, found "${type}".`);
    try {
      value = JSON.parse(text);
    } catch {
      throw new ApiError('bad-request', 'The body is not JSON.');
    }
  }
  return read(schema, value, 'the body');
}

function read<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) =>
    [path.join('.'), message].filter(Boolean).join(': '),
  );
  throw new ApiError('bad-request', `Could not read ${what}: ${problems.join('; ')}.`);
}
