/** The options of a developer's task. What it does and takes is said once, in the comment that its file begins with. */
import { readFileSync } from 'node:fs';
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** Ends with that comment for `--help`, and with what is wrong and that comment for an option that the task does not have. */
export function readOptions<T extends ParseArgsConfig>(
  script: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  if (process.argv.slice(2).some((argument) => argument === '--help' || argument === '-h')) {
    process.stdout.write(usageOf(script));
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${usageOf(script)}`);
    process.exit(2);
  }
}

function usageOf(script: string): string {
  const [, comment = ''] = /^\/\*\*(.*?)\*\//s.exec(readFileSync(script, 'utf8')) ?? [];
  return `${comment.replace(/^ ?\*? ?/gm, '').trim()}\n`;
}
