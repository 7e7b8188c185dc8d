/** Code that stands outside of Markdown: plain. */
import type { ReactNode } from 'react';

export default function CodeBlock({ children }: { readonly children?: ReactNode }) {
  return (
    <pre className="fence-text">
      <code>{children}</code>
    </pre>
  );
}
