/**
 * Reads labs, topologies, docs and the catalogue of causes, and writes what Docusaurus needs to make pages of
 * them: `.generated/catalog.json`, and `.generated/pages/` for pages that no single file holds.
 */
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CAUSES } from '../../harness/src/diagnosis/causes.ts';
import type { Guide } from '../../harness/src/lab/guide.ts';
import { listLabs, loadLab, readAnswers, readFaults, WORKBOOK } from '../../harness/src/lab/load-lab.ts';
import { partOf } from '../../harness/src/lab/parts.ts';
import { describeServices } from '../../harness/src/topology/diagram.ts';
import { drawTopologySvg } from '../../harness/src/topology/diagram-svg.ts';
import { planAddresses } from '../../harness/src/topology/plan.ts';
import {
  type Catalog,
  fenceKey,
  type HighlightedFence,
  type LabDiagram,
  type LabLink,
  type SourcePage,
} from './catalog.ts';
import { groupCauses, writeCausePages } from './cause-pages.ts';
import { highlightFence } from './highlight.ts';
import { writeAnswerIndex, writeLabPlan, writeRealSystems } from './lab-pages.ts';
import { makeSidebars } from './make-sidebars.ts';
import { fencesOf, fileLinksOf, titleOf, withoutFrontMatter } from './markdown.ts';
import { SOURCE_FOLDER, writeSourcePage } from './source-pages.ts';

const SITE = path.resolve(import.meta.dirname, '..');
const OUT = path.join(SITE, '.generated');

interface Draft {
  readonly text: string;
  readonly frontMatter: Record<string, unknown>;
  readonly variables?: Readonly<Record<string, string>>;
  readonly diagram?: LabDiagram;
}

const drafts = new Map<string, Draft>();
const problems: string[] = [];

const labs = await Promise.all(
  (await listLabs()).map(async (folder) => {
    const [lab, answers, faults] = await Promise.all([
      loadLab(folder),
      readAnswers(folder),
      readFaults(folder),
    ]);
    const place = `labs/${folder.number}-${folder.slug}`;
    const text = withoutFrontMatter(await readFile(path.join(WORKBOOK, place, 'README.md'), 'utf8'));
    return { ...lab, folder: place, title: lab.guide.title, text, answers, faults, url: `/${place}/` };
  }),
);

for (const lab of labs) {
  const plan = planAddresses(lab.topology);
  const { title, question, minutes, needs } = lab.guide;
  drafts.set(`${lab.folder}/README.md`, {
    text: withoutOpening(lab.text, question),
    frontMatter: {
      title,
      sidebar_label: `${lab.number} ${title}`,
      description: question,
      slug: lab.url,
      lab: {
        number: lab.number,
        part: partOf(lab.number),
        minutes,
        question,
        needs,
        buildsOn: buildsOn(lab.guide),
        topology: lab.topology.name,
        checks: lab.checks.map(({ id, title: words }) => ({ id, title: words })),
      },
    },
    variables: plan.variables,
    diagram: {
      wide: drawTopologySvg(lab.topology, plan, { room: 'wide' }),
      narrow: drawTopologySvg(lab.topology, plan, { room: 'narrow' }),
      services: describeServices(plan),
    },
  });
  for (const answer of lab.answers) {
    const file = `${lab.folder}/answers/${answer.name}.md`;
    const text = withoutFrontMatter(await readFile(path.join(WORKBOOK, file), 'utf8'));
    drafts.set(file, {
      text: /^# /m.test(text) ? text : `# ${answer.title}\n\n${text}`,
      frontMatter: {
        title: answer.title,
        slug: `${lab.url}answers/${answer.name}/`,
        description: `Another right answer to lab ${lab.number}.`,
      },
      variables: plan.variables,
    });
  }
  const [file, text] = writeAnswerIndex(lab, lab.answers);
  drafts.set(file, { text, frontMatter: { title: titleOf(text, file), slug: `${lab.url}answers/` } });
}

for (const [file, text] of writeCausePages(labs)) {
  const id = path.basename(file, '.md');
  const isIndex = id === 'README';
  drafts.set(file, {
    text,
    frontMatter: {
      title: isIndex ? 'Causes' : id,
      sidebar_label: isIndex ? 'All causes' : id,
      slug: isIndex ? '/causes/' : `/causes/${id}/`,
      ...(isIndex ? {} : { description: CAUSES[id as keyof typeof CAUSES].meaning }),
    },
  });
}

const [realSystems, realSystemsText] = writeRealSystems(labs);
drafts.set(realSystems, {
  text: realSystemsText,
  frontMatter: { title: 'How the real systems do it', slug: '/real-systems/' },
});

const SLUGS: Readonly<Record<string, string>> = {
  'docs/glossary.md': '/glossary/',
  'docs/teaching.md': '/teachers/',
  'CONTRIBUTING.md': '/docs/contributing/',
};
const docs = [...(await markdownIn('docs')), ...(await markdownIn('docs/adr')), 'CONTRIBUTING.md'];
for (const file of docs) {
  const text = withoutFrontMatter(await readFile(path.join(WORKBOOK, file), 'utf8'));
  const shown = file === 'docs/teaching.md' ? text + writeLabPlan(labs) : text;
  const slug = SLUGS[file] ?? `/${file.replace(/\.md$/, '').toLowerCase()}/`;
  drafts.set(file, {
    text: shown,
    frontMatter: {
      title: titleOf(text, file),
      slug,
      // Its words are headings, and its list of them is what a reader looks for.
      ...(file === 'docs/glossary.md' ? { toc_max_heading_level: 3 } : {}),
    },
  });
}

