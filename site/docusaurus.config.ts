import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '@docusaurus/types';
import type { Catalog } from './content/catalog';
import showLabs from './plugins/remark-labs';
import { textFirst } from './plugins/text-first';

const workbook = path.resolve(__dirname, '..');
const catalog: Catalog = JSON.parse(readFileSync(path.join(__dirname, '.generated/catalog.json'), 'utf8'));
const pageOf = (file: string) => catalog.pages[path.relative(workbook, file).replaceAll('\\', '/')];

/** Set by `npm run site:build` for a site that will stand elsewhere (scripts/site-build.ts); empty for our own server's. */
const { SITE_URL, SITE_BASE_PATH, SITE_REPOSITORY } = process.env;

const config: Config = {
  title: 'Podwire',
  tagline: 'Learn container networking by building it.',
  url: SITE_URL || 'http://localhost:4680',
  baseUrl: SITE_BASE_PATH || '/',
  trailingSlash: true,
  favicon: 'favicon.svg',
  ssrTemplate: textFirst(),
  onBrokenLinks: 'throw',
  onBrokenAnchors: 'throw',
  onDuplicateRoutes: 'throw',
  // A page can name its own address only where the site has one for everybody.
  customFields: { published: Boolean(SITE_URL), repository: SITE_REPOSITORY || null },
  future: {
    v4: true,
    faster: {
      rspackBundler: true,
      swcJsLoader: true,
      swcJsMinimizer: true,
      swcHtmlMinimizer: true,
      lightningCssMinimizer: true,
      mdxCrossCompilerCache: true,
    },
  },
  markdown: {
    // Labs are CommonMark: the same text is read on GitHub, by the tests and by the command line.
    format: 'md',
    emoji: false,
    hooks: { onBrokenMarkdownLinks: 'throw', onBrokenMarkdownImages: 'throw' },
    parseFrontMatter: async (params) => {
      const page = pageOf(params.filePath);
      return page
        ? { frontMatter: { ...page.frontMatter }, content: page.body }
        : params.defaultParseFrontMatter(params);
    },
    preprocessor: ({ filePath, fileContent }) => pageOf(filePath)?.body ?? fileContent,
  },
  clientModules: ['./src/bench/token.ts'],
  plugins: [
    ['./plugins/pages.ts', {}],
    [
      '@docusaurus/plugin-content-docs',
      {
        path: '..',
        include: [
          'labs/*/README.md',
          'labs/*/answers/*.md',
          'docs/**/*.md',
          'CONTRIBUTING.md',
          'site/.generated/pages/**/*.md',
        ],
        exclude: [],
        routeBasePath: '/',
        sidebarPath: './sidebars.ts',
        numberPrefixParser: false,
        breadcrumbs: false,
        beforeDefaultRemarkPlugins: [showLabs],
      },
    ],
  ],
  themes: [
    ['@docusaurus/theme-classic', { customCss: './src/css/site.css' }],
    [
      '@easyops-cn/docusaurus-search-local',
      {
        hashed: true,
        indexBlog: false,
        indexDocs: true,
        indexPages: false,
        docsRouteBasePath: '/',
        docsDir: '..',
        ignoreFiles: [/^source\//],
        highlightSearchTermsOnTargetPage: true,
        searchBarShortcutHint: true,
        explicitSearchResultPath: true,
      },
    ],
  ],
  themeConfig: {
    colorMode: { respectPrefersColorScheme: true },
    metadata: [{ name: 'theme-color', content: '#0b62c4' }],
    ...(SITE_URL ? { image: 'social.png' } : {}),
    tableOfContents: { minHeadingLevel: 2, maxHeadingLevel: 2 },
    navbar: {
      title: 'Podwire',
      logo: { alt: '', src: 'favicon.svg', width: 28, height: 28 },
      items: [
        { to: '/labs/', label: 'Labs', position: 'left', activeBaseRegex: '/labs/' },
        { to: '/causes/', label: 'Causes', position: 'left' },
        { to: '/glossary/', label: 'Glossary', position: 'left' },
        { to: '/real-systems/', label: 'Real systems', position: 'left' },
        {
          to: catalog.pages['docs/teaching.md'] ? '/teachers/' : '/docs/architecture/',
          label: catalog.pages['docs/teaching.md'] ? 'For teachers' : 'How it works',
          position: 'left',
        },
        ...(SITE_REPOSITORY ? [{ href: SITE_REPOSITORY, label: 'Source', position: 'right' as const }] : []),
      ],
    },
    footer: {
      style: 'light',
      links: [
        { label: 'Labs', to: '/labs/' },
        { label: 'How it works', to: '/docs/architecture/' },
        { label: 'Contribute', to: '/docs/contributing/' },
        ...(SITE_REPOSITORY ? [{ label: 'Source', href: SITE_REPOSITORY }] : []),
      ],
      copyright: 'Podwire, Apache-2.0. The network in it is the kernel’s own.',
    },
  },
};

export default config;
