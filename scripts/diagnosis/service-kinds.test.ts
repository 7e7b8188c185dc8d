import { CAUSES } from '../../harness/src/diagnosis/causes.ts';
import { findLab, loadLab } from '../../harness/src/lab/load-lab.ts';
import type { Testbed } from '../../harness/src/testbed/testbed.ts';
import { planAddresses } from '../../harness/src/topology/plan.ts';
import { TARGETED } from './service-kinds.ts';

const labs = await Promise.all(
  ['06', '07', '08', '09', '10'].map(async (number) => loadLab(await findLab(number))),
);
/** Kinds look at the plan alone. */
const testbeds = labs.flatMap(({ topology }) =>
  [null, 'another'].map((seed) => ({ plan: planAddresses(topology, seed) }) as Testbed),
);

test.each(Object.keys(TARGETED))(
  '%s makes sense in a lab, names known causes and hosts that are there',
  (kind) => {
    const made = testbeds.flatMap(({ plan }) => {
      const fault = TARGETED[kind]?.({ plan } as Testbed, (most) => most - 1);
      return fault ? [{ fault, plan }] : [];
    });
    expect(made.length).toBeGreaterThan(0);
    for (const { fault, plan } of made) {
      const hosts = [...Object.keys(plan.nodes), ...Object.keys(plan.pods).map((pod) => `pod/${pod}`)];
      expect(hosts).toEqual(
        expect.arrayContaining([...Object.keys(fault.apply), ...fault.lostIn, fault.from]),
      );
      expect(Object.keys(CAUSES)).toEqual(expect.arrayContaining([...fault.causes]));
    }
  },
);
