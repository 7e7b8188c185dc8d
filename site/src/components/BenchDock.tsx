import { lazy, Suspense, useEffect, useState } from 'react';
import { dropCommands } from '../bench/command-queue';
import { onOpenBench } from '../bench/live-store';
import { forget, recall, remember } from '../bench/storage';
import type { LabOnPage } from './lab-context';

/** Terminals and their code come with the bench, and not before it is opened. */
const Bench = lazy(() => import('../bench/Bench'));

const BENCH = 'bench';

export default function BenchDock({ lab }: { readonly lab: LabOnPage }) {
  const [open, setOpen] = useState<'by click' | 'by reload' | null>(null);
  const key = `podwire.bench.${lab.number}`;
  useEffect(() => {
    if (takeFromUrl()) setOpen('by click');
    // A reload in the middle of a lab finds the bench as it was.
    else if (recall('session', key) === 'open') setOpen((now) => now ?? 'by reload');
    const openByClick = () => setOpen((now) => now ?? 'by click');
    const stop = onOpenBench(openByClick);
    // A click on a link to it that the page's script was too late for.
    const follow = () => {
      if (takeFromUrl()) openByClick();
    };
    window.addEventListener('hashchange', follow);
    return () => {
      stop();
      window.removeEventListener('hashchange', follow);
      dropCommands();
    };
  }, [key]);
  useEffect(() => {
    if (open === null) return;
    remember('session', key, 'open');
    // Not a class: those of this element are rewritten with every page.
    document.documentElement.dataset.bench = 'open';
    return () => {
      delete document.documentElement.dataset.bench;
    };
  }, [open, key]);
  if (open === null) return null;
  const hide = () => {
    forget('session', key);
    dropCommands();
    setOpen(null);
    document.querySelector<HTMLElement>('.lab-head .bench-button')?.focus({ preventScroll: true });
  };
  return (
    <aside id={BENCH} className="bench" aria-label="Bench">
      <Suspense fallback={<p className="bench-note">Opening the bench ...</p>}>
        <Bench lab={lab} takesFocus={open === 'by click'} onHide={hide} />
      </Suspense>
    </aside>
  );
}

/** Whether the address asks for the bench. It does so once: a reload after the bench was hidden is none. */
function takeFromUrl(): boolean {
  const { hash, pathname, search } = window.location;
  if (hash !== `#${BENCH}`) return false;
  window.history.replaceState(window.history.state, '', pathname + search);
  return true;
}
