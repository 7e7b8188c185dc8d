import { TestEnvironment } from 'jest-environment-node';

/** A test that fails, and then cannot clean up either: jest alone says only that there were two errors. */
export default class TellSuppressed extends TestEnvironment {
  handleTestEvent(event) {
    if (event.name !== 'test_fn_failure' || event.error?.name !== 'SuppressedError') return;
    const { error, suppressed } = event.error;
    event.error.stack = `${textOf(suppressed)}\n\nAnd then, at the end of the test:\n${textOf(error)}`;
    event.error.message = event.error.stack;
  }
}

function textOf(error) {
  return error?.stack ?? String(error);
}
