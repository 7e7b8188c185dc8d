import Link from '@docusaurus/Link';
import { Fragment } from 'react';
import { openBench } from '../bench/live-store';
import type { LabOnPage } from './lab-context';

/** What is known of a lab before its guide begins. */
export default function LabHead({ title, lab }: { readonly title: string; readonly lab: LabOnPage }) {
  return (
    <header className="lab-head">
      <p className="lab-part">Part {lab.part}</p>
      <h1>
        <span className="lab-number">{lab.number}</span> {title}
      </h1>
      <p className="lab-question">{lab.question}</p>
      <div className="lab-facts">
        <span>{lab.minutes} minutes</span>
        <a href="#checks">{lab.checks.length} checks</a>
        {lab.needs.length > 0 && <span>needs {lab.needs.join(', ')}</span>}
        {lab.buildsOn.length > 0 && (
          <span>
            builds on{' '}
            {lab.buildsOn.map(({ number, title: name, url }, index) => (
              <Fragment key={number}>
                {index > 0 && ', '}
                <Link to={url} title={name}>
                  {number}
                </Link>
              </Fragment>
            ))}
          </span>
        )}
        {/* biome-ignore lint/a11y/useValidAnchor: clicked before the page's script has come, it leads to the bench too. */}
        <a
          href="#bench"
          className="bench-button needs-script"
          onClick={(event) => {
            if (openBench()) event.preventDefault();
          }}
        >
          Open the bench
        </a>
        <span className="lab-start">
          <span className="needs-script">or </span>in a terminal <code>npm run lab:{lab.number}</code>
        </span>
      </div>
      <details className="lab-checks" id="checks">
        <summary>What will be checked</summary>
        <ol>
          {lab.checks.map(({ id, title: words }) => (
            <li key={id}>
              {words} <code>{id}</code>
            </li>
          ))}
        </ol>
      </details>
    </header>
  );
}
