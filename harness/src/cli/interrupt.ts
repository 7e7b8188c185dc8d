/** Ctrl-C and SIGTERM: the command in hand undoes what it began; a second Ctrl-C ends it at once. */

export const INTERRUPTED = 130;

export class InterruptedError extends Error {
  override name = 'InterruptedError';
}

/** Aborts on the first signal. Call `release` when nothing is left to undo. */
export function onInterrupt(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort(new InterruptedError('Interrupted.'));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  process.on('SIGHUP', stop);
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
      process.off('SIGHUP', stop);
    },
  };
}
