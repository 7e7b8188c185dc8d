import { useEffect, useState } from 'react';

/** As in bench.css: below this width the bench stands under the guide, and shows one pane at a time. */
const NARROW = '(max-width: 996px)';

export function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => window.matchMedia(NARROW).matches);
  useEffect(() => {
    const query = window.matchMedia(NARROW);
    const look = () => setNarrow(query.matches);
    look();
    query.addEventListener('change', look);
    return () => query.removeEventListener('change', look);
  }, []);
  return narrow;
}

/** A phone's keyboard covers the lower part of the page: tells the style sheet how much of it. */
export function useRoomForKeyboard(): void {
  useEffect(() => {
    const viewport = window.visualViewport;
    if (!viewport) return;
    const { style } = document.documentElement;
    const measure = () => {
      const covered = Math.max(0, window.innerHeight - viewport.height - viewport.offsetTop);
      style.setProperty('--bench-covered', viewport.scale === 1 ? `${covered}px` : '0px');
    };
    measure();
    for (const event of ['resize', 'scroll']) viewport.addEventListener(event, measure);
    return () => {
      for (const event of ['resize', 'scroll']) viewport.removeEventListener(event, measure);
      style.removeProperty('--bench-covered');
    };
  }, []);
}
