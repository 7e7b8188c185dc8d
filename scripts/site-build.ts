/**
 * `npm run site:build`: the static site. Without settings it is in site/build, where `podwire serve` finds it. For
 * another server it is in site/export: `SITE_BASE_PATH=/podwire/` builds it for a folder of that server,
 * `SITE_URL=https://example.org` names the server, and `SITE_REPOSITORY=https://github.com/OWNER/NAME` adds links to
 * the sources.
 */
import path from 'node:path';
import { ensureSite } from './steps/build-site.ts';

const { SITE_BASE_PATH, SITE_URL, SITE_REPOSITORY } = process.env;
const settings = {
  basePath: SITE_BASE_PATH || undefined,
  url: SITE_URL || undefined,
  repository: SITE_REPOSITORY?.replace(/\/$/, '') || undefined,
};
const problems = [
  ...(settings.basePath && !/^\/(.*\/)?$/.test(settings.basePath)
    ? [`SITE_BASE_PATH: wanted a path between slashes, like "/podwire/"; found "${settings.basePath}".`]
    : []),
  ...(['SITE_URL', 'SITE_REPOSITORY'] as const).flatMap((name) => {
    const value = process.env[name];
    if (!value || /^https?:$/.test(URL.parse(value)?.protocol ?? '')) return [];
    return [`${name}: wanted an address like "https://example.org"; found "${value}".`];
  }),
];
if (problems.length > 0) {
  process.stderr.write(`${problems.join('\n')}\n`);
  process.exit(2);
}
try {
  const { folder, anew } = await ensureSite(settings);
  const place = path.relative(process.cwd(), folder);
  process.stdout.write(anew ? `The site is in ${place}.\n` : `The site in ${place} is as its sources are.\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
