/** `npm run new:lab -- 36 my-slug "My title"`: a lab folder that keeps to the format as far as it goes, and fails honestly. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findLab, WORKBOOK } from '../harness/src/lab/load-lab.ts';

const [number = '', slug = '', title = ''] = process.argv.slice(2);
const wrong = (text: string): never => {
  process.stderr.write(
    `${text}\nUsage: npm run new:lab -- NUMBER SLUG "TITLE", like: 36 source-routing "Source routing"\n`,
  );
  process.exit(2);
};
if (!/^\d{2}$/.test(number)) wrong(`Wanted a number of two digits, found "${number}".`);
if (!/^[a-z][a-z0-9-]*$/.test(slug)) wrong(`Wanted a slug in lower case with dashes, found "${slug}".`);
if (title === '') wrong('Wanted a title.');
const taken = await findLab(number).catch(() => null);
if (taken) wrong(`There is a lab ${number} already: labs/${number}-${taken.slug}.`);

const directory = path.join(WORKBOOK, 'labs', `${number}-${slug}`);
await mkdir(path.join(directory, 'answers'), { recursive: true });
const files: Readonly<Record<string, string>> = {
  'README.md': `---
title: ${JSON.stringify(title)}
question: What does this lab answer?
minutes: 40
topology: two-nodes
needs: []
---

# ${title}

**What does this lab answer?**

## The idea

## Step 1. What has to be done

**Predict first.**

\`\`\`sh node1
true # the commands of the step, by the plan's variables
\`\`\`

Turns green: \`first\`

## What Kubernetes does

## Common mistakes

| what you see | cause | how to see it | how to mend it |
| --- | --- | --- | --- |
`,
  'lab.ts': `/** ${title}: what must be true. */
import { defineLab } from 'podwire';

export default defineLab({
  checks: [
    {
      id: 'first',
      title: 'Pod a reaches pod c',
      hints: ['A nudge.', 'The idea.', 'The command.'],
      run: (network) => network.expectReach('pod/a', 'pod/c'),
    },
  ],
});
`,
  'faults.ts': `/** Faults of lab ${number}, in the order of the checks that catch them. */
import { defineFaults } from 'podwire';

export default defineFaults([]);
`,
};
for (const [name, text] of Object.entries(files)) await writeFile(path.join(directory, name), text);

const manifest = path.join(WORKBOOK, 'package.json');
const text = await readFile(manifest, 'utf8');
const { scripts } = JSON.parse(text) as { scripts: Record<string, string> };
const script = `    "lab:${number}": "harness/bin/podwire lab ${number}",\n`;
const next = Object.keys(scripts).find((name) => name.startsWith('lab:') && name > `lab:${number}`);
const before = next ?? Object.keys(scripts).find((name) => !name.startsWith('lab:')) ?? '';
await writeFile(manifest, text.replace(new RegExp(`^    "${before}":`, 'm'), `${script}    "${before}":`));

process.stdout.write(
  `Made labs/${number}-${slug} and the script lab:${number}. It fails, as it should: npm run check says what it lacks.\n` +
    `CONTRIBUTING.md says what belongs in it; labs/03-pods-on-one-node is a model. Prove it with: npm test -- --lab ${number}\n`,
);
