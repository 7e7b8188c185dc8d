/** Marks in the guide's own text what the bench knows. */
import type { Diagram } from '../../../harness/src/server/api';
import { describeServices } from '../../../harness/src/topology/diagram';

/** The steps to take next stand out; the others do not. */
export function showNextSteps(steps: readonly number[]): void {
  for (const heading of document.querySelectorAll<HTMLElement>('.guide h2[id^="step-"]')) {
    const number = Number(/^step-(\d+)-/.exec(heading.id)?.[1]);
    heading.toggleAttribute('data-next-step', steps.includes(number));
  }
}

/** The id that Docusaurus gave to the heading of a step. */
export function stepAnchor(number: number): string {
  return document.querySelector(`.guide h2[id^="step-${number}-"]`)?.id ?? '';
}

/** The values of the plan that is open, in place of the canonical ones. */
export function showPlan(variables: Readonly<Record<string, string>>): void {
  for (const element of document.querySelectorAll<HTMLElement>('[data-plan]'))
    element.textContent = variables[element.dataset.plan ?? ''] ?? element.textContent;
  for (const element of document.querySelectorAll<HTMLElement>('.plan-variable'))
    element.dataset.value = variables[element.dataset.variable ?? ''] ?? element.dataset.value ?? '';
  for (const element of document.querySelectorAll<HTMLElement>('.has-variable')) {
    const names = [...element.title.matchAll(/\$([A-Z][A-Z0-9_]*) = /g)].map(([, name]) => name ?? '');
    if (names.every((name) => name in variables))
      element.title = names.map((name) => `$${name} = ${variables[name]}`).join(', ');
  }
}

/** The topology with the addresses of the plan that is open. */
export function showDiagram({ svg, plan }: Diagram): void {
  for (const room of ['wide', 'narrow'] as const)
    for (const element of document.querySelectorAll(`.guide .topology-figure > .only-${room}`))
      element.innerHTML = svg[room];
  const services = describeServices(plan);
  for (const [index, element] of document.querySelectorAll('.guide .topology-services > li').entries())
    element.textContent = services[index] ?? element.textContent;
}
