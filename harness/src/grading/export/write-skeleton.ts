/** A submission to go on with: Markdown with a fence for each host, in the order in which it has to run. */
import type { LoadedLab } from '../../lab/load-lab.ts';
import { commandWords } from '../../testbed/identity.ts';
import type { AddressPlan } from '../../topology/plan.ts';
import { cleanText } from '../clean-text.ts';

export interface Block {
  readonly host: string;
  readonly lines: readonly string[];
}

export function writeSkeleton(
  lab: Pick<LoadedLab, 'number' | 'guide'>,
  plan: AddressPlan,
  blocks: readonly Block[],
  origin: string,
): string {
  const seed = plan.seed === null ? '' : `, seed ${plan.seed}`;
  const words = commandWords({ lab: lab.number, seed: plan.seed });
  const parts = [
    `# Lab ${lab.number}: ${lab.guide.title}${seed}`,
    `Made by \`podwire export\` from ${origin}. Read it, delete what did not help, and try it: \`npx podwire grade ${words.replace(lab.number, `${lab.number} THIS_FILE`)}\``,
    ...blocks.map(({ host, lines }) => {
      const body = cleanText(lines.map((line) => withVariables(line, plan)).join('\n'));
      const fence = body.includes('```') ? '````' : '```';
      return `${fence}sh ${host}\n${body}\n${fence}`;
    }),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** Addresses of the plan, and its VNI, become its variables, longest first: the answer holds for every seed. */
export function withVariables(line: string, { variables }: Pick<AddressPlan, 'variables'>): string {
  const known = Object.entries(variables)
    .filter(([, value]) => /^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.test(value))
    .map(([name, value]) => [`$${name}`, value] as const);
  // A VXLAN device has the first address of its node's pods: 10.244.1.0 of 10.244.1.0/24.
  const firsts = known
    .filter(([, value]) => value.endsWith('/24'))
    .map(([name, value]) => [`\${${name.slice(1)}%/*}`, value.replace('/24', '')] as const);
  const longestFirst = [...known, ...firsts].sort(([, a], [, b]) => b.length - a.length);
  const text = longestFirst.reduce(
    (words, [name, value]) =>
      words.replaceAll(
        new RegExp(`(?<![\\d.])${value.replaceAll('.', '\\.')}(?![\\d.]*\\d)`, 'g'),
        () => name,
      ),
    line,
  );
  return text.replaceAll(/\b(id|vni) (\d+)\b/g, (words, word, number) =>
    number === variables.VNI ? `${word} $VNI` : words,
  );
}
