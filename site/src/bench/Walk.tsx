/** Sends one packet and shows its walk: on the picture of the topology, and in words. */
import Link from '@docusaurus/Link';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { Walk as PacketsWalk } from '../../../harness/src/diagnosis/walk/walk';
import { Diagram, type LabDetail, type Probe } from '../../../harness/src/server/api';
import { layoutTopology, type Room } from '../../../harness/src/topology/diagram-layout';
import { pictureToSvg } from '../../../harness/src/topology/diagram-svg';
import type { Topology } from '../../../harness/src/topology/topology';
import { ask, tell } from './api-client';
import { type PathOfPacket, pathOf } from './walk-path';

/** What to send: hosts that were chosen, or the probe that a check failed on. */
export type WalkChoice = Probe;

interface Props {
  readonly detail: LabDetail;
  readonly open: boolean;
  /** Walked once, when it is shown first. */
  readonly choice: WalkChoice | null;
}

/** The walk is what `podwire trace --json` prints; its type stands beside the code that makes it. */
const WalkAnswer = { parse: (value: unknown) => value as PacketsWalk };

const LEG_MS = 1400;
/** The way back is drawn beside the way there. */
const BESIDE = 'translate(5 4)';

export default function Walk({ detail, open, choice }: Props) {
  const names = detail.hosts.map(({ name }) => name);
  const pods = names.filter((name) => name.startsWith('pod/'));
  const [from, setFrom] = useState(choice?.from ?? pods[0] ?? names[0] ?? '');
  const [to, setTo] = useState(choice?.to ?? farPod(detail) ?? pods[1] ?? names[0] ?? '');
  const [walk, setWalk] = useState<PacketsWalk | null>(null);
  const [walking, setWalking] = useState(false);
  const [problem, setProblem] = useState('');
  const [diagram, setDiagram] = useState<Diagram | null>(null);
  useEffect(() => {
    ask(`labs/${detail.lab}/diagram`, Diagram).then(setDiagram, tell(setProblem));
  }, [detail.lab]);

  const start = useCallback(
    async (wish: WalkChoice) => {
      setProblem('');
      setWalking(true);
      await ask(`labs/${detail.lab}/trace`, WalkAnswer, wish).then(setWalk, tell(setProblem));
      setWalking(false);
    },
    [detail.lab],
  );
  const sent = useRef(false);
  useEffect(() => {
    if (!choice || !open || sent.current) return;
    sent.current = true;
    start(choice);
  }, [choice, open, start]);
  // What was walked before a reset is no more.
  useEffect(() => {
    if (open) return;
    sent.current = true;
    setWalk(null);
    setProblem('');
  }, [open]);

  return (
    <div className="bench-walk">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          start({ from, to });
        }}
      >
        <label>
          from{' '}
          <select value={from} onChange={(event) => setFrom(event.target.value)}>
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          to{' '}
          <input
            list="walk-targets"
            value={to}
            onChange={(event) => setTo(event.target.value)}
            size={14}
            maxLength={128}
            spellCheck={false}
            autoComplete="off"
          />
        </label>
        <datalist id="walk-targets">
          {names.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <button type="submit" className="bench-main" disabled={!open || walking || to === ''}>
          {walking ? 'Walking ...' : 'Send a packet'}
        </button>
      </form>
      {problem !== '' && (
        <p className="bench-problem" role="alert">
          {problem}
        </p>
      )}
      {walk && (
        <p className={`bench-sentence ${walk.arrived ? 'bench-arrived' : 'bench-lost'}`} role="status">
          {walk.sentence}
        </p>
      )}
      {diagram && <WalkedPicture diagram={diagram} walk={walk} />}
      {walk && <WalkInWords walk={walk} />}
    </div>
  );
}

/** The way to a pod of another node has more to show. */
function farPod({ hosts }: LabDetail): string | undefined {
  const pods = hosts.filter(({ kind }) => kind === 'pod');
  return pods.find(({ node }) => node !== pods[0]?.node)?.name;
}

