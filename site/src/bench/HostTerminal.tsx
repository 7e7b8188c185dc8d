import { useColorMode } from '@docusaurus/theme-common';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useCallback, useEffect, useRef, useState } from 'react';
import { copyText } from './clipboard';
import { hostsWithCommands, onCommands, takeCommands } from './command-queue';
import HelperKeys from './HelperKeys';
import { panelId, tabId } from './Tabs';
import { connectTerminal, type TerminalConnection } from './terminal-connection';
import { DARK, LIGHT } from './terminal-themes';

interface Props {
  readonly lab: string;
  readonly host: string;
  readonly number: number;
  /** Of its tab. */
  readonly id: string;
  readonly shown: boolean;
  /** Commands of fences for this host are typed here. */
  readonly takes: boolean;
  /** Another number than before, and not 0: it takes the keys now. */
  readonly focusTurn: number;
  readonly readAloud: boolean;
  /** Set for a shell beside a host's first. */
  readonly onClose?: (() => void) | undefined;
}

interface Screen {
  readonly terminal: Terminal;
  readonly fit: FitAddon;
  readonly connection: TerminalConnection;
}

const PHONE_FONT = 12;
const FONT = 13;

/** One shell, in xterm.js. */
export default function HostTerminal(props: Props) {
  const { lab, host, number, id, shown, takes, focusTurn, readAloud, onClose } = props;
  const place = useRef<HTMLDivElement>(null);
  const screen = useRef<Screen | null>(null);
  const ctrl = useRef(false);
  /** The next shell takes the keys: it was asked for by hand. */
  const wantsKeys = useRef(false);
  const [ctrlHeld, setCtrlHeld] = useState(false);
  const [line, setLine] = useState<'connecting' | 'open' | 'broken'>('connecting');
  const [waiting, setWaiting] = useState(false);
  const [ended, setEnded] = useState<string | null>(null);
  const [shell, setShell] = useState(0);
  const { colorMode } = useColorMode();
  const theme = colorMode === 'dark' ? DARK : LIGHT;
  const latest = useRef({ theme, readAloud, ended });
  latest.current = { theme, readAloud, ended };

  const holdCtrl = useCallback((held: boolean) => {
    ctrl.current = held;
    setCtrlHeld(held);
  }, []);
  const reopen = useCallback(() => {
    setEnded(null);
    setShell((count) => count + 1);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another `shell` is another connection.
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const terminal = new Terminal({
      fontFamily: "'JetBrains Mono Variable', ui-monospace, Menlo, Consolas, monospace",
      fontSize: window.innerWidth < 600 ? PHONE_FONT : FONT,
      lineHeight: 1.2,
      scrollback: 10_000,
      cursorBlink: true,
      theme: latest.current.theme,
      screenReaderMode: latest.current.readAloud,
    });
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    terminal.open(element);
    terminal.textarea?.setAttribute('aria-label', `Terminal of ${host}; F6 leaves it`);
    terminal.attachCustomKeyEventHandler((event) => keepForBrowser(event, terminal, id));
    const resize = () => {
      if (element.clientWidth > 0) fit.fit();
    };
    resize();
    const connection = connectTerminal({ lab, host, number }, terminal, {
      onLine: setLine,
      onWaiting: setWaiting,
      onEnd: setEnded,
      translate: (data) => {
        if (!ctrl.current || data.length !== 1) return data;
        holdCtrl(false);
        return controlOf(data);
      },
    });
    const observer = new ResizeObserver(resize);
    observer.observe(element);
    screen.current = { terminal, fit, connection };
    if (wantsKeys.current) terminal.focus();
    wantsKeys.current = false;
    return () => {
      observer.disconnect();
      connection.close();
      terminal.dispose();
      screen.current = null;
    };
  }, [lab, host, number, shell]);

  useEffect(() => {
    if (!screen.current) return;
    const { options } = screen.current.terminal;
    options.theme = theme;
    options.screenReaderMode = readAloud;
  }, [theme, readAloud]);
  useEffect(() => {
    if (shown && place.current && place.current.clientWidth > 0) screen.current?.fit.fit();
  }, [shown]);
  useEffect(() => {
    if (focusTurn > 0) screen.current?.terminal.focus();
  }, [focusTurn]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what waits is taken by the next shell, too.
  useEffect(() => {
    if (!takes) return;
    const take = () => {
      if (!hostsWithCommands().includes(host)) return;
      if (latest.current.ended !== null) return reopen();
      for (const commands of takeCommands(host)) screen.current?.connection.type(commands);
      screen.current?.terminal.focus();
    };
    take();
    return onCommands(take);
  }, [takes, host, shell, reopen]);

  return (
    <div
      className="bench-screen"
      hidden={!shown}
      id={panelId(id)}
      role="tabpanel"
      aria-labelledby={tabId(id)}
      data-host={host}
      data-line={ended === null ? line : 'ended'}
    >
      <div className="bench-xterm" ref={place} />
      {ended !== null ? (
        <p className="bench-over" role="status">
          {ended}{' '}
          <button
            type="button"
            onClick={() => {
              wantsKeys.current = true;
              reopen();
            }}
          >
            Open a new shell
          </button>{' '}
          {onClose && (
            <button type="button" onClick={onClose}>
              Close this tab
            </button>
          )}
        </p>
      ) : line === 'broken' ? (
        <p className="bench-over" role="status">
          The line to this shell is broken. Connecting again ...
        </p>
      ) : (
        waiting && (
          <p className="bench-over" role="status">
            Something runs in this shell. The commands wait until it ends; <kbd>Ctrl-C</kbd> ends it.{' '}
            <button type="button" onClick={() => screen.current?.connection.typeNow()}>
              Type them now
            </button>
          </p>
        )
      )}
      <HelperKeys
        ctrlHeld={ctrlHeld}
        onCtrl={() => {
          holdCtrl(!ctrl.current);
          screen.current?.terminal.focus();
        }}
        onKey={(data) => {
          screen.current?.terminal.input(data);
          screen.current?.terminal.focus();
        }}
      />
    </div>
  );
}

/**
 * Copy and paste are the browser's: Ctrl-C where something is selected, Ctrl-V, and both with Shift. F6 leaves the
 * terminal, which keeps Tab for the shell.
 */
function keepForBrowser(event: KeyboardEvent, terminal: Terminal, id: string): boolean {
  if (event.type !== 'keydown') return true;
  if (event.key === 'F6') {
    event.preventDefault();
    document.getElementById(tabId(id))?.focus();
    return false;
  }
  if (!event.ctrlKey && !event.metaKey) return true;
  const key = event.key.toLowerCase();
  if (key === 'v') return false;
  if (key === 'c' && (event.shiftKey || event.metaKey || terminal.hasSelection())) {
    copyText(terminal.getSelection()).then(() => terminal.focus());
    terminal.clearSelection();
    event.preventDefault();
    return false;
  }
  return true;
}

/** What Ctrl makes of a key: `c` becomes ETX (3). */
function controlOf(key: string): string {
  const code = key.toUpperCase().charCodeAt(0);
  return code >= 0x40 && code < 0x60 ? String.fromCharCode(code & 0x1f) : key;
}
