import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';

/** File descriptors of this process have numbers below it; Infinity: the system does not say. */
export const DESCRIPTORS_MAX = readLimit();

/** The system always gives the lowest free number: a high one says that few are left. */
export function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } | null };
  return handle?.fd ?? -1;
}

/** This process, or the whole machine, has none left: no fault of whom a connection is for. */
export function isShortage(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EMFILE' || code === 'ENFILE';
}

/** Node has raised the soft limit to the hard one when it started. */
function readLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    // No Linux: libuv then closes at once what cannot be accepted.
    return Number.POSITIVE_INFINITY;
  }
}
