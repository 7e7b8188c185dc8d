/** All network namespaces of a testbed: its nodes, its pods, and those that a learner made besides. */
import type { Host } from '../testbed/host.ts';
import type { Testbed } from '../testbed/testbed.ts';

/** As the agent's monitor names them when it begins (harness/image/agent/watch.c). */
export async function listNamespaces(testbed: Testbed): Promise<Host[]> {
  const { nodes } = testbed;
  const pods = new Map<string, readonly string[]>();
  const heard = Promise.withResolvers<void>();
  let rest = '';
  const job = testbed.startInFabric(
    ['/usr/lib/podwire/agent', 'watch', ...nodes.map((node) => `${node}=${testbed.initOf(node)}`)],
    {
      onOutput: (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const [kind, node = '', , list = ''] = line.split('\t');
          if (kind !== 'namespaces') continue;
          pods.set(node, list.split(' ').filter(Boolean).map(nameOf));
        }
        if (pods.size === nodes.length) heard.resolve();
      },
    },
  );
  await Promise.race([heard.promise, job.done]);
  job.kill();
  await job.done;
  return nodes.flatMap((node) => ['', ...(pods.get(node) ?? [])].map((pod) => ({ node, pod })));
}

/** `a` of `a=4026532281`: a name, and the inode of the namespace. */
function nameOf(entry: string): string {
  return entry.slice(0, entry.lastIndexOf('='));
}
