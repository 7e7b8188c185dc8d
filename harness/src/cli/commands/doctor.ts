/** `podwire doctor`: what this machine can do, and what that means for the labs. */
import { styleText } from 'node:util';
import { type Diagnosis, diagnoseMachine, type Finding, type FindingState } from '../../setup/doctor.ts';
import { stderrTerminal } from '../../setup/terminal.ts';
import { onInterrupt } from '../interrupt.ts';

const STYLES = { works: 'green', missing: 'red', unknown: 'yellow' } as const;
const GLYPHS: Readonly<Record<FindingState, string>> = { works: '✔', missing: '✘', unknown: '–' };

/** Status 0 when everything essential works, else 3. */
export async function doctor({ json }: { readonly json: boolean }): Promise<number> {
  const interrupt = onInterrupt();
  try {
    const diagnosis = await diagnoseMachine(stderrTerminal(), interrupt.signal);
    const paint = (state: FindingState, text: string) =>
      styleText(STYLES[state], text, { stream: process.stdout });
    process.stdout.write(
      json ? `${JSON.stringify(diagnosis, null, 2)}\n` : describeDiagnosis(diagnosis, paint),
    );
    return diagnosis.ok ? 0 : 3;
  } finally {
    interrupt.release();
  }
}

/** The findings for people, and a last line that says what they come to. */
export function describeDiagnosis(
  { ok, findings }: Diagnosis,
  paint: (state: FindingState, text: string) => string = (_, text) => text,
): string {
  const width = Math.max(...findings.map(({ title }) => title.length));
  const lines = findings.flatMap((finding) => describeFinding(finding, width, paint));
  const missing = findings.filter(({ state }) => state !== 'works');
  const sum = ok
    ? missing.length === 0
      ? 'Everything works here.'
      : 'The labs work here, but for those named at what is missing.'
    : 'Something essential is missing: no lab works here until that is repaired.';
  return `${lines.join('\n')}\n\n${sum}\n`;
}

function describeFinding(
  { title, state, found, labs, advice }: Finding,
  width: number,
  paint: (state: FindingState, text: string) => string,
): string[] {
  const [first = '', ...rest] = found.split('\n');
  const head = `${GLYPHS[state]} ${title.padEnd(width)}  ${state.padEnd(7)}  ${first}`.trimEnd();
  const details = [
    ...rest,
    ...(state === 'missing' ? [`labs: ${labs}`] : []),
    ...(advice === null ? [] : [advice]),
  ];
  return [paint(state, head), ...details.map((line) => `    ${line}`)];
}
