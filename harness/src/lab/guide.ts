/** A guide or an answer: Markdown whose fenced commands are steps that can be run. */
import MarkdownIt from 'markdown-it';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { LabError } from '../errors.ts';

/** One fence to run: its commands, where, and the line of its first command. */
export interface Fence {
  readonly host: string;
  readonly commands: string;
  readonly line: number;
  /** Only looks: left out when another lab starts where this one ends. */
  readonly look: boolean;
}

/** A numbered section of a guide. */
export interface Step {
  readonly number: number;
  readonly title: string;
  readonly fences: readonly Fence[];
  /** Ids of the checks that this step turns green. */
  readonly turnsGreen: readonly string[];
}

export interface Guide {
  readonly file: string;
  readonly title: string;
  /** What is written between the title and the first step, without Markdown. */
  readonly question: string;
  readonly minutes: number;
  readonly topology: string;
  /** Kernel features that all its checks need, as `doctor` names them: where one is missing, what fails is skipped. */
  readonly needs: readonly string[];
  /** What stands when the lab begins, besides the topology: other labs' guides, or a file of this lab's. */
  readonly startsFrom: readonly Start[];
  readonly steps: readonly Step[];
}

/**
 * Another lab's guide, or one of its answers. `hosts` says where the commands for a host of that lab are run
 * here; a host that it leaves out is passed over.
 */
export type Start =
  | {
      readonly lab: string;
      readonly answer?: string | undefined;
      readonly hosts?: Readonly<Record<string, string>> | undefined;
    }
  | { readonly file: string };

/** Commands that configure a testbed in another way than the guide's. */
export interface Answer {
  readonly file: string;
  readonly name: string;
  readonly title: string;
  /** Checks whose stated goal this answer does not share, with the verdict they then give. */
  readonly doesNotAim: Readonly<Record<string, 'fail' | 'blocked'>>;
  readonly fences: readonly Fence[];
}

const GuideFrontMatter = z.strictObject({
  title: z.string().min(1),
  question: z.string().min(1),
  minutes: z.number().int().positive(),
  topology: z.string().min(1),
  needs: z.array(z.string()).default([]),
  startsFrom: z
    .array(
      z.union([
        z.strictObject({
          lab: z.string(),
          answer: z.string().optional(),
          hosts: z.record(z.string(), z.string()).optional(),
        }),
        z.strictObject({ file: z.string() }),
      ]),
    )
    .default([]),
});

const AnswerFrontMatter = z.strictObject({
  title: z.string().min(1),
  doesNotAim: z.record(z.string(), z.enum(['fail', 'blocked'])).default({}),
});

const STEP_HEADING = /^Step (\d+)[.:] (.+)$/;
const TURNS_GREEN = /^Turns green: (.+)$/;
const markdown = new MarkdownIt({ html: true });

/** @throws {LabError} naming every problem with its line. */
export function parseGuide(text: string, file: string): Guide {
  const { front, body, bodyLine } = splitFrontMatter(text, file, GuideFrontMatter);
  const steps: { number: number; title: string; fences: Fence[]; turnsGreen: string[] }[] = [];
  const problems: string[] = [];
  for (const block of blocksOf(body, bodyLine)) {
    if (block.kind === 'heading') {
      const match = STEP_HEADING.exec(block.text);
      if (!match) continue;
      const number = Number(match[1]);
      if (number !== steps.length + 1)
        problems.push(`  line ${block.line}: wanted step ${steps.length + 1}, found step ${number}`);
      steps.push({ number, title: match[2] ?? '', fences: [], turnsGreen: [] });
    } else if (block.kind === 'fence') {
      const step = steps.at(-1);
      if (step) step.fences.push(block.fence);
      else problems.push(`  line ${block.fence.line}: a fence with a host stands before the first step`);
    } else {
      const match = TURNS_GREEN.exec(block.text);
      if (match) steps.at(-1)?.turnsGreen.push(...(match[1]?.match(/[a-z0-9-]+/g) ?? []));
    }
  }
  if (steps.length === 0) problems.push('  it has no step: wanted headings like "## Step 1. A bridge"');
  if (problems.length > 0) throw new LabError(`${file} is not a guide:\n${problems.join('\n')}`);
  return { file, ...front, steps };
}

