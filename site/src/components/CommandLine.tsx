import { useEffect, useState } from 'react';

/** A command to run in one's own terminal, with a button that copies it. */
export default function CommandLine({ command }: { readonly command: string }) {
  const [canCopy, setCanCopy] = useState(false);
  const [copied, setCopied] = useState(false);
  // A page that came by plain HTTP from another machine may not write to the clipboard.
  useEffect(() => setCanCopy(Boolean(navigator.clipboard)), []);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <div className="fence command-line">
      <code>{command}</code>
      {canCopy && (
        <button
          type="button"
          className="fence-button"
          aria-live="polite"
          onClick={() => navigator.clipboard.writeText(command).then(() => setCopied(true))}
        >
          {copied ? 'Copied' : 'Copy'}
          <span className="visually-hidden"> {command}</span>
        </button>
      )}
    </div>
  );
}
