/** The page that a person sees whose browser came by an address that the server was not started for. */

export const REFUSAL_HEADERS = {
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'Cache-Control': 'no-store',
} as const;

/** `why` is the refusal in words; `origins` are the addresses that it was started for. */
export function refusalPage(why: string, origins: ReadonlySet<string>): string {
  const links = [...origins].map(escapeHtml).map((origin) => `<li><a href="${origin}/">${origin}</a></li>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Podwire: another address</title>
<style>
  body { max-width: 42rem; margin: 4rem auto; padding: 0 1rem; font: 1.05rem/1.6 system-ui, sans-serif; color-scheme: light dark }
  p.why { font-size: .9rem; opacity: .8 }
</style>
<h1>Podwire is here, under another address</h1>
<p>It answers only to the addresses that it was started for, so that no other site can reach it. Try:</p>
<ul>
${links.join('\n')}
</ul>
<p>Is this address the right one, because a proxy or a port of Docker stands between? Then start Podwire with
<code>--origin</code> and this address; with Compose, set <code>PODWIRE_ORIGIN</code>, and name the port in it too.</p>
<p class="why">${escapeHtml(why)}</p>
</html>
`;
}

function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': 'amp',
    '<': 'lt',
    '>': 'gt',
    '"': 'quot',
    "'": '#39',
  };
  return text.replace(/[&<>"']/g, (character) => `&${names[character]};`);
}
