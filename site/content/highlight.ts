/** Colours code when the site is built, so that a page carries no highlighter; marks the plan's variables. */
import { createCssVariablesTheme, createHighlighter, type DecorationItem } from 'shiki';
import type { HighlightedFence } from './catalog.ts';

const LANGUAGES = ['sh', 'ts', 'json', 'yaml', 'c', 'http', 'docker', 'diff'] as const;
const NAMES: Readonly<Record<string, string>> = {
  bash: 'sh',
  js: 'ts',
  javascript: 'ts',
  dockerfile: 'docker',
};

const highlighter = await createHighlighter({
  themes: [createCssVariablesTheme({ name: 'podwire', variablePrefix: '--code-' })],
  langs: [...LANGUAGES],
});

export function highlightFence(
  info: string,
  content: string,
  variables: Readonly<Record<string, string>>,
): HighlightedFence {
  const [word = '', host, flag] = info.trim().split(/\s+/);
  const language = NAMES[word] ?? word;
  const known = (LANGUAGES as readonly string[]).includes(language);
  const code = content.replace(/\n$/, '');
  const used = known && language === 'sh' ? findVariables(code, variables) : [];
  const html = highlighter.codeToHtml(code, {
    lang: known ? language : 'text',
    theme: 'podwire',
    decorations: used.map(({ start, end, name }): DecorationItem => {
      return {
        start,
        end,
        properties: { class: 'plan-variable', 'data-variable': name, 'data-value': variables[name] },
      };
    }),
  });
  const kind = host ? 'run' : known ? 'code' : /[│┌└├─▼►]/.test(code) ? 'drawing' : 'output';
  return {
    kind,
    host: host ?? null,
    look: flag === 'look',
    html: asClasses(html),
    variables: [...new Set(used.map(({ name }) => name))],
  };
}

function findVariables(code: string, variables: Readonly<Record<string, string>>) {
  return [...code.matchAll(/\$\{?([A-Z][A-Z0-9_]*)[^}\s"']*\}?/g)].flatMap((match) => {
    const name = match[1] ?? '';
    if (!(name in variables)) return [];
    const text = match[0].startsWith('${') ? match[0] : `$${name}`;
    return [{ name, start: match.index, end: match.index + text.length }];
  });
}

/** A class says what an inline style says at each word, in a fraction of the bytes. */
function asClasses(html: string): string {
  return (
    html
      .replace(/^<pre[^>]*><code>/, '')
      .replace(/<\/code><\/pre>$/, '')
      .replaceAll('<span class="line">', '<span>')
      // The variable's own class decides its colour.
      .replace(/<span style="[^"]*"( class="plan-variable")/g, '<span$1')
      .replace(/(<span class="plan-variable"[^>]*) style="[^"]*"/g, '$1')
      .replace(/ style="color:var\(--code-(?:token-)?([a-z-]+)\)"/g, (_all, name) =>
        name === 'foreground' ? '' : ` class="c-${name}"`,
      )
      .replace(/<span>([^<]*)<\/span>/g, '$1')
      .replace(
        /(?:<span class="(c-[a-z-]+)">[^<]*<\/span>)(?:<span class="\1">[^<]*<\/span>)+/g,
        (run, name) => `<span class="${name}">${run.replace(/<[^>]*>/g, '')}</span>`,
      )
      .replace(/<span>((?:[^<]|<span class="[^"]*">[^<]*<\/span>)*)<\/span>/g, '$1')
  );
}
