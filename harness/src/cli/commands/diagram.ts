/** `podwire diagram`: the topology of a lab, drawn. Needs no engine. */
import { drawTopology } from '../../topology/diagram.ts';
import { readLab, type SeedOption } from '../context.ts';

export async function diagram(
  number: string,
  options: SeedOption & { readonly json?: boolean },
): Promise<number> {
  const { lab, plan } = await readLab(number, options);
  const columns = process.stdout.isTTY ? process.stdout.columns : undefined;
  const drawing = drawTopology(lab.topology, plan, columns ? { columns } : {});
  const text = options.json
    ? JSON.stringify(
        { lab: lab.number, seed: plan.seed, topology: lab.topology.name, drawing: drawing.split('\n') },
        null,
        2,
      )
    : drawing;
  process.stdout.write(`${text}\n`);
  return 0;
}
