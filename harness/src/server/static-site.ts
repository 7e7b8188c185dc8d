/** Serves the built site: files of one folder and nothing else, each page with a policy of what it may load. */
import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { getMimeType } from 'hono/utils/mime';

export interface SiteFile {
  readonly status: 200 | 404;
  readonly bytes: Buffer<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

/** Files below this folder have a hash of their content in their name. */
const IMMUTABLE = /^\/assets\//;
const A_YEAR = 'public, max-age=31536000, immutable';
const NOT_FOUND_PAGE = '/404.html';

/** Null when there is no such file, and no page that says so. */
export async function readSite(folder: string, urlPath: string): Promise<SiteFile | null> {
  const file = await findFile(folder, urlPath);
  if (file) return describe(file, urlPath, 200);
  const missing = await findFile(folder, NOT_FOUND_PAGE);
  return missing === null ? null : describe(missing, NOT_FOUND_PAGE, 404);
}

/** A file as it is named, a folder's index.html, or a page whose `.html` the URL leaves out. */
async function findFile(folder: string, urlPath: string): Promise<string | null> {
  let name: string;
  try {
    name = decodeURIComponent(urlPath);
  } catch {
    return null;
  }
  // A file whose name begins with a dot is none of the site's.
  if (name.includes('\0') || name.includes('\\') || name.split('/').some((part) => part.startsWith('.')))
    return null;
  for (const candidate of [name, `${name}/index.html`, `${name.replace(/\/$/, '')}.html`]) {
    const file = await realFile(folder, candidate);
    if (file) return file;
  }
  return null;
}

async function realFile(folder: string, name: string): Promise<string | null> {
  try {
    const root = await realpath(folder);
    const file = await realpath(path.join(root, name));
    // A symbolic link may lead out.
    if (!file.startsWith(root + path.sep)) return null;
    return (await stat(file)).isFile() ? file : null;
  } catch {
    return null;
  }
}

async function describe(file: string, urlPath: string, status: 200 | 404): Promise<SiteFile> {
  const bytes = await readFile(file);
  const isPage = file.endsWith('.html');
  return {
    status,
    bytes,
    headers: {
      'Content-Type': getMimeType(file) ?? 'application/octet-stream',
      'Cache-Control': IMMUTABLE.test(urlPath) ? A_YEAR : 'no-cache',
      ETag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 27)}"`,
      'Content-Security-Policy': policyFor(isPage ? inlineScripts(bytes.toString()) : []),
    },
  };
}

const INLINE_SCRIPT = /<script(?![^>]*\ssrc[=\s>])[^>]*>([\s\S]*?)<\/script>/gi;

function inlineScripts(html: string): string[] {
  return [...html.matchAll(INLINE_SCRIPT)].map(([, text]) => text ?? '');
}

/**
 * Scripts come from here alone, and what stands in a page itself only as it was built. A page speaks to no other
 * server and stands in no other site's frame. Styles in elements are the terminal's way to colour text.
 */
function policyFor(scripts: readonly string[]): string {
  const hashes = scripts.map((text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`);
  return [
    "default-src 'self'",
    ["script-src 'self' 'wasm-unsafe-eval'", ...new Set(hashes)].join(' '),
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
