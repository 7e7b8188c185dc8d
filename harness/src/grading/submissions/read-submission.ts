/** From files to a submission: `HOST.sh` files, or a Markdown file with fences; packed or not. */
import { errorText } from '../../errors.ts';
import { readHandedIn } from '../../lab/guide.ts';
import { findHost, hostName } from '../../testbed/host.ts';
import type { AddressPlan } from '../../topology/plan.ts';
import { cleanLine } from '../clean-text.ts';
import { isArchive, readArchive } from './archive.ts';
import { decodeText, quote } from './file-tree.ts';
import { DEEPEST_ARCHIVE, MOST_SCRIPTS } from './limits.ts';
import { NotASubmission } from './not-a-submission.ts';
import type { Script, Submission } from './submission.ts';

const MARKDOWN = /\.(md|markdown)$/i;
const SHELL = /\.sh$/i;

/** The files by path, as `FileTree.files()` gives them. @throws {NotASubmission} with the reason. */
export async function readSubmission(
  files: ReadonlyMap<string, Buffer>,
  plan: AddressPlan,
  archives = 0,
): Promise<Submission> {
  const names = [...files.keys()].sort();
  const [only = ''] = names;
  if (names.length === 1 && isArchive(only)) {
    if (archives >= DEEPEST_ARCHIVE)
      throw new NotASubmission(`it holds archives in archives, more than ${DEEPEST_ARCHIVE} deep`);
    const tree = await readArchive(only, files.get(only) ?? Buffer.alloc(0));
    return readSubmission(tree.files(), plan, archives + 1);
  }
  const shells = names.filter((name) => SHELL.test(name));
  if (shells.length > 0) return readShells(shells, files, plan);
  const markdown = names.filter((name) => MARKDOWN.test(name));
  const read = markdown.map((name) => readMarkdown(name, files.get(name) ?? Buffer.alloc(0), plan));
  const answers = read.filter(({ scripts }) => scripts.length > 0);
  if (answers.length > 1)
    throw new NotASubmission(`it holds two files with commands: ${listed(markdown)}; wanted one`);
  if (answers[0]) return answers[0];
  if (markdown.length > 0)
    throw new NotASubmission(
      `${listed(markdown)} has no commands: wanted fences that name a host, like "\`\`\`sh node1"`,
    );
  const found = names.length === 0 ? 'it is empty' : `it holds only ${listed(names)}`;
  throw new NotASubmission(
    `${found}; wanted a Markdown file with fences like "\`\`\`sh node1", or files like node1.sh`,
  );
}

export function readMarkdown(name: string, content: Buffer, plan: AddressPlan): Submission {
  const fences = readHandedIn(decodeText(name, content));
  if (fences.length > MOST_SCRIPTS)
    throw new NotASubmission(
      `${quote(name)} has ${fences.length} commands to run, counted for each host of a fence; a submission may have ${MOST_SCRIPTS}`,
    );
  const scripts = fences.map(({ host: written, commands, line }) => {
    const host = hostCalled(written, plan) ?? written;
    try {
      findHost(plan, host);
    } catch (error) {
      throw new NotASubmission(`line ${line - 1} of ${quote(name)}: ${errorText(error)}`);
    }
    return { host, commands, source: cleanLine(`${name}, line ${line}`) };
  });
  return { scripts, notes: [] };
}

function readShells(
  names: readonly string[],
  files: ReadonlyMap<string, Buffer>,
  plan: AddressPlan,
): Submission {
  const scripts: Script[] = [];
  const notes: string[] = [];
  for (const name of names) {
    const host = hostOfFile(name, plan);
    if (host === null) notes.push(`${quote(name)} was left aside: it is named after no host of this lab`);
    else if (scripts.some((other) => other.host === host))
      throw new NotASubmission(`it holds two files for ${host}`);
    else scripts.push({ host, commands: decodeText(name, files.get(name) ?? Buffer.alloc(0)), source: name });
  }
  if (scripts.length === 0) {
    const hosts = hostsOf(plan).map((host) => `${host.replace('/', '-')}.sh`);
    throw new NotASubmission(`${listed(names)} is named after no host; wanted some of: ${hosts.join(', ')}`);
  }
  const order = hostsOf(plan);
  const rank = ({ host }: Script) => (order.includes(host) ? order.indexOf(host) : order.length);
  return { scripts: scripts.sort((a, b) => rank(a) - rank(b)), notes };
}

/** Nodes before pods: what a node is told comes first, as a pod's cable begins at its node. */
function hostsOf(plan: AddressPlan): string[] {
  return [...Object.keys(plan.nodes), ...Object.keys(plan.pods).map((pod) => `pod/${pod}`)];
}

/** `node1.sh`, `pod-a.sh`, `pod_a.sh`, `pod/a.sh`, `a.sh`. */
export function hostOfFile(name: string, plan: AddressPlan): string | null {
  return hostCalled(name.replace(SHELL, '').replace(/^\.\//, ''), plan);
}

/** A host of the plan, by what people write for it: `Node1`, `pod-a`. */
function hostCalled(name: string, plan: AddressPlan): string | null {
  const simple = name.toLowerCase();
  for (const candidate of [name, simple, simple.replace(/^pod[-_]/, 'pod/')]) {
    try {
      const host = hostName(findHost(plan, candidate));
      if (hostsOf(plan).includes(host)) return host;
    } catch {
      // Not that one.
    }
  }
  return null;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(quote).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
