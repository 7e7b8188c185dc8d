/** Verdicts on disk, one file each, written as they are reached: a crash loses only what was in flight. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { fileErrorText, UsageError } from '../errors.ts';
import { type Graded, GradedSchema } from './graded.ts';

const VerdictFileSchema = z.strictObject({
  /** What the verdict rests on: the commands, the plan, the lab. Another key, another verdict. */
  key: z.string(),
  graded: GradedSchema,
});

export class VerdictFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = path.join(directory, 'verdicts');
  }

  /** The verdict that was reached on the same grounds, or null. A file that cannot be read is none. */
  async read(submission: string, key: string): Promise<Graded | null> {
    try {
      const text = await readFile(this.#file(submission), 'utf8');
      const kept = VerdictFileSchema.parse(JSON.parse(text));
      return kept.key === key && kept.graded.status !== 'ungraded' ? kept.graded : null;
    } catch {
      return null;
    }
  }

  /**
   * Returns when the verdict is on the disk.
   *
   * @throws {UsageError} when it cannot be written; those of before stay.
   */
  async write(key: string, graded: Graded): Promise<void> {
    try {
      await this.#write(key, graded);
    } catch (error) {
      throw new UsageError(
        `Could not write the verdict on ${graded.submission} into ${this.#directory}: ${fileErrorText(error)}\n` +
          'What was written before stays. When that is mended, the same command with --resume goes on.',
        { cause: error },
      );
    }
  }

  async #write(key: string, graded: Graded): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    const file = this.#file(graded.submission);
    // A name of this call's own: nobody else writes into what is moved into place.
    const whole = `${file}.${randomUUID()}.new`;
    try {
      const opened = await open(whole, 'wx');
      try {
        await opened.writeFile(`${JSON.stringify({ key, graded }, null, 2)}\n`);
        await opened.sync();
      } finally {
        await opened.close();
      }
      await rename(whole, file);
    } catch (error) {
      await rm(whole, { force: true });
      throw error;
    }
    const folder = await open(this.#directory, 'r');
    await folder.sync().finally(() => folder.close());
  }

  /** Names of submissions are their authors': what is no plain file name is told by its hash. */
  #file(submission: string): string {
    const plain = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,80}$/.test(submission);
    const hash = createHash('sha256').update(submission).digest('hex').slice(0, 12);
    return path.join(this.#directory, `${plain ? submission : `submission-${hash}`}.json`);
  }
}
