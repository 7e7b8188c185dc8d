/** How large a submission may be: far more than any answer needs, far less than hurts whoever reads it. */
export const LARGEST_FILE = 256 * 1024;
export const LARGEST_SUBMISSION = 1024 * 1024;
/** Of an archive as it was handed in. */
export const LARGEST_ARCHIVE = 4 * 1024 * 1024;
export const MOST_FILES = 200;
/** Characters of a path. */
export const LONGEST_PATH = 200;
/** Fences, each once for every host that it names. */
export const MOST_SCRIPTS = 500;
/** An archive may lie in an archive, as some systems hand in. */
export const DEEPEST_ARCHIVE = 2;
