/**
 * Shows what is ours in a guide: where a fence runs, which checks a step turns green, what a variable stands
 * for, what a cause means. Works on the tree of the Markdown, before Docusaurus looks at it.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Catalog, SourcePage } from '../content/catalog';

interface Node {
  type: string;
  depth?: number;
  value?: string;
  lang?: string | null;
  meta?: string | null;
  url?: string;
  children?: Node[] | undefined;
  data?: Record<string, unknown>;
}

// Not an option of the plugin: Docusaurus puts the options of plugins into the script of every page.
const workbook = path.resolve(__dirname, '../..');
const catalog: Catalog = JSON.parse(readFileSync(path.join(__dirname, '../.generated/catalog.json'), 'utf8'));

export default function showLabs() {
  return (tree: Node, file: { path: string }) => {
    const page = catalog.pages[path.relative(workbook, file.path).replaceAll('\\', '/')];
    if (!page) return;
    showIn(tree, page, false);
    if (page.frontMatter.lab) tree.children = frameQuestions(withCaption(tree.children ?? []));
    const { diagram } = page;
    if (diagram)
      tree.children?.unshift(
        element('podwire-diagram', {
          wide: diagram.wide,
          narrow: diagram.narrow,
          services: diagram.services.join('\n'),
        }),
      );
    tree.children = keepParts(tree.children ?? []);
  };
}

function showIn(node: Node, page: SourcePage, inTable: boolean): void {
  node.children = node.children?.map((child) => {
    if (child.type === 'code') return showFence(child, page);
    if (child.type === 'paragraph') {
      const checks = turnedGreen(child);
      if (checks.length > 0) return element('podwire-turns-green', { checks: checks.join(' ') });
    }
    if (child.type === 'link' && child.url !== undefined) {
      const target = page.links[decodeURI(child.url)];
      if (target !== undefined) child.url = target;
    }
    if (child.type === 'inlineCode') return showInlineCode(child, page, inTable);
    // A cause in a link leads where the link says.
    showIn(child, page, (inTable || child.type === 'table') && child.type !== 'link');
    return child;
  });
}

function showFence(node: Node, page: SourcePage): Node {
  const info = [node.lang, node.meta].filter(Boolean).join(' ').replace(/\s+/g, ' ');
  const fence = page.fences[`${info}\n${(node.value ?? '').replace(/\n$/, '')}`];
  if (!fence)
    throw new Error(`The fence "${info}" was read differently when the site was generated:\n${node.value}`);
  return element('podwire-fence', {
    kind: fence.kind,
    html: fence.html,
    ...(fence.host ? { host: fence.host } : {}),
    ...(fence.look ? { look: 'yes' } : {}),
    variables: fence.variables.map((name) => `${name}=${page.variables[name]}`).join(' '),
  });
}

/** A variable tells its value, and a cause leads to its page. */
function showInlineCode(node: Node, page: SourcePage, inTable: boolean): Node {
  const value = node.value ?? '';
  if (inTable && value in catalog.causes) return { type: 'link', url: `/causes/${value}/`, children: [node] };
  const names = [...value.matchAll(/\$\{?([A-Z][A-Z0-9_]*)/g)].map(([, name]) => name ?? '');
  const known = names.filter((name) => name in page.variables);
  if (known.length > 0) {
    const title = known.map((name) => `$${name} = ${page.variables[name]}`).join(', ');
    node.data = { ...node.data, hProperties: { title, className: 'has-variable' } };
  }
  return node;
}

/** The ids in a paragraph "Turns green: `a`, `b`". */
function turnedGreen(paragraph: Node): string[] {
  const [first] = paragraph.children ?? [];
  if (first?.type !== 'text' || !first.value?.startsWith('Turns green: ')) return [];
  return (paragraph.children ?? [])
    .filter(({ type }) => type === 'inlineCode')
    .map(({ value }) => value ?? '');
}

/** The drawing in letters that opens a guide says more than the one of its topology, and has to say so. */
function withCaption(nodes: readonly Node[]): Node[] {
  const opening = nodes.slice(
    0,
    nodes.findIndex(({ type }) => type === 'heading'),
  );
  const at = opening.findIndex(
    ({ data }) => (data?.hProperties as { kind?: string } | undefined)?.kind === 'drawing',
  );
  if (at === -1) return [...nodes];
  const caption: Node = {
    type: 'paragraph',
    children: [{ type: 'text', value: 'In detail, with what this guide is about.' }],
    data: { hProperties: { className: 'drawing-caption' } },
  };
  return [...nodes.slice(0, at + 1), caption, ...nodes.slice(at + 1)];
}

/** A question to answer before one goes on stands in a frame, with its folded answer where it has one. */
function frameQuestions(nodes: readonly Node[]): Node[] {
  const framed: Node[] = [];
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at] as Node;
    if (!isQuestion(node)) {
      framed.push(node);
      continue;
    }
    const next = nodes[at + 1];
    const end =
      next?.type === 'html' && next.value?.startsWith('<details')
        ? nodes.findIndex(
            ({ type, value }, index) => index > at && type === 'html' && /<\/details>\s*$/.test(value ?? ''),
          )
        : at;
    const children = nodes.slice(at, end + 1);
    framed.push({
      type: 'paragraph',
      children,
      data: { hName: 'div', hProperties: { className: 'predict' } },
    });
    at = end;
  }
  return framed;
}

/**
 * What follows a heading of a part is one element, which a phone does not lay out before somebody comes near (text.css,
 * .part); until then it is about as high as its text is long. Headings stay outside: the table of contents looks where
 * each of them is.
 */
function keepParts(nodes: readonly Node[]): Node[] {
  const kept: Node[] = [];
  let part: Node[] | null = null;
  for (const node of nodes) {
    if (isPartHeading(node)) {
      part = null;
      kept.push(node);
    } else if (part) {
      part.push(node);
    } else if (isPartHeading(kept.at(-1))) {
      part = [node];
      kept.push({
        type: 'paragraph',
        children: part,
        data: { hName: 'div', hProperties: { className: 'part' } },
      });
    } else {
      kept.push(node);
    }
  }
  for (const { data, children } of kept) {
    const properties = data?.hProperties as Record<string, string> | undefined;
    if (properties?.className !== 'part') continue;
    const length = (children ?? []).reduce((sum, child) => sum + lengthOf(child), 0);
    properties.style = `--about-high:${Math.round(PIXELS_PER_CHARACTER * length)}px`;
  }
  return kept;
}

/** As measured on a phone, of text and code alike. */
const PIXELS_PER_CHARACTER = 0.85;

/** How many characters are shown; what is drawn or hidden counts little. */
function lengthOf({ value = '', children = [], data }: Node): number {
  const { html = '' } = (data?.hProperties ?? {}) as { html?: string };
  const shown = html.replaceAll(/<[^>]*>/g, '') + (value.startsWith('<') ? '' : value);
  return children.reduce((sum, child) => sum + lengthOf(child), shown.length);
}

function isPartHeading(node: Node | undefined): boolean {
  return node?.type === 'heading' && node.depth === 2;
}

/** A paragraph that begins "**Predict first.**" */
function isQuestion({ type, children }: Node): boolean {
  const [first] = children ?? [];
  return type === 'paragraph' && first?.type === 'strong' && first.children?.[0]?.value === 'Predict first.';
}

function element(name: string, properties: Record<string, string>): Node {
  return { type: 'paragraph', children: [], data: { hName: name, hProperties: properties } };
}
