/** The bench beside a guide: the lab's testbed, with its checks, its picture and its terminals. */
import { useEffect, useRef, useState } from 'react';
import { BreakAnswer, Diagram, LiveLab } from '../../../harness/src/server/api';
import type { LabOnPage } from '../components/lab-context';
import { ask, readSeed, tell } from './api-client';
import './bench.css';
import Absent from './Absent';
import Checks from './Checks';
import { dropCommands, hostsWithCommands, onCommands } from './command-queue';
import Finished from './Finished';
import { useLive } from './live-store';
import { showDiagram, showNextSteps, showPlan, stepAnchor } from './mark-guide';
import Plan from './Plan';
import Splitter from './Splitter';
import Tabs, { panelId, tabId } from './Tabs';
import Terminals from './Terminals';
import { useLab } from './use-lab';
import { useNarrow, useRoomForKeyboard } from './use-narrow';
import Walk, { type WalkChoice } from './Walk';

interface Props {
  readonly lab: LabOnPage;
  /** It was opened by a click just now, and not by a reload. */
  readonly takesFocus: boolean;
  readonly onHide: () => void;
}

/** `terminals` is a view only where there is no room to show them below. */
type View = 'checks' | 'walk' | 'plan' | 'terminals';

const PHASES = {
  closed: 'not open',
  opening: 'opening',
  open: 'open',
  resetting: 'starting over',
  closing: 'closing',
  lost: 'broken',
} as const;

