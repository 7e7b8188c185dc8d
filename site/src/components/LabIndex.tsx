import Link from '@docusaurus/Link';
import Layout from '@theme/Layout';
import type { LabCard } from '../../content/catalog';
import { type Progress, useProgress } from '../progress/use-progress';

export default function LabIndex({ labs }: { readonly labs: readonly LabCard[] }) {
  return (
    <Layout title="Labs" description="All labs of Podwire, in order.">
      <main className="page">
        <h1>Labs</h1>
        <p className="page-lead">
          {labs.length} labs, {Math.round(labs.reduce((sum, { minutes }) => sum + minutes, 0) / 60)} hours.
          Each one stands alone: what it builds on stands already when it opens.
        </p>
        <LabList labs={labs} />
      </main>
    </Layout>
  );
}

/** With the learner's progress, where a server that knows it is behind the page. */
export function LabList({ labs }: { readonly labs: readonly LabCard[] }) {
  const progress = useProgress();
  const parts = [...new Set(labs.map(({ part }) => part))];
  return parts.map((part) => (
    <section key={part} className="lab-part-list">
      <h2>Part {part}</h2>
      <ol>
        {labs
          .filter((lab) => lab.part === part)
          .map((lab) => (
            <LabRow key={lab.number} lab={lab} progress={progress?.get(lab.number) ?? null} />
          ))}
      </ol>
    </section>
  ));
}

function LabRow({ lab, progress }: { readonly lab: LabCard; readonly progress: Progress | null }) {
  const before = [
    ...(lab.needs.length > 0 ? [`needs ${lab.needs.join(', ')}`] : []),
    ...(lab.buildsOn.length > 0 ? [`builds on ${lab.buildsOn.map(({ number }) => number).join(', ')}`] : []),
  ];
  const done = progress !== null && progress.passed >= progress.total;
  return (
    <li>
      <Link to={lab.url}>
        <span className="lab-number">{lab.number}</span>
        <span className="lab-words">
          <b>{lab.title}</b>
          <span>{lab.question}</span>
        </span>
        <span className="lab-minutes">
          {lab.minutes} min
          <br />
          {progress ? (
            <span className="lab-progress" data-done={done || undefined}>
              {progress.passed} of {progress.total} checks{progress.open && ', open'}
            </span>
          ) : (
            `${lab.checks} checks`
          )}
          {before.length > 0 && <span className="lab-before">{before.join(', ')}</span>}
        </span>
      </Link>
    </li>
  );
}
