/** Reads a topology file and reports every problem in it at once, each with its line. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { fileErrorText, LabError } from '../errors.ts';
import { findContradictions, type Problem, type Topology, TopologySchema } from './topology.ts';

/** @throws {LabError} when the file cannot be read or is not a topology; the text lists every problem. */
export async function readTopology(file: string): Promise<Topology> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new LabError(`Could not read the topology ${file}: ${fileErrorText(error)}`, { cause: error });
  }
  return parseTopology(text, file);
}

/** @throws {LabError} like {@link readTopology}; `file` is what the text calls itself in errors. */
export function parseTopology(text: string, file: string): Topology {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => {
      const { line, col } = lines.linePos(error.pos[0]);
      return `  line ${line}, column ${col}: ${firstLine(error.message)}`;
    });
    throw malformed(file, problems);
  }
  const parsed = TopologySchema.safeParse(document.toJS() ?? {});
  const problems: Problem[] = parsed.success
    ? findContradictions(parsed.data)
    : parsed.error.issues.flatMap(toProblems);
  if (!parsed.success || problems.length > 0) {
    const located = problems.map((problem) => ({ ...problem, line: lineOf(document, lines, problem.path) }));
    located.sort((a, b) => a.line - b.line);
    throw malformed(
      file,
      located.map(
        ({ line, path: at, text: what }) => `  line ${line}: ${at.join('.') || 'the file'}: ${what}`,
      ),
    );
  }
  const stem = path.basename(file, '.yaml');
  if (parsed.data.name !== stem) {
    const line = lineOf(document, lines, ['name']);
    throw malformed(file, [
      `  line ${line}: name: wanted "${stem}", the name of the file, found "${parsed.data.name}"`,
    ]);
  }
  return parsed.data;
}

function malformed(file: string, problems: string[]): LabError {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return new LabError(`${file} is not a topology; it has ${count}:\n${problems.join('\n')}`);
}

/** What zod says, in the words of someone who writes a topology. */
function toProblems(issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      text: 'a topology knows nothing of this name here',
    }));
  }
  if (issue.code === 'invalid_key') {
    return issue.issues.map(({ message }) => ({ path: issue.path, text: message }));
  }
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) {
    return [
      {
        path: issue.path,
        text: `it is missing; wanted a ${issue.expected === 'record' ? 'mapping' : issue.expected}`,
      },
    ];
  }
  return [{ path: issue.path, text: issue.message.replace(/^Invalid input: e/, 'e') }];
}

/** The line of the name at a path, or of the nearest thing above it that is there. */
function lineOf(document: Document, lines: LineCounter, at: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = isNode(node) && node.range ? node.range[0] : 0;
  for (const name of at) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === name);
      if (!pair) break;
      if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0];
      node = pair.value;
    } else if (isSeq(node) && typeof name === 'number') {
      node = node.items[name];
      if (isNode(node) && node.range) offset = node.range[0];
    }
  }
  return lines.linePos(offset).line;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.replace(/ at line \d+, column \d+:$/, '') ?? text;
}
