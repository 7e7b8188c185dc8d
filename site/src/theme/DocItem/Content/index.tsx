import { useDoc } from '@docusaurus/plugin-content-docs/client';
import BenchDock from '@site/src/components/BenchDock';
import LabHead from '@site/src/components/LabHead';
import LabContext, { type LabOnPage } from '@site/src/components/lab-context';
import MDXContent from '@theme/MDXContent';
import type { ReactNode } from 'react';

/** A guide opens with what is known of its lab, and carries the bench. */
export default function DocItemContent({ children }: { readonly children: ReactNode }) {
  const { metadata, frontMatter, contentTitle } = useDoc();
  const lab = (frontMatter as { lab?: LabOnPage }).lab ?? null;
  return (
    <LabContext value={lab}>
      <div className={`theme-doc-markdown markdown${lab ? ' guide' : ''}`}>
        {lab ? (
          <LabHead title={metadata.title} lab={lab} />
        ) : (
          contentTitle === undefined && <h1>{metadata.title}</h1>
        )}
        <MDXContent>{children}</MDXContent>
      </div>
      {lab && <BenchDock key={lab.number} lab={lab} />}
    </LabContext>
  );
}
