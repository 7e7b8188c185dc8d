import { useContext } from 'react';
import { useLive } from '../bench/live-store';
import LabContext from './lab-context';

/** The checks that a step turns green; with an open bench, how they stand now. */
export default function TurnsGreen({ checks }: { readonly checks: string }) {
  const lab = useContext(LabContext);
  const live = useLive();
  return (
    <div className="turns-green">
      <p>When this step is done, these checks are green:</p>
      <ul>
        {checks.split(' ').map((id) => {
          const verdict = live?.checks.find((check) => check.id === id)?.result?.verdict;
          return (
            <li key={id} data-check={id} data-verdict={verdict}>
              {lab?.checks.find((check) => check.id === id)?.title ?? id} <code>{id}</code>
              {verdict && <span className="visually-hidden"> ({verdict})</span>}
            </li>
          );
        })}
      </ul>
    </div>
  );
}