const links = new Map([...drafts].map(([file, { text }]) => [file, fileLinksOf(text)]));
for (const [file, targets] of links) {
  for (const target of targets) {
    const [name = ''] = target.split('#');
    const place = path.posix.normalize(path.posix.join(path.posix.dirname(file), name)).replace(/\/$/, '');
    if (drafts.has(place) || drafts.has(`${place}/README.md`) || /(^|\/)answers$/.test(place)) continue;
    if (place.startsWith('site/.generated')) {
      problems.push(`${file} links to ${target}, which is no page`);
      continue;
    }
    if (!(await exists(path.join(WORKBOOK, place)))) {
      problems.push(`${file} links to ${target}, and there is no ${place}`);
      continue;
    }
    const page = `${SOURCE_FOLDER}/${place.replaceAll('/', '--')}.md`;
    if (drafts.has(page)) continue;
    drafts.set(page, {
      text: await writeSourcePage(WORKBOOK, place),
      frontMatter: { title: place, slug: sourceUrl(place), pagination_next: null, pagination_prev: null },
    });
  }
}
if (problems.length > 0) {
  process.stderr.write(
    `The site was not built, because of broken links:\n${problems.map((line) => `  ${line}\n`).join('')}`,
  );
  process.exit(1);
}

const pages: Record<string, SourcePage> = {};
for (const [file, { text, frontMatter, variables = {}, diagram }] of drafts) {
  const fences: Record<string, HighlightedFence> = {};
  for (const { info, content } of fencesOf(text))
    fences[fenceKey(info, content)] = highlightFence(info, content, variables);
  pages[file] = {
    frontMatter: { ...frontMatter, custom_edit_url: editUrl(file) },
    body: text,
    fences,
    variables,
    links: Object.fromEntries((links.get(file) ?? []).flatMap((target) => resolveLink(file, target))),
    diagram: diagram ?? null,
  };
}

const catalog: Catalog = {
  labs: labs.map(({ number, slug, title, guide, checks, url }) => ({
    needs: guide.needs,
    buildsOn: buildsOn(guide),
    number,
    slug,
    title,
    part: partOf(number),
    minutes: guide.minutes,
    question: guide.question,
    checks: checks.length,
    url,
  })),
  causes: Object.fromEntries(Object.entries(CAUSES).map(([id, { meaning }]) => [id, meaning])),
  pages,
  sidebars: makeSidebars({
    labs,
    causes: groupCauses(labs),
    realSystems,
    docs: docs.filter((file) => /^docs\/[A-Za-z-]+\.md$/.test(file) && !(file in SLUGS)),
    choices: docs.filter((file) => file.startsWith('docs/adr/')),
  }),
};

await rm(OUT, { recursive: true, force: true });
await mkdir(OUT, { recursive: true });
await writeFile(path.join(OUT, 'catalog.json'), JSON.stringify(catalog));
for (const [file, { text }] of drafts) {
  if (!file.startsWith('site/.generated/')) continue;
  const place = path.join(WORKBOOK, file);
  await mkdir(path.dirname(place), { recursive: true });
  await writeFile(place, text);
}

/** In their order, each once. */
function buildsOn({ startsFrom }: Guide): LabLink[] {
  const numbers = new Set(startsFrom.flatMap((from) => ('lab' in from ? [from.lab] : [])));
  return labs
    .filter(({ number }) => numbers.has(number))
    .map(({ number, title, url }) => ({ number, title, url }));
}

/** A guide's title and question stand in the page's own head. */
function withoutOpening(text: string, question: string): string {
  return text
    .replace(/^# .+\n/m, '')
    .replace(`**${question}**\n`, '')
    .trimStart();
}

/** Where a link that is not to a Markdown page leads; Docusaurus finds the others by itself. */
function resolveLink(file: string, target: string): [string, string][] {
  const [name = '', anchor] = target.split('#');
  const place = path.posix.normalize(path.posix.join(path.posix.dirname(file), name)).replace(/\/$/, '');
  const page = drafts.get(place) ?? drafts.get(`${place}/README.md`);
  const url = page
    ? String(page.frontMatter.slug)
    : /(^|\/)answers$/.test(place)
      ? `/${place}/`
      : sourceUrl(place);
  return [[target, anchor ? `${url}#${anchor}` : url]];
}

/** Where the words of a page can be changed, on a site that knows its repository. */
function editUrl(file: string): string | null {
  const { SITE_REPOSITORY } = process.env;
  return SITE_REPOSITORY && !file.startsWith('site/.generated/')
    ? `${SITE_REPOSITORY}/edit/main/${file}`
    : null;
}

function sourceUrl(place: string): string {
  return `/source/${place.replaceAll('.', '-')}/`;
}

async function markdownIn(folder: string): Promise<string[]> {
  const names = await readdir(path.join(WORKBOOK, folder));
  return names
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `${folder}/${name}`);
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
