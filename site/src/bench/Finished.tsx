import Link from '@docusaurus/Link';
import type { LabDetail } from '../../../harness/src/server/api';

interface Props {
  readonly detail: LabDetail;
  readonly total: number;
  /** Starts over, solves the lab and puts a fault into it. */
  readonly onDrill: () => void;
}

/** Every check is green: what to do next. */
export default function Finished({ detail, total, onDrill }: Props) {
  const { title, nextLab, faults } = detail;
  return (
    <section className="bench-finished" role="status" aria-label="The lab is done">
      <p>
        <b>Well done: all {total} checks are green.</b> You have built “{title}” by hand.
      </p>
      <p className="bench-check-buttons">
        {nextLab && (
          <Link className="bench-next-lab" to={`/labs/${nextLab.number}-${nextLab.slug}/`}>
            Next: lab {nextLab.number}, {nextLab.title}
          </Link>
        )}
        {faults > 0 && (
          <button
            type="button"
            title="Starts over, builds the lab, and puts one of its faults into it. You find it."
            onClick={onDrill}
          >
            Break it, and let me find the fault
          </button>
        )}
      </p>
    </section>
  );
}
