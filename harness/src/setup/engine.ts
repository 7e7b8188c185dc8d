/** Makes sure that a Docker engine answers. */
import { TestbedError } from '../errors.ts';
import { connectDocker, type Docker, EngineUnreachableError } from '../testbed/docker.ts';
import type { Terminal } from './terminal.ts';

/**
 * Connects to the engine; where none answers, starts or installs one if this machine allows it.
 *
 * @throws {TestbedError} with what was found and what to do, where no engine can be had; or the signal's reason.
 */
export async function ensureEngine(terminal: Terminal, signal?: AbortSignal): Promise<Docker> {
  try {
    return await connectDocker();
  } catch (error) {
    if (!(error instanceof EngineUnreachableError)) throw error;
    return await provideEngine(terminal, error, signal);
  }
}

/**
 * Connects to the engine for a command about what stands already: without an engine nothing does, so none is
 * started.
 *
 * @throws {TestbedError} with what was found and what to do.
 */
export async function findEngine(): Promise<Docker> {
  try {
    return await connectDocker();
  } catch (error) {
    if (!(error instanceof EngineUnreachableError)) throw error;
    const { readMachine } = await import('./machine.ts');
    const { planEngine } = await import('./engine-plan.ts');
    const plan = planEngine(readMachine(), error.message, false);
    if (plan.kind === 'refuse') throw new TestbedError(plan.text, { cause: error });
    throw new TestbedError(
      `No Docker engine is running, so no lab is open.\nTo ${plan.words} and open one: npm run lab:03`,
      { cause: error },
    );
  }
}

async function provideEngine(
  terminal: Terminal,
  found: EngineUnreachableError,
  signal: AbortSignal | undefined,
): Promise<Docker> {
  // Needed once in the life of a machine.
  const { readMachine } = await import('./machine.ts');
  const { planEngine } = await import('./engine-plan.ts');
  const { installEngine, startEngine } = await import('./start-engine.ts');

  const machine = readMachine();
  const plan = planEngine(machine, found.message, terminal.interactive);
  if (plan.kind === 'refuse') throw new TestbedError(plan.text, { cause: found });
  if (terminal.interactive) {
    if (!(await terminal.ask(`Podwire needs a Docker engine. ${capitalize(plan.words)}?`, signal)))
      throw new TestbedError(
        `Podwire needs a Docker engine, and was not to ${plan.words}.\nStart one and run the same command again.`,
      );
  } else {
    terminal.line(`Podwire needs a Docker engine and is going to ${plan.words}.`);
  }
  try {
    if (plan.kind === 'install') await installEngine(machine, plan.packages, terminal, signal);
    return await startEngine(machine, terminal, { admit: plan.kind === 'install', signal });
  } finally {
    terminal.clear();
  }
}

function capitalize(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
