/** Gives a terminal back as it was, whatever ends the process. */

const SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;

/**
 * Calls `restore` before the process ends by itself, by a signal or by an uncaught error. The process
 * then ends as it would have without us. Returns the way to call it off.
 */
export function guardTerminal(restore: () => void): () => void {
  const releaseSignals = beforeSignals(restore);
  process.on('exit', restore);
  process.on('uncaughtExceptionMonitor', restore);
  return () => {
    process.off('exit', restore);
    process.off('uncaughtExceptionMonitor', restore);
    releaseSignals();
  };
}

/** Does the work before a signal ends the process, which it then does. Returns the way to call it off. */
export function beforeSignals(work: () => void | Promise<void>): () => void {
  const onSignal = async (signal: NodeJS.Signals): Promise<void> => {
    release();
    try {
      await work();
    } finally {
      process.kill(process.pid, signal);
    }
  };
  const release = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return release;
}
