interface Props {
  readonly ctrlHeld: boolean;
  /** The next key is pressed with Ctrl. */
  readonly onCtrl: () => void;
  readonly onKey: (data: string) => void;
}

/** Keys that a phone's keyboard has not, and what they send (xterm's own codes). */
const KEYS: readonly (readonly [words: string, name: string, data: string])[] = [
  ['Esc', 'Escape', '\x1b'],
  ['Tab', 'Tab', '\t'],
  ['↑', 'Up', '\x1b[A'],
  ['↓', 'Down', '\x1b[B'],
  ['←', 'Left', '\x1b[D'],
  ['→', 'Right', '\x1b[C'],
  ['^C', 'Control C', '\x03'],
  ['|', 'Pipe', '|'],
  ['/', 'Slash', '/'],
  ['-', 'Minus', '-'],
  ['$', 'Dollar', '$'],
];

export default function HelperKeys({ ctrlHeld, onCtrl, onKey }: Props) {
  return (
    // Pressed without taking the focus, so the phone's keyboard stays where it is.
    <div
      className="bench-keys"
      role="toolbar"
      aria-label="Keys"
      onPointerDown={(event) => event.preventDefault()}
    >
      <button type="button" aria-pressed={ctrlHeld} onClick={onCtrl}>
        Ctrl
      </button>
      {KEYS.map(([words, name, data]) => (
        <button key={name} type="button" aria-label={name} onClick={() => onKey(data)}>
          {words}
        </button>
      ))}
    </div>
  );
}
