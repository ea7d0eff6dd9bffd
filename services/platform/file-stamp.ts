import type { Stats } from 'node:fs';

/** Differs when a file may have changed: written, or replaced by another of its name. */
export function fileStamp({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}
