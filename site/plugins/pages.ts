/** The landing page and the index of labs, which are drawn from the lab folders; and how pages are without a script. */
import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { LoadContext, Plugin } from '@docusaurus/types';
import type { Catalog } from '../content/catalog';

/** Pictures of the landing page, in docs/, and the one that goes with a link to a published site. */
const PICTURES = [
  'board.svg',
  'board-light.svg',
  'board-narrow.svg',
  'board-narrow-light.svg',
  'screenshots/social.png',
];

/** What would do nothing is not shown. The bar's links, which a script folds away on a phone, are. */
const WITHOUT_SCRIPT = [
  '.needs-script,.navbar__toggle,.navbar__search,.theme-doc-toc-mobile,.navbar__items--right{display:none!important}',
  '@media(max-width:996px){nav.navbar{height:auto}.navbar__items{flex-wrap:wrap}',
  '.navbar__inner .navbar__item{display:inline-block;padding:.25rem .75rem .25rem 0}}',
].join('');

export default function pages(context: LoadContext): Plugin {
  return {
    name: 'podwire-pages',
    async contentLoaded({ actions }) {
      const file = path.join(context.siteDir, '.generated/catalog.json');
      const { labs }: Catalog = JSON.parse(readFileSync(file, 'utf8'));
      const data = await actions.createData('labs.json', labs);
      for (const [route, component] of [
        ['', 'HomePage'],
        ['labs/', 'LabIndex'],
      ]) {
        actions.addRoute({
          path: `${context.baseUrl}${route}`,
          component: `@site/src/components/${component}.tsx`,
          modules: { labs: data },
          exact: true,
        });
      }
    },
    configureWebpack(_config, isServer) {
      return {
        // Code is coloured when the site is built; the theme's highlighter would be a fifth of every page's script.
        resolve: { alias: { 'prism-react-renderer$': '@site/src/no-highlighter.ts' } },
        ...(isServer ? {} : { entry: path.join(context.siteDir, 'src/client-entry.ts') }),
      };
    },
    injectHtmlTags() {
      return { headTags: [{ tagName: 'noscript', innerHTML: `<style>${WITHOUT_SCRIPT}</style>` }] };
    },
    async postBuild({ outDir }) {
      for (const name of PICTURES)
        cpSync(path.join(context.siteDir, '../docs', name), path.join(outDir, path.basename(name)));
    },
  };
}