export default function Bench({ lab, takesFocus, onHide }: Props) {
  const connection = useLab(lab.number);
  const { detail, broken, stopped } = connection;
  const live = useLive();
  const narrow = useNarrow();
  useRoomForKeyboard();
  const [chosenView, setView] = useState<View>(() =>
    hostsWithCommands().length > 0 ? 'terminals' : 'checks',
  );
  const view = chosenView === 'terminals' && !narrow ? 'checks' : chosenView;
  const [walk, setWalk] = useState<{ readonly turn: number; readonly choice: WalkChoice | null }>({
    turn: 0,
    choice: null,
  });
  const [walkSeen, setWalkSeen] = useState(false);
  const [problem, setProblem] = useState('');
  const [wanted, setWanted] = useState(() => hostsWithCommands().length > 0);
  const heading = useRef<HTMLHeadingElement>(null);
  const phase = live?.phase;

  useEffect(() => {
    if (takesFocus && hostsWithCommands().length === 0) heading.current?.focus({ preventScroll: true });
  }, [takesFocus]);
  useEffect(() => showNextSteps(live?.phase === 'open' ? live.nextSteps : []), [live]);
  useEffect(() => () => showNextSteps([]), []);
  useEffect(() => {
    if (!detail) return;
    showPlan(detail.plan.variables);
    if (readSeed() !== null)
      // The picture that was built with the page stays, where this one cannot be had.
      ask(`labs/${lab.number}/diagram`, Diagram).then(showDiagram, () => {});
  }, [detail, lab.number]);

  const command = async (name: 'open' | 'reset' | 'close') => {
    setProblem('');
    try {
      await ask(`labs/${lab.number}/${name}`, LiveLab, {});
    } catch (error) {
      dropCommands();
      tell(setProblem)(error);
    }
  };
  const drill = () => {
    setProblem('');
    ask(`labs/${lab.number}/break`, BreakAnswer, {}).catch(tell(setProblem));
  };

  useEffect(
    () =>
      onCommands(() => {
        setWanted(true);
        setView((now) => (narrow ? 'terminals' : now));
      }),
    [narrow],
  );
  // Whoever runs commands of the guide wants the lab open: once, and not again when somebody closes it later.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `command` is another function at each drawing.
  useEffect(() => {
    if (!wanted || phase === undefined || phase === 'closing') return;
    setWanted(false);
    if (phase === 'closed') command('open');
  }, [wanted, phase]);
  // Nobody expects commands to run minutes after the click, when a server is found at last.
  useEffect(() => {
    if (!stopped) return;
    dropCommands();
    setWanted(false);
  }, [stopped]);
  // What waits was meant for the testbed that was.
  useEffect(() => {
    if (phase === 'resetting' || phase === 'closing' || phase === 'lost') dropCommands();
    if (phase !== undefined && phase !== 'closed') setProblem('');
  }, [phase]);

  const hide = (
    <button type="button" className="bench-hide" onClick={onHide} aria-label="Hide the bench">
      ×
    </button>
  );
  if (!detail || !live) {
    return (
      <>
        <header className="bench-head">
          <h2 ref={heading} tabIndex={-1}>
            Bench
          </h2>
          {hide}
        </header>
        <Absent connection={connection} lab={lab.number} />
      </>
    );
  }
  const busy = phase === 'opening' || phase === 'resetting' || phase === 'closing';
  const words = problem || live.problem;
  const finished = phase === 'open' && live.total > 0 && live.passed === live.total;
  const views = [
    { id: 'checks', words: `Checks ${live.passed}/${live.total}` },
    { id: 'walk', words: narrow ? 'Walk' : 'Packet walk' },
    { id: 'plan', words: 'Addresses' },
    ...(narrow ? [{ id: 'terminals', words: 'Terminals' }] : []),
  ];
  const choose = (id: string) => {
    setView(id as View);
    if (id === 'walk') setWalkSeen(true);
  };
  return (
    <>
      {narrow ? (
        <Splitter
          key="height"
          label="Height of the bench"
          orientation="horizontal"
          variable="--bench-height"
          usual={58}
          least={25}
          most={92}
          after
          read={({ clientY }) => 100 - (clientY / window.innerHeight) * 100}
        />
      ) : (
        <Splitter
          key="width"
          label="Width of the bench"
          orientation="vertical"
          variable="--bench-wide"
          usual={44}
          least={25}
          most={75}
          after
          read={({ clientX }) => 100 - (clientX / window.innerWidth) * 100}
        />
      )}
      <header className="bench-head">
        <h2 ref={heading} tabIndex={-1}>
          Lab {lab.number}
        </h2>
        <span className={`bench-phase bench-phase-${live.phase}`} role="status">
          {live.progress ?? PHASES[live.phase]}
        </span>
        <span className="bench-commands">
          {live.phase === 'closed' ? (
            <button type="button" className="bench-main" disabled={broken} onClick={() => command('open')}>
              Open the lab
            </button>
          ) : (
            <>
              <button
                type="button"
                className={live.phase === 'lost' ? 'bench-main' : ''}
                disabled={busy || broken}
                onClick={() => command('reset')}
              >
                Reset
              </button>
              <button type="button" disabled={busy || broken} onClick={() => command('close')}>
                Close<span className="bench-wide-words"> the lab</span>
              </button>
            </>
          )}
          {hide}
        </span>
      </header>
      {broken && (
        <p className="bench-broken" role="status">
          Podwire does not answer. This is how the lab stood last; looking for it again ...
        </p>
      )}
      {words && (
        <p className="bench-problem" role="alert">
          {words}
          {problem !== '' && (
            <button type="button" className="bench-hide" aria-label="Dismiss" onClick={() => setProblem('')}>
              ×
            </button>
          )}
        </p>
      )}
      <div className="bench-panes" data-pane={view === 'terminals' ? 'terminals' : 'views'}>
        <div className="bench-upper" data-view={view}>
          <div className="bench-tabs">
            <Tabs label="What to see" tabs={views} chosen={view} onChoose={choose} />
            {phase === 'open' && live.nextSteps.length > 0 && <NextSteps steps={live.nextSteps} />}
          </div>
          {view === 'checks' && (
            <div
              className="bench-view"
              id={panelId('checks')}
              role="tabpanel"
              aria-labelledby={tabId('checks')}
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable.
              tabIndex={0}
            >
              {finished && <Finished detail={detail} total={live.total} onDrill={drill} />}
              <Checks
                lab={lab.number}
                live={live}
                hosts={detail.hosts.map(({ name }) => name)}
                onWalk={(choice) => {
                  setWalk(({ turn }) => ({ turn: turn + 1, choice }));
                  choose('walk');
                  // The button that was pressed is gone with its pane.
                  document.getElementById(tabId('walk'))?.focus();
                }}
                onProblem={setProblem}
              />
            </div>
          )}
          {walkSeen && (
            <div
              className="bench-view"
              id={panelId('walk')}
              role="tabpanel"
              aria-labelledby={tabId('walk')}
              hidden={view !== 'walk'}
            >
              <Walk key={walk.turn} detail={detail} open={phase === 'open'} choice={walk.choice} />
            </div>
          )}
          {view === 'plan' && (
            <div
              className="bench-view"
              id={panelId('plan')}
              role="tabpanel"
              aria-labelledby={tabId('plan')}
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable.
              tabIndex={0}
            >
              <Plan plan={detail.plan} />
            </div>
          )}
        </div>
        {!narrow && (
          <Splitter
            label="Height of what is above the terminals"
            orientation="horizontal"
            variable="--bench-upper"
            usual={46}
            least={12}
            most={85}
            read={({ clientY, currentTarget }) => {
              const { top, height } = currentTarget.parentElement?.getBoundingClientRect() ?? {
                top: 0,
                height: 1,
              };
              return ((clientY - top) / height) * 100;
            }}
          />
        )}
        <div
          className="bench-lower"
          {...(narrow
            ? { id: panelId('terminals'), role: 'tabpanel', 'aria-labelledby': tabId('terminals') }
            : {})}
        >
          <Terminals lab={lab.number} hosts={detail.hosts} live={live} />
        </div>
      </div>
    </>
  );
}

/** Steps without a check of their own are taken together with the next that has one. */
function NextSteps({ steps }: { readonly steps: readonly number[] }) {
  const [first = 0] = steps;
  const last = steps.at(-1) ?? first;
  return (
    <a className="bench-next" href={`#${stepAnchor(first)}`}>
      Next: {first === last ? `step ${first}` : `steps ${first} to ${last}`}
    </a>
  );
}
