/** What the generator writes and Docusaurus reads: `.generated/catalog.json`. */
import type { AddressPlan } from '../../harness/src/topology/plan.ts';

export interface LabCard {
  readonly number: string;
  readonly slug: string;
  readonly title: string;
  readonly part: string;
  readonly minutes: number;
  readonly question: string;
  readonly checks: number;
  /** Features of the kernel without which the lab cannot be done. */
  readonly needs: readonly string[];
  /** Labs whose result stands already when this one opens. */
  readonly buildsOn: readonly LabLink[];
  readonly url: string;
}

export interface LabLink {
  readonly number: string;
  readonly title: string;
  readonly url: string;
}

/** What a lab's page knows of its lab. */
export interface LabOnPage {
  readonly number: string;
  readonly part: string;
  readonly minutes: number;
  readonly question: string;
  readonly topology: string;
  /** Features of the kernel without which the lab cannot be done. */
  readonly needs: readonly string[];
  /** Labs whose result stands already when this one opens. */
  readonly buildsOn: readonly LabLink[];
  readonly checks: readonly { readonly id: string; readonly title: string }[];
}

/** One Markdown file that becomes a page, by its path in the workbook. */
export interface SourcePage {
  readonly frontMatter: Readonly<Record<string, unknown>>;
  /** The text to show in place of the file's, front matter left out. */
  readonly body: string;
  /** Highlighted code by the fence's info string and text, as {@link fenceKey} makes it. */
  readonly fences: Readonly<Record<string, HighlightedFence>>;
  /** Values that a shell of this lab has, by name. */
  readonly variables: Readonly<Record<string, string>>;
  /** Links to what is no page by itself: where they lead on the site. */
  readonly links: Readonly<Record<string, string>>;
  readonly diagram: LabDiagram | null;
}

/** The topology drawn, with a line for each port of each Service. */
export interface LabDiagram {
  readonly wide: string;
  readonly narrow: string;
  readonly services: readonly string[];
}

export interface HighlightedFence {
  readonly kind: 'run' | 'code' | 'output' | 'drawing';
  readonly host: string | null;
  readonly look: boolean;
  readonly html: string;
  /** Variables of the plan that the code uses, in order. */
  readonly variables: readonly string[];
}

export interface Catalog {
  readonly labs: readonly LabCard[];
  readonly causes: Readonly<Record<string, string>>;
  readonly pages: Readonly<Record<string, SourcePage>>;
  readonly sidebars: Readonly<Record<string, unknown>>;
}

export type Plan = AddressPlan;

export function fenceKey(info: string, text: string): string {
  return `${info.trim().replace(/\s+/g, ' ')}\n${text.replace(/\n$/, '')}`;
}
