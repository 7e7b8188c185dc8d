/** `podwire bundle`: writes or loads the file from which machines without a network are set up. */
import { UsageError } from '../../errors.ts';
import { WORKBOOK } from '../../lab/load-lab.ts';
import { loadBundle, writeBundle } from '../../setup/bundle.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { prepare } from '../../setup/prepare.ts';
import { stderrTerminal } from '../../setup/terminal.ts';

const MIB = 1024 * 1024;

export async function bundle(
  file: string | undefined,
  { load }: { readonly load?: string },
): Promise<number> {
  if ((file === undefined) === (load === undefined))
    throw new UsageError('Wanted `podwire bundle FILE` to make a bundle, or `podwire bundle --load FILE`.');
  const terminal = stderrTerminal();
  if (load !== undefined) {
    const docker = await ensureEngine(terminal);
    terminal.progress(`Loading ${load}`);
    const image = await loadBundle(docker, load);
    terminal.clear();
    process.stdout.write(`Loaded ${image}. Begin with: npm run lab:03\n`);
  } else if (file !== undefined) {
    const { docker, image } = await prepare(terminal);
    terminal.progress(`Packing ${file}`);
    const bytes = await writeBundle(docker, image, WORKBOOK, file);
    terminal.clear();
    process.stdout.write(
      `Packed ${file} (${Math.round(bytes / MIB)} MiB). In a clone without a network: harness/bin/podwire bundle --load ${file}\n`,
    );
  }
  return 0;
}
