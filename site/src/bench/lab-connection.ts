/** Keeps the page's picture of a lab as the server's is, and connects again when the connection breaks. */
import { EventMessage, LabDetail } from '../../../harness/src/server/api';
import { ask, findServer, openSocket, type Reachability, wordsOf } from './api-client';
import { setLine, setLive } from './live-store';
import { onToken } from './token';

export interface LabConnection {
  /** Null: not known yet. */
  readonly reachability: Reachability | null;
  /** What was last told stays while the line is broken. */
  readonly detail: LabDetail | null;
  /** Why there is no detail, in the server's words. */
  readonly problem: string | null;
  /** The server answered before, and does not now. */
  readonly broken: boolean;
  /** Nobody looks any more until asked to. */
  readonly stopped: boolean;
}

export const NOT_YET: LabConnection = {
  reachability: null,
  detail: null,
  problem: null,
  broken: false,
  stopped: false,
};

/** Waits a little longer each time: a class of thirty pages must not hinder the server from coming back. */
const AGAIN_MS = [1_000, 2_000, 3_000, 5_000, 8_000, 13_000];
/** A site without Podwire behind it, such as GitHub Pages, is asked so often and then left in peace. */
const PROBES = 3;

export function followLab(
  lab: string,
  tell: (connection: LabConnection) => void,
): { lookAgain(): void; end(): void } {
  let connection = NOT_YET;
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let turn = 0;

  const become = (change: Partial<LabConnection>) => {
    connection = { ...connection, ...change };
    tell(connection);
  };
  const disconnect = () => {
    clearTimeout(timer);
    if (socket) socket.onclose = null;
    socket?.close();
    socket = null;
    setLine(false);
  };
  const again = () => {
    timer = setTimeout(connect, AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)]);
  };
  const giveUp = (reachability: Reachability) => {
    setLive(null);
    become({ ...NOT_YET, reachability, stopped: true });
  };

  async function connect(): Promise<void> {
    const mine = ++turn;
    disconnect();
    const reachability = await findServer();
    if (mine !== turn) return;
    if (reachability === 'unauthorized' || reachability === 'refused') return giveUp(reachability);
    if (reachability === 'elsewhere' && !connection.detail && failures >= PROBES - 1)
      return giveUp(reachability);
    if (reachability !== 'ready') {
      // What was seen last is shown on; who was never there is told so.
      if (connection.detail) become({ broken: true });
      else if (reachability !== 'busy') become({ reachability });
      return again();
    }
    let detail: LabDetail;
    try {
      detail = await ask(`labs/${lab}`, LabDetail);
    } catch (error) {
      if (mine !== turn) return;
      become({ reachability, problem: wordsOf(error) });
      return again();
    }
    if (mine !== turn) return;
    listen(detail);
  }

  function listen(detail: LabDetail): void {
    const opened = openSocket(`labs/${lab}/events`);
    socket = opened;
    opened.onopen = () => {
      failures = 0;
      setLine(true);
      become({ reachability: 'ready', detail, problem: null, broken: false, stopped: false });
    };
    opened.onmessage = ({ data }) => {
      const message = EventMessage.safeParse(JSON.parse(String(data)));
      if (message.success) setLive(message.data.live);
    };
    opened.onclose = () => {
      setLine(false);
      if (connection.detail) become({ broken: true });
      again();
    };
  }

  const lookAgain = () => {
    failures = 0;
    become({ stopped: false });
    connect();
  };
  const stopListening = onToken(lookAgain);
  connect();
  return {
    lookAgain,
    end: () => {
      turn++;
      stopListening();
      disconnect();
      setLive(null);
    },
  };
}