/** The topology, and on it the packets one after the other. */
function WalkedPicture({ diagram, walk }: { readonly diagram: Diagram; readonly walk: PacketsWalk | null }) {
  const frame = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState<Room>('narrow');
  const picture = useMemo(
    () => layoutTopology(diagram.topology as unknown as Topology, diagram.plan, room),
    [diagram, room],
  );
  const svg = useMemo(() => pictureToSvg(picture, 'The topology of this lab', { room }), [picture, room]);
  // The wide drawing where the panel can hold it, a little shrunk if need be.
  useEffect(() => {
    const { width } = layoutTopology(diagram.topology as unknown as Topology, diagram.plan, 'wide');
    const choose = () => setRoom((frame.current?.clientWidth ?? 0) >= width * 0.8 ? 'wide' : 'narrow');
    choose();
    const observer = new ResizeObserver(choose);
    if (frame.current) observer.observe(frame.current);
    return () => observer.disconnect();
  }, [diagram]);
  const paths = useMemo(
    () =>
      (walk?.packets ?? []).map((packet, index) => {
        const start =
          packet.role === 'request' || packet.role === 'question' ? (walk?.request.from ?? '') : '';
        return { packet, index, path: pathOf(packet, picture, start || (packet.stops[0]?.host ?? '')) };
      }),
    [walk, picture],
  );
  return (
    <div ref={frame}>
      <div className="walk-picture" style={{ maxWidth: picture.width * 1.1 }}>
        {/* biome-ignore lint/security/noDangerouslySetInnerHtml: drawn by our own function, which escapes every name. */}
        <div dangerouslySetInnerHTML={{ __html: svg }} />
        <svg viewBox={`0 0 ${picture.width} ${picture.height}`} className="walk-overlay" aria-hidden="true">
          {paths.map(({ packet, index, path }) => (
            <WalkedPacket
              key={`${room} ${walk?.durationMs} ${packet.role} ${packet.summary}`}
              path={path}
              role={packet.role}
              lost={walk?.loss?.packet === index}
              delayMs={index * LEG_MS}
            />
          ))}
        </svg>
      </div>
    </div>
  );
}

interface PacketProps {
  readonly path: PathOfPacket;
  readonly role: string;
  readonly lost: boolean;
  readonly delayMs: number;
}

/** One packet on its way; it moves once, and leaves its track. */
function WalkedPacket({ path, role, lost, delayMs }: PacketProps) {
  const track = useRef<SVGPathElement>(null);
  const dot = useRef<SVGCircleElement>(null);
  const end = path.points.at(-1);
  useEffect(() => {
    const line = track.current;
    const circle = dot.current;
    if (!line || !circle) return;
    const length = line.getTotalLength();
    const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    let frame = 0;
    const began = performance.now() + delayMs;
    const draw = (now: number) => {
      const part = still ? 1 : Math.min(1, Math.max(0, (now - began) / LEG_MS));
      const { x, y } = line.getPointAtLength(length * part);
      circle.setAttribute('cx', String(x));
      circle.setAttribute('cy', String(y));
      circle.setAttribute('visibility', part > 0 && (part < 1 || lost) ? 'visible' : 'hidden');
      line.style.strokeDasharray = `${length}`;
      line.style.strokeDashoffset = `${length * (1 - part)}`;
      line.parentElement?.toggleAttribute('data-done', part === 1);
      if (part < 1) frame = requestAnimationFrame(draw);
    };
    draw(performance.now());
    return () => cancelAnimationFrame(frame);
  }, [delayMs, lost]);
  if (!end) return null;
  const back = role === 'reply' || role === 'response';
  return (
    <g className={`walk-packet${back ? ' walk-back' : ''}${lost ? ' walk-lost' : ''}`}>
      <path ref={track} d={path.d} transform={back ? BESIDE : undefined} />
      <circle ref={dot} r="6" transform={back ? BESIDE : undefined} visibility="hidden" />
      {lost && (
        <path
          className="walk-cross"
          d={`M${end.x - 7} ${end.y - 7}l14 14M${end.x + 7} ${end.y - 7}l-14 14`}
        />
      )}
    </g>
  );
}

function WalkInWords({ walk }: { readonly walk: PacketsWalk }) {
  return (
    <div className="walk-words">
      {walk.loss && (
        <div className="walk-loss">
          <p>
            <b>Lost at {walk.loss.where}.</b>{' '}
            {walk.loss.causes.map(({ id, text }) => (
              <span key={id}>
                {text} (
                <Link to={`/causes/${id}/`} target="_blank" rel="noopener">
                  {id}
                </Link>
                ){' '}
              </span>
            ))}
          </p>
          {walk.loss.evidence.length > 0 && <pre>{walk.loss.evidence.join('\n')}</pre>}
          {walk.loss.next !== '' && (
            <p>
              Go on with <code>{walk.loss.next}</code>
            </p>
          )}
        </div>
      )}
      {walk.packets.map((packet) => (
        <section key={`${packet.role} ${packet.summary}`}>
          <h3>
            {packet.role} <code>{packet.summary}</code>
          </h3>
          <ol>
            {packet.begins.map(({ text, host }) => (
              <li key={`${host} ${text}`} className="walk-happening">
                {host}: {text}
              </li>
            ))}
            {packet.stops.map((stop) => (
              <li key={`${stop.host} ${stop.interface} ${stop.direction} ${stop.atUs}`}>
                <b>{stop.host}</b> {stop.interface} {stop.direction}
                <span className="walk-at">
                  {' '}
                  {(stop.atUs / 1000).toFixed(2)} ms, TTL {stop.packet.ttl}
                </span>
                {stop.then.map(({ text, kind }) => (
                  <div key={`${kind} ${text}`} className={`walk-happening walk-${kind}`}>
                    {text}
                  </div>
                ))}
              </li>
            ))}
          </ol>
        </section>
      ))}
    </div>
  );
}
