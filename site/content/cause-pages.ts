/** A page for each cause of the catalogue, from the catalogue, the labs' faults and the guides' tables. */
import { CAUSES, type CauseId } from '../../harness/src/diagnosis/causes.ts';
import type { Fault } from '../../harness/src/lab/define-lab.ts';
import { moveLinks, sectionsOf, tableRowsOf } from './markdown.ts';

export interface LabWithFaults {
  readonly number: string;
  readonly folder: string;
  readonly title: string;
  readonly text: string;
  readonly faults: readonly Fault[];
}

export const CAUSE_FOLDER = 'site/.generated/pages/causes';
const UP = '../../../../';

export function writeCausePages(labs: readonly LabWithFaults[]): Map<string, string> {
  const pages = new Map<string, string>();
  const ids = Object.keys(CAUSES) as CauseId[];
  for (const id of ids) pages.set(`${CAUSE_FOLDER}/${id}.md`, writeCausePage(id, labs));
  pages.set(
    `${CAUSE_FOLDER}/README.md`,
    [
      '# Causes',
      '',
      'A check that fails names a cause, and names one only on evidence. These are all the causes that Podwire knows, by the',
      'lab in which you can meet them first. Each page says what the cause means, how to see it and how to mend it.',
      '',
      ...groupCauses(labs).flatMap(({ title, causes }) => [
        `## ${title}`,
        '',
        '| cause | what it means | where to look first |',
        '| --- | --- | --- |',
        ...causes.map((id) => `| [\`${id}\`](./${id}.md) | ${CAUSES[id].meaning} | \`${CAUSES[id].look}\` |`),
        '',
      ]),
    ].join('\n'),
  );
  return pages;
}

export interface CauseGroup {
  readonly title: string;
  readonly causes: readonly CauseId[];
}

/** Each cause under the first lab that has a fault with it; the rest last. */
export function groupCauses(labs: readonly LabWithFaults[]): CauseGroup[] {
  const groups = new Map<string, CauseId[]>();
  const left = new Set(Object.keys(CAUSES) as CauseId[]);
  for (const lab of labs) {
    const met = new Set(lab.faults.map(({ cause }) => cause));
    const causes = [...left].filter((id) => met.has(id));
    for (const id of causes) left.delete(id);
    groups.set(`${lab.number} ${lab.title}`, causes);
  }
  groups.set('In any lab', [...left]);
  return [...groups].flatMap(([title, causes]) => (causes.length > 0 ? [{ title, causes }] : []));
}

function writeCausePage(id: CauseId, labs: readonly LabWithFaults[]): string {
  const { meaning, look, mend } = CAUSES[id];
  const mistakes = labs.flatMap((lab) => mistakesOf(lab, id).map((row) => ({ ...row, lab })));
  const faults = labs.flatMap((lab) =>
    lab.faults.filter(({ cause }) => cause === id).map((fault) => ({ lab, fault })),
  );
  const guide = (lab: LabWithFaults) => `[${lab.number} ${lab.title}](${UP}${lab.folder}/README.md)`;
  return [
    `# \`${id}\``,
    '',
    meaning,
    '',
    '## How to see it',
    '',
    '```sh',
    look,
    '```',
    '',
    ...(mistakes.length > 0
      ? [
          'The guides describe it in these words:',
          '',
          '| what you see | how to see it | how to mend it | lab |',
          '| --- | --- | --- | --- |',
          ...mistakes.map(
            ({ see, look: how, mend: what, lab }) => `| ${see} | ${how} | ${what} | ${guide(lab)} |`,
          ),
          '',
        ]
      : []),
    '## How to mend it',
    '',
    mend,
    '',
    ...(faults.length > 0
      ? [
          '## Where to practise it',
          '',
          'Each of these commands opens the solved lab with this fault in it, for you to find and mend:',
          '',
          '| lab | what is broken | check that catches it | command |',
          '| --- | --- | --- | --- |',
          ...faults.map(
            ({ lab, fault }) =>
              `| ${guide(lab)} | ${fault.title} | \`${fault.caughtBy}\` | \`npx podwire break ${lab.number} ${fault.id}\` |`,
          ),
          '',
        ]
      : []),
  ].join('\n');
}

/** Rows of the guide's table of common mistakes that name the cause. */
function mistakesOf(lab: LabWithFaults, id: string) {
  const section = sectionsOf(lab.text).find(({ title }) => title === 'Common mistakes');
  return tableRowsOf(section?.text ?? '')
    .filter((row) => (row.cause ?? '').match(/[a-z0-9-]+/g)?.includes(id))
    .map((row) => {
      const cell = (name: string) => moveLinks(row[name] ?? '', `${UP}${lab.folder}/`).replaceAll('|', '\\|');
      return { see: cell('what you see'), look: cell('how to see it'), mend: cell('how to mend it') };
    });
}
