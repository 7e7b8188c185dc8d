/** Reads Markdown as the harness does (markdown-it, CommonMark with tables), for what a page is made of. */
import MarkdownIt from 'markdown-it';

const markdown = new MarkdownIt({ html: true });

export interface Section {
  readonly title: string;
  readonly text: string;
}

export function withoutFrontMatter(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(/^---\n[\s\S]*?\n---\n/, '');
}

/** The title in the first heading. */
export function titleOf(text: string, otherwise: string): string {
  return /^# (.+)$/m.exec(withoutFrontMatter(text))?.[1]?.replaceAll('`', '') ?? otherwise;
}

/** The parts of a text under its headings of level two. */
export function sectionsOf(text: string): Section[] {
  const lines = text.split('\n');
  const starts = markdown.parse(text, {}).flatMap((token, index, tokens) => {
    if (token.type !== 'heading_open' || token.tag !== 'h2' || !token.map) return [];
    return [{ line: token.map[0], after: token.map[1], title: tokens[index + 1]?.content ?? '' }];
  });
  return starts.map(({ after, title }, index) => ({
    title,
    text: lines
      .slice(after, starts[index + 1]?.line)
      .join('\n')
      .trim(),
  }));
}

/** Fenced and indented code, wherever it stands. */
export function fencesOf(text: string): { info: string; content: string }[] {
  return markdown
    .parse(text, {})
    .filter(({ type }) => type === 'fence' || type === 'code_block')
    .map(({ info, content }) => ({ info, content }));
}

/** Targets of links and pictures that lead to files. */
export function fileLinksOf(text: string): string[] {
  const links: string[] = [];
  for (const token of markdown.parse(text, {})) {
    for (const child of token.children ?? []) {
      const target = child.type === 'link_open' ? String(child.attrGet('href') ?? '') : '';
      if (target !== '' && !/^([a-z]+:|#|\/)/.test(target)) links.push(decodeURI(target));
    }
  }
  return links;
}

/** The rows of every table, by the words in its head; cells are Markdown. */
export function tableRowsOf(text: string): Record<string, string>[] {
  const rows: Record<string, string>[] = [];
  let head: string[] = [];
  let row: string[] = [];
  let inHead = false;
  for (const token of markdown.parse(text, {})) {
    if (token.type === 'thead_open') inHead = true;
    else if (token.type === 'thead_close') inHead = false;
    else if (token.type === 'tr_open') row = [];
    else if (token.type === 'inline') row.push(token.content);
    else if (token.type === 'tr_close') {
      if (inHead) head = row;
      else rows.push(Object.fromEntries(head.map((name, index) => [name, row[index] ?? ''])));
    }
  }
  return rows;
}

/** Links to files, as they read from another folder. */
export function moveLinks(text: string, prefix: string): string {
  return text.replace(/\]\((?![a-z]+:|#|\/)([^)\s]+)\)/g, (_all, target) => `](${prefix}${target})`);
}
