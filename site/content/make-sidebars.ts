/** What stands beside the pages: the labs by their parts, the causes by the lab in which one meets them, the docs. */
import { partOf } from '../../harness/src/lab/parts.ts';
import { CAUSE_FOLDER, type CauseGroup } from './cause-pages.ts';

interface Pages {
  readonly labs: readonly { readonly number: string; readonly folder: string }[];
  readonly causes: readonly CauseGroup[];
  /** The file of the page on the real systems. */
  readonly realSystems: string;
  /** Files in docs/ that have no place of their own. */
  readonly docs: readonly string[];
  /** The records of what was chosen. */
  readonly choices: readonly string[];
}

export function makeSidebars({ labs, causes, realSystems, docs, choices }: Pages): Record<string, unknown[]> {
  const parts = [...new Set(labs.map(({ number }) => partOf(number)))];
  const allCauses = `${CAUSE_FOLDER}/README.md`;
  return {
    labs: [
      { type: 'link', label: 'All labs', href: '/labs/' },
      ...parts.flatMap((part) => [
        heading(`Part ${part}`),
        ...labs
          .filter(({ number }) => partOf(number) === part)
          .map(({ folder }) => page(`${folder}/README.md`)),
      ]),
      heading('Beside the labs'),
      page('docs/glossary.md', 'Glossary'),
      page(allCauses, 'Causes'),
      page(realSystems, 'How the real systems do it'),
    ],
    causes: [
      page(allCauses),
      ...causes.map(({ title, causes: ids }) =>
        folded(
          title,
          ids.map((id) => `${CAUSE_FOLDER}/${id}.md`),
        ),
      ),
    ],
    docs: [
      page('docs/teaching.md', 'For teachers'),
      page('docs/ARCHITECTURE.md', 'How it works'),
      page('CONTRIBUTING.md', 'Contribute'),
      ...docs.filter((file) => file !== 'docs/ARCHITECTURE.md').map((file) => page(file)),
      folded('Choices', choices),
    ],
  };
}

function page(file: string, label?: string) {
  return { type: 'doc', id: file.replace(/\.md$/, ''), ...(label ? { label } : {}) };
}

/** A long list is made when it is unfolded; the one with the page that is read is unfolded already. */
function folded(label: string, files: readonly string[]) {
  return { type: 'category', label, items: files.map((file) => page(file)) };
}

/** Words above links. A category of the theme would be a link that leads nowhere. */
function heading(words: string) {
  const value = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return { type: 'html', value, className: 'menu-heading' };
}
