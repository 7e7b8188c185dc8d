import { startTransition, useContext, useEffect, useRef, useState } from 'react';
import { copyText } from '../bench/clipboard';
import { typeInTerminal } from '../bench/live-store';
import LabContext from './lab-context';

interface Props {
  readonly kind: 'run' | 'code' | 'output' | 'drawing';
  /** Made by the site's own generator from the guide. */
  readonly html: string;
  readonly host?: string;
  readonly look?: string;
  /** `NAME=VALUE NAME=VALUE` */
  readonly variables: string;
}

/** A block of code: where it runs, what its variables stand for, and buttons that need a script. */
export default function Fence({ kind, html, host, look, variables }: Props) {
  const lab = useContext(LabContext);
  const code = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState<'Copied' | 'Not copied' | null>(null);
  const [ready, setReady] = useState(false);
  // A guide has dozens of them: one after the other, so that a phone can do something else meanwhile.
  useEffect(() => startTransition(() => setReady(true)), []);
  useEffect(() => {
    if (copied === null) return;
    const timer = setTimeout(() => setCopied(null), 1500);
    return () => clearTimeout(timer);
  }, [copied]);
  const text = () => code.current?.textContent ?? '';
  const copy = async () => setCopied((await copyText(text())) ? 'Copied' : 'Not copied');
  const values = variables === '' ? [] : variables.split(' ').map((each) => each.split('='));
  // `sh node1,node2`: the same commands on each.
  const hosts = host?.split(',') ?? [];
  const podOrNode = host?.startsWith('pod/') ? 'pod' : 'node';
  const buttons = ready && (
    <span className="fence-buttons">
      {kind === 'run' &&
        lab &&
        hosts.map((each) => (
          <button
            key={each}
            type="button"
            className="fence-button fence-run-button"
            onClick={() => typeInTerminal(each, text())}
          >
            Run on {hostWords(each)}
          </button>
        ))}
      {kind !== 'drawing' && kind !== 'output' && (
        <button type="button" className="fence-button" onClick={copy} aria-live="polite">
          {copied ?? 'Copy'}
        </button>
      )}
    </span>
  );
  return (
    <figure className={`fence fence-${kind}`}>
      {(host || kind === 'code') && (
        <figcaption className="fence-head">
          {host && (
            <span className={`host host-${podOrNode}`}>
              {podOrNode === 'pod' ? 'in' : 'on'} <b>{hosts.map(hostWords).join(', ')}</b>
            </span>
          )}
          {look && <span className="fence-look">only looks</span>}
          {buttons}
        </figcaption>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long lines scroll, and a keyboard has to reach them. */}
      <pre className="fence-text" tabIndex={0}>
        {/* biome-ignore lint/security/noDangerouslySetInnerHtml: highlighted and escaped when the site is built. */}
        <code ref={code} dangerouslySetInnerHTML={{ __html: html }} />
      </pre>
      {values.length > 0 && (
        <p className="fence-values">
          {values.map(([name, value]) => (
            <span key={name}>
              <code>${name}</code> <span data-plan={name}>{value}</span>
            </span>
          ))}
        </p>
      )}
    </figure>
  );
}

export function hostWords(host: string): string {
  return host.startsWith('pod/') ? `pod ${host.slice(4)}` : host;
}
