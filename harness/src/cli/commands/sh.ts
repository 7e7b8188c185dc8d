/** `podwire sh`: a shell, or a command, in a node or pod. Its exit status is that of the shell. */
import { findEngine } from '../../setup/engine.ts';
import { findHost } from '../../testbed/host.ts';
import { openShell } from '../../testbed/shell.ts';
import { readLab, type SeedOption } from '../context.ts';

export async function sh(
  number: string,
  hostName: string,
  command: readonly string[],
  options: SeedOption,
): Promise<number> {
  const { plan, identity } = await readLab(number, options);
  const host = findHost(plan, hostName);
  const docker = await findEngine();
  const { stdin, stdout, stderr } = process;
  return openShell(docker, { identity, plan }, host, command.length > 0 ? command : null, {
    stdin,
    stdout,
    stderr,
  });
}
