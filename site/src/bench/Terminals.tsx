/** A tab for each shell; a terminal, once opened, stays until the bench is hidden, and its shell even longer. */
import { useEffect, useState } from 'react';
import type { HostInfo, LiveLab } from '../../../harness/src/server/api';
import { hostWords } from '../components/Fence';
import { hostsWithCommands, onCommands } from './command-queue';
import HostTerminal from './HostTerminal';
import { recall, remember } from './storage';
import Tabs, { tabId } from './Tabs';

interface Props {
  readonly lab: string;
  readonly hosts: readonly HostInfo[];
  readonly live: LiveLab;
}

interface Shell {
  /** Of its tab: the host's name, and `#2` for the second shell. */
  readonly id: string;
  readonly host: string;
  readonly number: number;
}

const MOST_SHELLS = 9;
const READ_ALOUD = 'podwire.read-aloud';

const WORDS: Readonly<Record<Exclude<LiveLab['phase'], 'open'>, string>> = {
  closed: 'The terminals open with the lab.',
  opening: 'The lab is being opened, and the terminals with it.',
  resetting: 'The lab starts over. The terminals come back with it.',
  closing: 'The lab is being closed.',
  lost: 'The lab is broken, and its shells are gone. “Reset” builds it anew.',
};

export default function Terminals({ lab, hosts, live }: Props) {
  const key = `podwire.terminal.${lab}`;
  const [active, setActive] = useState(() => recall('session', key) ?? '');
  /** Shells beside the first of each host, which others may have opened too. */
  const [more, setMore] = useState<readonly Shell[]>([]);
  const [opened, setOpened] = useState<readonly string[]>([]);
  /** The shell that was chosen by hand last takes the keys. */
  const [focus, setFocus] = useState({ id: '', turn: 0 });
  const [readAloud, setReadAloud] = useState(() => recall('local', READ_ALOUD) === 'on');

  useEffect(() => {
    const elsewhere = live.terminals.filter(({ number }) => number > 1);
    setMore((all) => {
      const unknown = elsewhere.filter(
        ({ host, number }) => !all.some(({ id }) => id === idOf(host, number)),
      );
      return unknown.length === 0
        ? all
        : [...all, ...unknown.map(({ host, number }) => shellOf(host, number))];
    });
  }, [live.terminals]);

  const shells = hosts.flatMap(({ name }) => [
    shellOf(name, 1),
    ...more.filter(({ host }) => host === name).sort((a, b) => a.number - b.number),
  ]);
  const shown = shells.find(({ id }) => id === active) ?? shells[0];
  const open = live.phase === 'open';

  // Commands go to the shell of their host that is shown, else to its first.
  const shownHost = shown?.host;
  useEffect(() => {
    const show = (host: string) => {
      if (host !== shownHost) setActive(idOf(host, 1));
      setOpened((all) => (all.includes(idOf(host, 1)) || host === shownHost ? all : [...all, idOf(host, 1)]));
    };
    for (const host of hostsWithCommands()) show(host);
    return onCommands(show);
  }, [shownHost]);
  const takes = ({ id, host }: Shell) =>
    hosts.some(({ name }) => name === host) && id === (shown?.host === host ? shown.id : idOf(host, 1));

  const shownId = shown?.id;
  useEffect(() => {
    if (shownId === undefined) return;
    remember('session', key, shownId);
    setOpened((all) => (all.includes(shownId) ? all : [...all, shownId]));
  }, [shownId, key]);

  const choose = (id: string, byHand: boolean) => {
    setActive(id);
    if (byHand) setFocus(({ turn }) => ({ id, turn: turn + 1 }));
  };
  const addShell = () => {
    if (!shown) return;
    const taken = shells.filter(({ host }) => host === shown.host).map(({ number }) => number);
    const number = [...Array(MOST_SHELLS)].map((_, index) => index + 1).find((each) => !taken.includes(each));
    if (number === undefined) return;
    setMore((all) => [...all, shellOf(shown.host, number)]);
    choose(idOf(shown.host, number), true);
  };
  const removeShell = ({ id, host }: Shell) => {
    setMore((all) => all.filter((each) => each.id !== id));
    setOpened((all) => all.filter((each) => each !== id));
    setActive(idOf(host, 1));
    document.getElementById(tabId(idOf(host, 1)))?.focus();
  };
  const switchReading = () => {
    remember('local', READ_ALOUD, readAloud ? 'off' : 'on');
    setReadAloud(!readAloud);
  };

  return (
    <section className="bench-terminals" aria-label="Terminals">
      <div className="bench-tabs">
        <Tabs
          label="Shells"
          chosen={shown?.id ?? ''}
          onChoose={choose}
          tabs={shells.map(({ id, host, number }) => ({
            id,
            host,
            className: `host-tab host-tab-${host.startsWith('pod/') ? 'pod' : 'node'}`,
            words: (
              <>
                {hostWords(host)}
                {number > 1 && ` (${number})`}
                {live.terminals.some((each) => each.host === host && each.number === number) && (
                  <span className="host-tab-open" title="a shell is open" />
                )}
              </>
            ),
          }))}
        />
        {open && shown && (
          <button
            type="button"
            className="bench-more"
            title={`Another shell on ${hostWords(shown.host)}`}
            aria-label={`Another shell on ${hostWords(shown.host)}`}
            onClick={addShell}
          >
            +
          </button>
        )}
        <button type="button" className="bench-aloud" aria-pressed={readAloud} onClick={switchReading}>
          For a screen reader
        </button>
      </div>
      <div className="bench-screens">
        <span className="bench-escape">
          <kbd>F6</kbd> leaves the terminal
        </span>
        {live.phase === 'open' ? (
          shells
            .filter(({ id }) => opened.includes(id))
            .map((shell) => (
              <HostTerminal
                key={shell.id}
                lab={lab}
                {...shell}
                shown={shell.id === shown?.id}
                takes={takes(shell)}
                focusTurn={focus.id === shell.id ? focus.turn : 0}
                readAloud={readAloud}
                onClose={shell.number > 1 ? () => removeShell(shell) : undefined}
              />
            ))
        ) : (
          <p className="bench-quiet">{WORDS[live.phase]}</p>
        )}
      </div>
    </section>
  );
}

function shellOf(host: string, number: number): Shell {
  return { id: idOf(host, number), host, number };
}

function idOf(host: string, number: number): string {
  return number === 1 ? host : `${host}#${number}`;
}
