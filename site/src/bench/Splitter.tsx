import { type KeyboardEvent, type PointerEvent, useEffect, useState } from 'react';
import { forget, recall, remember } from './storage';

interface Props {
  readonly label: string;
  /** Of the line itself: `vertical` stands between left and right. */
  readonly orientation: 'vertical' | 'horizontal';
  /** The CSS variable that it sets: a number, in percent. Where nobody moved it, the style sheet's own holds. */
  readonly variable: `--bench-${string}`;
  readonly least: number;
  readonly most: number;
  /** What it is where nobody moved it. */
  readonly usual: number;
  /** The number is the room of what comes after the line, and not before it. */
  readonly after?: boolean;
  /** Percent at a place of the pointer. */
  readonly read: (event: PointerEvent<HTMLElement>) => number;
}

const KEY_STEP = 3;

/** A line that is dragged, or moved by arrow keys; a double click puts it back. Remembered for this browser. */
export default function Splitter(props: Props) {
  const { label, orientation, variable, least, most, usual, after = false, read } = props;
  const key = `podwire.${variable.slice(2)}`;
  const [value, setValue] = useState<number | null>(() => {
    const kept = recall('local', key);
    return kept === null ? null : bounded(Number(kept), least, most);
  });
  useEffect(() => {
    const { style } = document.documentElement;
    if (value === null) {
      forget('local', key);
      style.removeProperty(variable);
    } else {
      remember('local', key, String(value));
      style.setProperty(variable, String(value));
    }
    return () => {
      style.removeProperty(variable);
    };
  }, [value, key, variable]);

  const press = (event: KeyboardEvent) => {
    const now = value ?? usual;
    const forward = after ? -KEY_STEP : KEY_STEP;
    const to: Readonly<Record<string, number>> =
      orientation === 'vertical'
        ? { ArrowLeft: now - forward, ArrowRight: now + forward, Home: least, End: most }
        : { ArrowUp: now - forward, ArrowDown: now + forward, Home: least, End: most };
    const wanted = to[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    setValue(bounded(wanted, least, most));
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a <hr> cannot be moved.
    <div
      className={`bench-splitter bench-splitter-${orientation}`}
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation={orientation}
      aria-valuemin={least}
      aria-valuemax={most}
      aria-valuenow={Math.round(value ?? usual)}
      title={`${label} (drag it; a double click puts it back)`}
      onKeyDown={press}
      onDoubleClick={() => setValue(null)}
      onPointerDown={(event) => {
        event.preventDefault();
        event.currentTarget.focus();
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId))
          setValue(bounded(read(event), least, most));
      }}
    />
  );
}

function bounded(value: number, least: number, most: number): number {
  return Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : least;
}