/** @throws {LabError} when the file has no front matter that fits, or no fence with a host. */
export function parseAnswer(text: string, file: string, name: string): Answer {
  const { front, body, bodyLine } = splitFrontMatter(text, file, AnswerFrontMatter);
  const fences = blocksOf(body, bodyLine).flatMap((block) => (block.kind === 'fence' ? [block.fence] : []));
  if (fences.length === 0)
    throw new LabError(`${file} has no commands: wanted fences like "\`\`\`sh node1".`);
  return { file, name, ...front, fences };
}

/** What a learner may write for `sh`, in any case, and means the same. */
const SHELLS = ['sh', 'bash', 'shell'];

/** The commands of a file that somebody hands in: a guide's fences, with or without front matter and steps. */
export function readHandedIn(text: string): Fence[] {
  const unix = text.replaceAll('\r\n', '\n');
  const front = /^---\n[\s\S]*?\n---\n/.exec(unix)?.[0] ?? '';
  const blocks = blocksOf(unix.slice(front.length), front.split('\n').length, SHELLS);
  return blocks.flatMap((block) => (block.kind === 'fence' ? [block.fence] : []));
}

type Block =
  | { readonly kind: 'heading' | 'text'; readonly text: string; readonly line: number }
  | { readonly kind: 'fence'; readonly fence: Fence };

/**
 * Headings, paragraphs and fences with a host, in order. A fence without a host is for reading; one with several
 * (`sh node1,node2`) is run on each.
 */
function blocksOf(body: string, bodyLine: number, languages: readonly string[] = ['sh']): Block[] {
  const blocks: Block[] = [];
  const tokens = markdown.parse(body, {});
  for (const [index, token] of tokens.entries()) {
    const line = bodyLine + (token.map?.[0] ?? 0);
    if (token.type === 'fence') {
      const [language, hosts = '', flag] = token.info
        .trim()
        .replaceAll(/\s*,\s*/g, ',')
        .split(/\s+/);
      if (!languages.includes(language?.toLowerCase() ?? '')) continue;
      for (const host of new Set(hosts.split(',').filter(Boolean)))
        blocks.push({
          kind: 'fence',
          fence: { host, commands: token.content, line: line + 1, look: flag === 'look' },
        });
    } else if (token.type === 'inline') {
      const text = (token.children ?? [])
        .map((child) => (child.type === 'softbreak' ? ' ' : child.content))
        .join('')
        .trim();
      blocks.push({ kind: tokens[index - 1]?.type === 'heading_open' ? 'heading' : 'text', text, line });
    }
  }
  return blocks;
}

function splitFrontMatter<T>(
  text: string,
  file: string,
  schema: z.ZodType<T>,
): { front: T; body: string; bodyLine: number } {
  const match = /^---\n([\s\S]*?)\n---\n/.exec(text.replaceAll('\r\n', '\n'));
  if (!match)
    throw new LabError(`${file} has no front matter: wanted YAML between two lines of "---" at its top.`);
  let values: unknown;
  try {
    values = parseYaml(match[1] ?? '');
  } catch (error) {
    throw new LabError(
      `${file}: the front matter is not YAML: ${error instanceof Error ? error.message : error}`,
    );
  }
  const parsed = schema.safeParse(values ?? {});
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `  ${issue.path.join('.') || 'front matter'}: ${issue.message}`,
    );
    throw new LabError(`${file}: the front matter does not fit:\n${problems.join('\n')}`);
  }
  const body = text.replaceAll('\r\n', '\n').slice(match[0].length);
  return { front: parsed.data, body, bodyLine: match[0].split('\n').length };
}
