/** What a learner typed in the shells of a testbed, host by host, without what only looks or waits. */
import type { Testbed } from '../../testbed/testbed.ts';
import type { Block } from './write-skeleton.ts';

/** Where the shells keep it (harness/image/files/etc/bash.bashrc). */
const NODE_HISTORY = '/root/.bash_history';

/** What needs somebody to sit there, and what changes nothing. */
const ONLY_LOOKS: readonly RegExp[] = [
  /^(exit|logout|clear|history|plan|help|man|less|more|nano|vi|vim|watch|top|tcpdump)\b/,
  /^(ls|ll|cd|pwd|cat|env|ps|ss|lsns|dig|nslookup|ping|arping|traceroute|tracepath|echo \$\w+)(\s|$)/,
  /^(ip|bridge)\s+(-\S+\s+)*\w+(\s+(s|sh|show|l|ls|list|get)(\s.*)?)?$/,
  /^(ip|bridge)\s+(-\S+\s+)*monitor\b/,
  /^iptables(-save\b|.*\s-[LS]\b)/,
  /^(nft\s+list|conntrack\s+-[LE])\b/,
];

export async function readHistories(testbed: Testbed): Promise<Block[]> {
  const hosts = [...testbed.nodes, ...testbed.pods.map((pod) => `pod/${pod}`)];
  const blocks = await Promise.all(
    hosts.map(async (name) => {
      const host = testbed.host(name);
      const file = host.pod ? `${NODE_HISTORY}-${host.pod}` : NODE_HISTORY;
      const argv = ['cat', file];
      const { stdout } = await testbed.runAsLearner({ node: host.node, pod: '' }, argv, {
        keepBytes: 1 << 20,
      });
      return { host: name, lines: whatChanges(stdout) };
    }),
  );
  return blocks.filter(({ lines }) => lines.some((line) => !line.startsWith('#')));
}

/** Commands in their order; what was left out stays as a comment, for the author to judge. */
export function whatChanges(history: string): string[] {
  const lines = history.split('\n').map((line) => line.trim());
  return lines.filter(Boolean).map((line) => (isLook(line) ? `# ${line}` : line));
}

/** A pipe or a redirection into a file may change something. */
function isLook(line: string): boolean {
  return (
    ONLY_LOOKS.some((look) => look.test(line)) &&
    !/[>;&]|\|\s*(sh|bash|tee)\b/.test(line.replaceAll(/[12]?>\s*\/dev\/null|2>&1/g, ''))
  );
}
