/**
 * Where the page's script begins: piece by piece, with room between them for whoever scrolls or taps meanwhile. At once, they
 * would hold a phone for a quarter of a second. The last piece is where Docusaurus itself begins.
 */
const PIECES: readonly (() => Promise<unknown>)[] = [
  () => import(/* webpackMode: "eager" */ 'react-dom/client'),
  () => import(/* webpackMode: "eager" */ '@generated/routes'),
  () => import(/* webpackMode: "eager" */ '@generated/client-modules'),
  () => import(/* webpackMode: "eager" */ '@docusaurus/core/lib/client/App'),
  // The first comparison loads the rules of the language; the theme compares when it takes over the page.
  async () => 'a'.localeCompare('b'),
  () => import(/* webpackMode: "eager" */ '@docusaurus/core/lib/client/clientEntry'),
];

/** Links that are in view have their pages fetched: one at a time, and when there is nothing else to do. */
function prefetchWhenIdle(): void {
  const { docusaurus } = window;
  // Safari has none.
  const whenIdle = window.requestIdleCallback ?? setTimeout;
  const prefetch = (url: string): false => {
    whenIdle(() => docusaurus.prefetch(url));
    return false;
  };
  window.docusaurus = { ...docusaurus, prefetch };
}

async function begin(): Promise<void> {
  for (const piece of PIECES) {
    await piece();
    await new Promise((resolve) => setTimeout(resolve));
  }
  prefetchWhenIdle();
}

void begin();
