import type { LabConnection } from './lab-connection';

interface Props {
  readonly connection: LabConnection & { readonly lookAgain: () => void };
  readonly lab: string;
}

/** Says how to start what the bench needs; the guide stays readable beside it. */
export default function Absent({ connection, lab }: Props) {
  const { reachability, problem, stopped, lookAgain } = connection;
  if (problem === null && (reachability === null || reachability === 'ready' || reachability === 'busy'))
    return (
      <p className="bench-note" role="status">
        Looking for Podwire ...
      </p>
    );
  return (
    <div className="bench-note">
      {problem === null ? <Why reachability={reachability} /> : <p role="alert">{problem}</p>}
      <p className="bench-note-buttons">
        <button type="button" onClick={lookAgain}>
          Look again
        </button>{' '}
        {!stopped && <span role="status">This panel also looks by itself.</span>}
      </p>
      <p>Without a browser, the same lab opens with</p>
      <pre>npm run lab:{lab}</pre>
    </div>
  );
}

function Why({ reachability }: Pick<LabConnection, 'reachability'>) {
  if (reachability === 'unauthorized')
    return (
      <>
        <p>
          <b>Podwire is running, and this page has not its token.</b> Whoever has the token can open root
          shells in the testbeds, so a new one is made at each start.
        </p>
        <p>
          Open the address that <code>npm run site</code> printed; it ends with <code>#token=...</code>. This
          panel connects then, in this tab too.
        </p>
      </>
    );
  if (reachability === 'refused')
    return (
      <p>
        <b>Podwire is running, but it was not started for this address.</b> Open the address that it printed,
        or start it with <code>--origin {window.location.origin}</code>.
      </p>
    );
  return (
    <>
      <p>
        <b>The bench needs Podwire on your own machine</b>, because it runs real containers there. This page
        has found none behind it.
      </p>
      <p>In a clone of Podwire, run</p>
      <pre>npm run site</pre>
      <p>and open the address that it prints.</p>
    </>
  );
}
