/** Pages that are put together from several labs. */
import { moveLinks, sectionsOf } from './markdown.ts';

interface LabText {
  readonly number: string;
  readonly folder: string;
  readonly title: string;
  readonly text: string;
}

const PAGES = 'site/.generated/pages';
const UP = '../../../';

/** What each guide says about the real systems, in one place. */
export function writeRealSystems(labs: readonly LabText[]): [string, string] {
  const sections = labs.flatMap((lab) => {
    const section = sectionsOf(lab.text).find(({ title }) => title === 'What Kubernetes does');
    if (!section) return [];
    const name = `${lab.number} ${lab.title}`;
    return [
      `## ${name}`,
      '',
      `From the guide of [lab ${lab.number}](${UP}${lab.folder}/README.md).`,
      '',
      moveLinks(section.text, `${UP}${lab.folder}/`),
      '',
    ];
  });
  return [
    `${PAGES}/real-systems.md`,
    [
      '# How the real systems do it',
      '',
      'Each lab builds one part of a cluster network by hand. This page collects what the labs say about the programs that do',
      'the same for you: kubelet, CNI plugins, flannel, kube-proxy, CoreDNS and others.',
      '',
      ...sections,
    ].join('\n'),
  ];
}

interface LabToPlan extends LabText {
  readonly guide: { readonly question: string; readonly minutes: number };
  readonly checks: readonly unknown[];
  readonly faults: readonly unknown[];
  readonly answers: readonly unknown[];
}

/** For the teachers' page, at its end: what each lab is about and what it takes. */
export function writeLabPlan(labs: readonly LabToPlan[]): string {
  return [
    '',
    '## The labs, for a plan',
    '',
    'Minutes are those of someone who does the guide by hand and thinks. Faults are what `podwire break` can put in.',
    '',
    '| lab | its question | minutes | checks | faults | other answers |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    ...labs.map(
      ({ number, title, folder, guide, checks, faults, answers }) =>
        `| [${number} ${title}](../${folder}/README.md) | ${guide.question} | ${guide.minutes} | ${checks.length} | ${faults.length} | ${answers.length} |`,
    ),
    '',
  ].join('\n');
}

/** The other right answers of a lab. */
export function writeAnswerIndex(
  lab: LabText,
  answers: readonly { readonly name: string; readonly title: string }[],
): [string, string] {
  const folder = `${UP}../../${lab.folder}`;
  return [
    `${PAGES}/labs/${lab.folder.replace('labs/', '')}/answers.md`,
    [
      `# Other right answers to lab ${lab.number}`,
      '',
      `There is more than one way to solve [${lab.title}](${folder}/README.md). Each of these passes every check that it aims`,
      'at, and the tests prove it. Read them when your own answer is green.',
      '',
      ...answers.map(({ name, title }) => `- [${title}](${folder}/answers/${name}.md)`),
      '',
    ].join('\n'),
  ];
}
