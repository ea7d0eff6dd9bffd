import { readFileSync, readdirSync } from 'node:fs';

/** A process that should have ended. */
export interface Leak {
  readonly pid: number;
  readonly command: string;
}

/**
 * The processes that carry this mark in their environment, which all descendants of a marked
 * process inherit. Linux only: elsewhere it finds none.
 */
export function markedProcesses(mark: string): Leak[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .map(Number)
    .flatMap((pid) => {
      if (!(pid > 1) || pid === process.pid) return [];
      const environment = read(`/proc/${pid}/environ`);
      if (environment?.includes(mark) !== true) return [];
      const command = read(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim() ?? '';
      return [{ pid, command }];
    });
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined; // The process has ended.
  }
}
