/** What was handed in cannot be read as a submission. The text is one clear line for its author. */
export class NotASubmission extends Error {
  override name = 'NotASubmission';
}
