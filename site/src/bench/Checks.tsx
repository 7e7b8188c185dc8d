import Link from '@docusaurus/Link';
import { useEffect, useRef } from 'react';
import { HintAnswer, type LiveCheck, type LiveLab } from '../../../harness/src/server/api';
import { ask, tell } from './api-client';
import type { WalkChoice } from './Walk';

interface Props {
  readonly lab: string;
  readonly live: LiveLab;
  readonly hosts: readonly string[];
  readonly onWalk: (choice: WalkChoice) => void;
  readonly onProblem: (text: string) => void;
}

const WORDS = {
  pass: 'passes',
  fail: 'fails',
  blocked: 'waits',
  skipped: 'left out',
  error: 'could not run',
} as const;

/** The checks as they stand, with what is known of those that fail. */
export default function Checks({ lab, live, hosts, onWalk, onProblem }: Props) {
  const focused = useRef<HTMLLIElement>(null);
  const verdictOfFocus = live.checks.find(({ id }) => id === live.focus)?.result?.verdict;
  // What is to be mended next is to be seen, with its cause.
  // biome-ignore lint/correctness/useExhaustiveDependencies: it grows when its verdict comes.
  useEffect(() => {
    focused.current?.scrollIntoView({ block: 'nearest' });
  }, [live.focus, verdictOfFocus]);
  const titleOf = (id: string) => live.checks.find((check) => check.id === id)?.title ?? id;
  const hint = (check: string) => {
    ask(`labs/${lab}/hint`, HintAnswer, { check }).catch(tell(onProblem));
  };
  return (
    <>
      {live.phase === 'closed' && (
        <p className="bench-quiet">Open the lab, and these checks follow what you build.</p>
      )}
      <ol className="bench-checks" aria-live="polite">
        {live.checks.map((check, index) => {
          const verdict = check.result?.verdict;
          // Of several that wait for the same, the first says so.
          const blockedBy = (verdict === 'blocked' && check.result?.blockedBy) || undefined;
          return (
            <li
              key={check.id}
              ref={check.id === live.focus ? focused : null}
              data-check={check.id}
              data-verdict={verdict ?? 'none'}
            >
              <span className="bench-check-title">
                {check.title}
                <span className="visually-hidden"> {verdict ? WORDS[verdict] : 'not checked yet'}</span>
              </span>
              {blockedBy !== undefined && blockedBy !== live.checks[index - 1]?.result?.blockedBy && (
                <p className="bench-check-waits">waits for “{titleOf(blockedBy)}”</p>
              )}
              {verdict === 'skipped' && (
                <p className="bench-check-waits">left out, and not counted: {check.result?.observed}</p>
              )}
              {(verdict === 'fail' || verdict === 'error') && (
                <CheckDetail
                  check={check}
                  focus={check.id === live.focus}
                  onHint={() => hint(check.id)}
                  walk={walkOf(check, hosts)}
                  onWalk={onWalk}
                />
              )}
            </li>
          );
        })}
      </ol>
    </>
  );
}

interface DetailProps {
  readonly check: LiveCheck;
  readonly focus: boolean;
  readonly onHint: () => void;
  readonly walk: WalkChoice | null;
  readonly onWalk: (choice: WalkChoice) => void;
}

function CheckDetail({ check: { result, hints, hintsTotal }, focus, onHint, walk, onWalk }: DetailProps) {
  if (!result) return null;
  const { cause, expected, observed, verdict } = result;
  return (
    <div className="bench-check-detail">
      {verdict === 'error' && (
        <p className="bench-cause">Podwire itself could not run this check: {observed}</p>
      )}
      {cause && (
        <p className="bench-cause">
          {cause.text}{' '}
          <Link to={`/causes/${cause.id}/`} target="_blank">
            {cause.id}
          </Link>
        </p>
      )}
      {focus && (
        <>
          {verdict === 'fail' && (
            <dl>
              <dt>wanted</dt>
              <dd>{expected}</dd>
              <dt>found</dt>
              <dd>{observed}</dd>
            </dl>
          )}
          {hints.map((text, index) => (
            <p key={text} className="bench-hint">
              <b>Hint {index + 1}.</b> {text}
            </p>
          ))}
          <p className="bench-check-buttons">
            {hints.length < hintsTotal && (
              <button type="button" onClick={onHint}>
                {hints.length === 0 ? 'Hint' : 'Another hint'} ({hints.length} of {hintsTotal})
              </button>
            )}
            {walk && (
              <button type="button" onClick={() => onWalk(walk)}>
                Walk a packet from {walk.from} to {walk.to}
              </button>
            )}
          </p>
        </>
      )}
    </div>
  );
}

/** The probe that the check failed on; else from whom to whom, where its words name two hosts. */
function walkOf({ title, result }: LiveCheck, hosts: readonly string[]): WalkChoice | null {
  if (result?.probe) return result.probe;
  const words = `${title} ${result?.expected ?? ''} ${result?.cause?.where ?? ''}`;
  const named = [...words.matchAll(/\b[Pp]od[ /]([a-z0-9-]+)|\b((?:node|client|router)[0-9]*)\b/g)].map(
    ([, pod, node]) => (pod ? `pod/${pod}` : (node ?? '')),
  );
  const [from, to] = [...new Set(named.filter((name) => hosts.includes(name)))];
  return from && to ? { from, to } : null;
}
