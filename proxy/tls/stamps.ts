import { type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { fileStamp } from '#platform/file-stamp.ts';

/** Knows which of its files have changed since it looked last. */
export class FileStamps {
  #stamps: ReadonlyMap<string, string>;

  constructor(files: readonly string[]) {
    this.#stamps = new Map(
      files.map((file) => [file, stampOf(statSync(file, { throwIfNoEntry: false }))]),
    );
  }

  /** Those that were replaced, removed or written since the last call, at first since the start. */
  async changed(): Promise<ReadonlySet<string>> {
    const before = this.#stamps;
    const stamps = [...before.keys()].map(async (file): Promise<[string, string]> => [
      file,
      stampOf(await stat(file).catch(() => undefined)),
    ]);
    const now = new Map(await Promise.all(stamps));
    this.#stamps = now;
    return new Set([...now.keys()].filter((file) => before.get(file) !== now.get(file)));
  }
}

/** Empty when there is no file. */
function stampOf(info: Stats | undefined): string {
  return info === undefined ? '' : fileStamp(info);
}
