// A failure that the learner can do something about: its text says what.
export class SetupError extends Error {
  name = 'SetupError';
}
