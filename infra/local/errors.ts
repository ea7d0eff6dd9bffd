import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/**
 * An error for people: one sentence that says what is missing or wrong, why it matters and what
 * to do. Whoever shows it prints `message` and nothing else.
 */
export class PartError extends Error {
  override readonly name = 'PartError';
}

/** The last lines of a log, for the sentence that says why a part died; empty when unreadable. */
export function lastLines(file: string, lines = 5): string {
  const tailBytes = 8192;
  try {
    const fd = openSync(file, 'r');
    try {
      const size = fstatSync(fd).size;
      const tail = Buffer.alloc(Math.min(size, tailBytes));
      readSync(fd, tail, 0, tail.length, size - tail.length);
      return lastOf(tail.toString('utf8'), lines);
    } finally {
      closeSync(fd);
    }
  } catch {
    return ''; // The log is a help, not a must: the sentence stands without it.
  }
}

/** The last lines of a text that are not blank. */
export function lastOf(text: string, lines = 5): string {
  const all = text.split('\n').filter((line) => line.trim() !== '');
  return all.slice(-lines).join('\n');
}

/** The sentence in any thrown value. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error (`ENOENT`, `EADDRINUSE`, …), if it has one. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
