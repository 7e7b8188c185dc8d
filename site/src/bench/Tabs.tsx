import { type KeyboardEvent, type ReactNode, useEffect, useRef } from 'react';

export interface Tab {
  readonly id: string;
  readonly words: ReactNode;
  readonly className?: string;
  /** The host whose shell it shows. */
  readonly host?: string;
}

interface Props {
  readonly label: string;
  readonly tabs: readonly Tab[];
  readonly chosen: string;
  /** `byHand`: with a pointer; the keyboard stays at the tabs. */
  readonly onChoose: (id: string, byHand: boolean) => void;
}

export const tabId = (id: string) => `bench-tab-${id}`;
export const panelId = (id: string) => `bench-panel-${id}`;

const STEPS: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Tabs as a keyboard expects them (WAI-ARIA): one of them can be tabbed to, arrows go to the others. */
export default function Tabs({ label, tabs, chosen, onChoose }: Props) {
  const move = (event: KeyboardEvent) => {
    const at = tabs.findIndex(({ id }) => id === chosen);
    const step = STEPS[event.key];
    let to: Tab | undefined;
    if (step !== undefined) to = tabs[(at + step + tabs.length) % tabs.length];
    else if (event.key === 'Home') to = tabs[0];
    else if (event.key === 'End') to = tabs.at(-1);
    if (!to) return;
    event.preventDefault();
    onChoose(to.id, false);
    document.getElementById(tabId(to.id))?.focus();
  };
  // On a phone not all of them are to be seen at once.
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const tab = document.getElementById(tabId(chosen));
    if (!tab || !list.current?.contains(tab)) return;
    const { scrollLeft, clientWidth } = list.current;
    const left = tab.offsetLeft - list.current.offsetLeft;
    if (left < scrollLeft || left + tab.offsetWidth > scrollLeft + clientWidth)
      list.current.scrollLeft = left - (clientWidth - tab.offsetWidth) / 2;
  }, [chosen]);
  return (
    <div ref={list} className="bench-tablist" role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map(({ id, words, className, host }) => (
        <button
          key={id}
          id={tabId(id)}
          type="button"
          role="tab"
          className={className}
          data-host={host}
          aria-selected={chosen === id}
          aria-controls={panelId(id)}
          tabIndex={chosen === id ? 0 : -1}
          // A key's click has no count.
          onClick={({ detail }) => onChoose(id, detail > 0)}
        >
          {words}
        </button>
      ))}
    </div>
  );
}
