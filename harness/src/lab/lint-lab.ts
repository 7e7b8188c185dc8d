/** Holds a lab folder against the lab format: what no schema sees, because it spans files. */
import { errorText } from '../errors.ts';
import { FEATURE_IDS } from '../testbed/features.ts';
import { findHost } from '../testbed/host.ts';
import { planAddresses } from '../topology/plan.ts';
import type { Fault } from './define-lab.ts';
import type { Answer, Fence } from './guide.ts';
import type { LoadedLab } from './load-lab.ts';

export interface LabFiles {
  readonly lab: LoadedLab;
  readonly answers: readonly Answer[];
  readonly faults: readonly Fault[];
  /** The ids of the catalogue of causes. */
  readonly causes: readonly string[];
}

/** Every problem of the lab, in words that name the file or id; empty when there is none. */
export function lintLab({ lab, answers, faults, causes }: LabFiles): string[] {
  const problems: string[] = [];
  const ids = lab.checks.map(({ id }) => id);
  const known = (id: string, where: string) => {
    if (!ids.includes(id)) problems.push(`${where} names the check "${id}"; lab.ts has: ${ids.join(', ')}`);
  };
  for (const id of repeated(ids)) problems.push(`lab.ts has two checks "${id}"`);
  for (const [index, check] of lab.checks.entries()) {
    for (const need of check.needs ?? []) {
      if (!ids.slice(0, index).includes(need))
        problems.push(`check "${check.id}" needs "${need}", which does not stand before it`);
    }
    for (const feature of (check.features ?? []).filter((id) => !FEATURE_IDS.includes(id)))
      problems.push(
        `check "${check.id}" or README.md names the feature "${feature}"; doctor knows: ${FEATURE_IDS.join(', ')}`,
      );
  }

  const turned = lab.guide.steps.flatMap(({ turnsGreen }) => turnsGreen);
  for (const id of turned) known(id, 'README.md');
  for (const id of repeated(turned)) problems.push(`README.md turns "${id}" green in two steps`);
  for (const id of ids.filter((id) => !turned.includes(id)))
    problems.push(`no step of README.md turns "${id}" green`);

  const plan = planAddresses(lab.topology);
  const checkHosts = (hosts: readonly string[], where: string) => {
    for (const host of hosts) {
      try {
        findHost(plan, host);
      } catch (error) {
        problems.push(`${where}: ${errorText(error)}`);
      }
    }
  };
  const hostsOf = (fences: readonly Fence[]) => fences.map(({ host }) => host);
  checkHosts(
    lab.guide.steps.flatMap(({ fences }) => hostsOf(fences)),
    'README.md',
  );
  for (const answer of answers) {
    checkHosts(hostsOf(answer.fences), `answers/${answer.name}.md`);
    for (const id of Object.keys(answer.doesNotAim)) known(id, `answers/${answer.name}.md`);
  }
  if (answers.length < 4)
    problems.push(`answers/ holds ${answers.length} right answers besides the guide; wanted at least 4`);

  for (const id of repeated(faults.map(({ id }) => id))) problems.push(`faults.ts has two faults "${id}"`);
  for (const fault of faults) {
    known(fault.caughtBy, `fault "${fault.id}"`);
    checkHosts([...Object.keys(fault.apply), ...Object.keys(fault.repair)], `fault "${fault.id}"`);
    if (!causes.includes(fault.cause))
      problems.push(`fault "${fault.id}" names the cause "${fault.cause}", which the catalogue lacks`);
  }
  for (const id of ids.filter((id) => !faults.some(({ caughtBy }) => caughtBy === id)))
    problems.push(`no fault is caught by "${id}"`);
  return problems;
}

function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
