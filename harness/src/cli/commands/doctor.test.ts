/** What doctor prints. */
import type { Finding } from '../../setup/doctor.ts';
import { describeDiagnosis } from './doctor.ts';

const works: Finding = {
  id: 'veth',
  title: 'veth pairs',
  essential: true,
  state: 'works',
  found: '',
  labs: 'all',
  advice: null,
};
const ipvs: Finding = {
  id: 'ipvs',
  title: 'IPVS',
  essential: false,
  state: 'missing',
  found: 'Error talking to the kernel',
  labs: '25, 35',
  advice: 'On the machine of the engine: `sudo modprobe ip_vs`.',
};

test('what works is a line; what is missing tells the labs and what to do', () => {
  expect(describeDiagnosis({ ok: true, findings: [works, ipvs] })).toBe(
    `✔ veth pairs  works
✘ IPVS        missing  Error talking to the kernel
    labs: 25, 35
    On the machine of the engine: \`sudo modprobe ip_vs\`.

The labs work here, but for those named at what is missing.
`,
  );
});

test('the last line says whether labs can be done here', () => {
  expect(describeDiagnosis({ ok: true, findings: [works] })).toContain('\nEverything works here.\n');
  expect(describeDiagnosis({ ok: false, findings: [{ ...works, state: 'unknown' }] })).toContain(
    '\nSomething essential is missing: no lab works here until that is repaired.\n',
  );
});
