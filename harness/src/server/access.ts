/**
 * Who may ask: the right token, under an address that this server was started for, from its own pages.
 *
 * A page of another site runs in the same browser and can send requests to loopback. The token stops it, because
 * no browser adds it by itself. `Host` stops a name that was made to point here (DNS rebinding); `Origin` and
 * `Sec-Fetch-Site` stop what a browser says comes from elsewhere. docs/adr/0010 tells why no cookie is used.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { PROTOCOL, type Problem, tokenProtocol } from './api.ts';

export interface Access {
  readonly token: string;
  /** What `Host` may say: `127.0.0.1:4680`. */
  readonly hosts: ReadonlySet<string>;
  /** What `Origin` may say: `http://127.0.0.1:4680`. */
  readonly origins: ReadonlySet<string>;
}

export interface Headers {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
}

const TOKEN_BYTES = 32;
const HTTP_PORT = 80;

export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** `origins` are the addresses by which others reach this server, where a proxy or a container stands between. */
export function accessFor(token: string, address: string, port: number, origins: readonly string[]): Access {
  const own = namesOf(address).map((name) => (port === HTTP_PORT ? name : `${name}:${port}`));
  const given = origins.map((origin) => new URL(origin));
  return {
    token,
    hosts: new Set([...own, ...given.map(({ host }) => host)]),
    origins: new Set([...own.map((host) => `http://${host}`), ...given.map(({ origin }) => origin)]),
  };
}

/** How a browser may name the address that is listened on. */
function namesOf(address: string): string[] {
  const loopback = ['127.0.0.1', 'localhost', '[::1]'];
  if (address === '127.0.0.1' || address === '::1' || address === 'localhost') return loopback;
  if (address !== '0.0.0.0' && address !== '::') return [isIPv6(address) ? `[${address}]` : address];
  const all = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  return [
    ...loopback,
    ...all.map(({ address: each, family }) => (family === 'IPv6' ? `[${each.split('%')[0]}]` : each)),
  ];
}

/** Null when the request came by an address of ours, and from no other site's page. */
export function refuseStranger(
  { hosts, origins }: Access,
  headers: Headers,
  { needsOrigin = false }: { readonly needsOrigin?: boolean } = {},
): Problem | null {
  if (!headers.host || !hosts.has(headers.host.toLowerCase())) {
    return {
      error: 'wrong-host',
      text: `This server does not answer for "${headers.host ?? ''}". It was started for: ${[...hosts].join(', ')}. Another address is allowed with --origin.`,
    };
  }
  if (headers.origin === undefined ? needsOrigin : !origins.has(headers.origin)) {
    return {
      error: 'wrong-origin',
      text: `A page of "${headers.origin ?? ''}" may not use this server. Its own pages are at: ${[...origins].join(', ')}.`,
    };
  }
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    return { error: 'wrong-origin', text: 'Another site’s page may not use this server.' };
  return null;
}

/** Whether an `Authorization` header carries the token. */
export function isAuthorized({ token }: Access, authorization: string | undefined): boolean {
  return isSame(authorization ?? '', `Bearer ${token}`);
}

/** Whether a `Sec-WebSocket-Protocol` header offers ours and carries the token. */
export function offersToken({ token }: Access, protocols: string | undefined): boolean {
  const offered = (protocols ?? '').split(',').map((each) => each.trim());
  return offered.includes(PROTOCOL) && offered.some((each) => isSame(each, tokenProtocol(token)));
}

/** Takes the same time wherever the two differ. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
