/** Who reaches whom, and how: the table that a conformance lab has beside its checks. */

import type { Matrix } from '../lab/define-lab.ts';
import type { LoadedLab } from '../lab/load-lab.ts';
import { Network, type NetworkOptions } from '../probes/network.ts';
import type { Reached } from '../probes/reached.ts';
import { CheckFailure } from '../probes/symptom.ts';
import type { Testbed } from '../testbed/testbed.ts';

export interface MatrixReport {
  readonly columns: readonly string[];
  /** Cells in the order of the columns. */
  readonly rows: readonly { readonly from: string; readonly cells: readonly Reached[] }[];
}

/** Nothing is diagnosed for a table: it tells, the checks judge. */
const TELLING: NetworkOptions = { patienceMs: 1_000, eager: false, explain: async () => null };

/** The table of a lab, of a network as it stands; null where the lab has none. */
export async function readMatrix(lab: LoadedLab, testbed: Testbed): Promise<MatrixReport | null> {
  if (!lab.matrix) return null;
  await using network = new Network(testbed, TELLING);
  return fillMatrix(lab.matrix, network);
}

export async function fillMatrix(matrix: Matrix, network: Network): Promise<MatrixReport> {
  const rows = matrix.rows.map(async (from) => ({
    from,
    cells: await Promise.all(matrix.columns.map(({ ask }) => reached(() => ask(network, from)))),
  }));
  return { columns: matrix.columns.map(({ title }) => title), rows: await Promise.all(rows) };
}

/** A namespace or an address that is missing is an answer too: nobody is reached. */
async function reached(ask: () => Promise<Reached>): Promise<Reached> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof CheckFailure) return { way: 'no', seenAs: [] };
    throw error;
  }
}
