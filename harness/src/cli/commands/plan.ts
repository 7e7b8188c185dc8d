/** `podwire plan`: the address plan of a lab, for people or as JSON. Needs no engine. */
import { readLab, type SeedOption } from '../context.ts';

export async function plan(
  number: string,
  options: SeedOption & { readonly json?: boolean },
): Promise<number> {
  const { plan: made } = await readLab(number, options);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(made, null, 2)}\n`);
    return 0;
  }
  const width = Math.max(...Object.keys(made.variables).map(({ length }) => length));
  for (const [name, value] of Object.entries(made.variables))
    process.stdout.write(`${`$${name}`.padEnd(width + 3)}${value}\n`);
  return 0;
}
