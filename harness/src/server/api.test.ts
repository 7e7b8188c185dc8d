/** The API's schemas are those of the harness's own types: what is sent fits, and nothing of it is left out. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { z } from 'zod';
import type { Walk as HarnessWalk } from '../diagnosis/walk/walk.ts';
import type { CheckResult, LabReport } from '../grading/verdict.ts';
import type { Step } from '../lab/guide.ts';
import { findLab, loadLab, WORKBOOK } from '../lab/load-lab.ts';
import type { Change } from '../probes/change.ts';
import { type AddressPlan, planAddresses } from '../topology/plan.ts';
import * as api from './api.ts';
import { describeApi } from './openapi.ts';
import { version } from './serve.ts';

type Unchanged<T> = T extends object ? { readonly [Key in keyof T]: Unchanged<T[Key]> } : T;
/** Fails to compile unless each of the two can stand for the other. */
type Same<A, B> = [Unchanged<A>] extends [Unchanged<B>]
  ? [Unchanged<B>] extends [Unchanged<A>]
    ? true
    : 'the schema lacks something'
  : 'the schema has something more';

test('the schemas describe the types that the harness sends', () => {
  const same: [
    Same<z.infer<typeof api.CheckResult>, CheckResult>,
    Same<z.infer<typeof api.LabReport>, LabReport>,
    Same<z.infer<typeof api.Change>, Change>,
    Same<z.infer<typeof api.Step>, Step>,
    Same<z.infer<typeof api.AddressPlan>, AddressPlan>,
    Same<z.infer<typeof api.Walk>, HarnessWalk>,
  ] = [true, true, true, true, true, true];
  expect(same).not.toContain(false);
});

test('the plan of a lab fits its schema, and no field of it is left out', async () => {
  const { topology } = await loadLab(await findLab('05'));
  const plan = planAddresses(topology, 'anyone');
  expect(api.AddressPlan.parse(plan)).toEqual(plan);
});

test('api.ts loads nothing of Node, so that the site can bundle it', async () => {
  for (const file of ['api.ts', 'api-walk.ts']) {
    const text = await readFile(path.join(import.meta.dirname, file), 'utf8');
    const imports = [...text.matchAll(/from '([^']+)'/g)].map(([, name]) => name);
    expect(imports.filter((name) => name !== 'zod' && name !== './api-walk.ts')).toEqual([]);
  }
});

test('docs/openapi.json is what the server answers; `harness/bin/run write-openapi` writes it', async () => {
  const written = JSON.parse(await readFile(path.join(WORKBOOK, 'docs/openapi.json'), 'utf8'));
  expect(written).toEqual(JSON.parse(JSON.stringify(describeApi(await version()))));
});

test('every reference of the OpenAPI document leads to a schema of it', async () => {
  const text = JSON.stringify(describeApi(await version()));
  const { components } = JSON.parse(text) as { components: { schemas: Record<string, unknown> } };
  const referred = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name ?? '');
  expect(referred.length).toBeGreaterThan(20);
  expect(referred.filter((name) => !(name in components.schemas))).toEqual([]);
});
