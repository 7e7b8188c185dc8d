/** The live board: kernel events begin rounds of checks, keys change what is shown, and every change is painted. */
import type { ReadStream, WriteStream } from 'node:tty';
import type { WalkRequest } from '../../diagnosis/walk/walk.ts';
import { walkPacket } from '../../diagnosis/walk/walk-packet.ts';
import { errorText } from '../../errors.ts';
import type { LabReport } from '../../grading/verdict.ts';
import type { LoadedLab } from '../../lab/load-lab.ts';
import { LabWatch } from '../../live/lab-watch.ts';
import { BEGINNING } from '../../live/standing.ts';
import type { Host } from '../../testbed/host.ts';
import type { Testbed } from '../../testbed/testbed.ts';
import { type Action, type BoardState, beginBoard, pressKey, withStanding } from './board-state.ts';
import { renderBoard } from './render-board.ts';
import { Screen } from './screen.ts';

export interface BoardContext {
  readonly lab: LoadedLab;
  readonly testbed: Testbed;
  readonly nextLab: { readonly number: string; readonly title: string } | null;
  readonly color: boolean;
  readonly stdin: ReadStream;
  readonly stdout: WriteStream;
  /** A round of checks came to its end. */
  onReport(report: LabReport): void;
  /** Opens a shell on the terminal, which is the shell's until it ends. */
  openShell(host: Host): Promise<number>;
  /** Resets the lab; the session with the testbed before is of no use afterwards. */
  resetTestbed(): Promise<Testbed>;
  /** Finds the testbed again when the session with it broke; null when it is gone. */
  reopenTestbed(): Promise<Testbed | null>;
}

/** `lost`: the testbed went away; the reason was not shown yet. */
export type BoardEnd =
  | { readonly kind: 'quit' | 'next'; readonly testbed: Testbed }
  | { readonly kind: 'lost'; readonly testbed: Testbed; readonly why: string };

/** Runs until the learner quits or the testbed is lost. The terminal is as it was afterwards. */
export async function runBoard(context: BoardContext): Promise<BoardEnd> {
  await using board = new Board(context);
  return await board.run();
}

class Board {
  readonly #context: BoardContext;
  readonly #screen: Screen;
  readonly #end = Promise.withResolvers<BoardEnd>();
  #state: BoardState;
  #testbed: Testbed;
  #watch: LabWatch | null = null;
  #resetting: Promise<void> = Promise.resolve();

  constructor(context: BoardContext) {
    const { lab, testbed } = context;
    this.#context = context;
    this.#testbed = testbed;
    this.#state = beginBoard({
      number: lab.number,
      title: lab.guide.title,
      question: lab.guide.question,
      seed: testbed.identity.seed,
      checks: lab.checks,
      steps: lab.guide.steps,
      topology: lab.topology,
      plan: testbed.plan,
      nextLab: context.nextLab,
    });
    this.#screen = new Screen(context.stdin, context.stdout, {
      onKey: (key) => this.#press(key),
      onResize: () => this.#paint(),
    });
  }

  async run(): Promise<BoardEnd> {
    this.#screen.open();
    this.#paint();
    await this.#begin();
    return this.#end.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#screen.close();
    await this.#endWatch();
  }

  async #endWatch(): Promise<void> {
    const watch = this.#watch;
    this.#watch = null;
    await watch?.[Symbol.asyncDispose]();
  }

  async #begin(): Promise<void> {
    const testbed = this.#testbed;
    this.#watch = await LabWatch.begin(this.#context.lab, testbed, {
      onStanding: (standing) => this.#become(withStanding(this.#state, standing)),
      onReport: (report) => this.#context.onReport(report),
      onError: (notice) => this.#become({ ...this.#state, notice }),
      onLost: (why) => {
        this.#reopen(why).catch((error) => this.#end.reject(error));
      },
    });
  }

  #press(key: string): void {
    const [state, action] = pressKey(this.#state, key);
    this.#become(state);
    if (action) this.#act(action).catch((error) => this.#end.reject(error));
  }

  async #act(action: Action): Promise<void> {
    switch (action.kind) {
      case 'quit':
      case 'next':
        // A reset cut short would leave a testbed that nobody can use.
        await this.#resetting;
        this.#end.resolve({ kind: action.kind, testbed: this.#testbed });
        return;
      case 'check':
        this.#watch?.check();
        return;
      case 'hint':
        return this.#hint(action.check);
      case 'shell':
        return this.#shell(action.host);
      case 'trace':
        return this.#trace(action.probe);
      case 'reset':
        this.#resetting = this.#reset();
        return this.#resetting;
    }
  }

  /** What the testbed does not do because it is being lost is told by the watch: it does not end the board. */
  async #hint(check: string): Promise<void> {
    const watch = this.#watch;
    try {
      await watch?.showHint(check);
    } catch (error) {
      this.#notice(watch, error);
    }
  }

  async #shell(host: string): Promise<void> {
    this.#screen.close();
    const watch = this.#watch;
    await watch?.pause();
    let notice = '';
    try {
      await this.#context.openShell(this.#testbed.host(host));
    } catch (error) {
      notice = errorText(error);
    }
    this.#screen.open();
    this.#become({ ...this.#state, notice });
    if (this.#watch === watch) watch?.resume();
  }

  /** The checks wait meanwhile: what they send would be seen too. */
  async #trace(probe: WalkRequest): Promise<void> {
    const watch = this.#watch;
    await watch?.pause();
    try {
      const walk = await walkPacket(this.#testbed, probe);
      if (this.#watch === watch) this.#become({ ...this.#state, mode: { kind: 'walk', walk, at: 0 } });
    } catch (error) {
      this.#notice(watch, error);
    }
    if (this.#watch === watch) watch?.resume();
  }

  /** Tells what went wrong with what a key asked for, unless the board has gone on to something else since. */
  #notice(watch: LabWatch | null, error: unknown): void {
    if (this.#watch === watch)
      this.#become({ ...this.#state, mode: { kind: 'checks' }, notice: errorText(error) });
  }

  async #reset(): Promise<void> {
    this.#become({ ...this.#state, mode: { kind: 'busy', text: 'resetting…' } });
    await this.#endWatch();
    this.#testbed = await this.#context.resetTestbed();
    this.#become({ ...this.#state, ...BEGINNING, mode: { kind: 'checks' }, chosen: null, notice: '' });
    await this.#begin();
  }

  /** A page or another command may have started the lab over: the board goes on with what stands then. */
  async #reopen(why: string): Promise<void> {
    const lost = this.#testbed;
    this.#become({ ...this.#state, mode: { kind: 'busy', text: 'the lab is started over elsewhere…' } });
    await this.#endWatch();
    const testbed = await this.#context.reopenTestbed();
    if (!testbed) {
      this.#end.resolve({ kind: 'lost', testbed: lost, why });
      return;
    }
    this.#testbed = testbed;
    this.#become({ ...this.#state, ...BEGINNING, mode: { kind: 'checks' }, chosen: null, notice: '' });
    await this.#begin();
  }

  #become(state: BoardState): void {
    this.#state = state;
    this.#paint();
  }

  #paint(): void {
    const { columns, rows } = this.#screen;
    this.#screen.paint(renderBoard(this.#state, { columns, rows, color: this.#context.color }));
  }
}
