import { type FSWatcher, type Stats, statSync, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Clock, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';

/** A pair of files is written one after the other: both are read once they are quiet so long. */
const QUIET_MS = 100;
/** Watching can miss changes (network folders, links that are turned): looked at by itself too. */
const LOOK_INTERVAL_MS = 5_000;

export interface WatchedFilesOptions {
  files: readonly string[];
  clock: Clock;
  log: Log;
  /** Called one after the other, with the files that are others now. */
  changed: (files: ReadonlySet<string>) => Promise<void>;
}

/** Tells of files that were replaced, removed or written. */
export class WatchedFiles {
  readonly #options: WatchedFilesOptions;
  readonly #watchers: FSWatcher[] = [];
  #stamps: ReadonlyMap<string, string>;
  #soonTimer: Timer | undefined;
  #lookTimer: Timer | undefined;
  #turn: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: WatchedFilesOptions) {
    this.#options = options;
    this.#stamps = new Map(
      options.files.map((file) => [file, stampOf(statSync(file, { throwIfNoEntry: false }))]),
    );
  }

  /** What was there when this was made is what is known: a change since then is told. */
  start(): void {
    const { files } = this.#options;
    // A file that is replaced by a rename is another file: its folder is watched instead.
    for (const folder of new Set(files.map((file) => path.dirname(file)))) this.#watch(folder);
    this.#look();
    this.#scheduleLook();
  }

  stop(): void {
    this.#stopped = true;
    this.#soonTimer?.cancel();
    this.#lookTimer?.cancel();
    for (const watcher of this.#watchers) watcher.close();
  }

  #watch(folder: string): void {
    const failed = (error: unknown): void => {
      const message = 'changes of certificates are noticed only every few seconds';
      this.#options.log.warn({ folder, error: sentenceOf(error) }, message);
    };
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#soon());
      watcher.on('error', failed);
      this.#watchers.push(watcher);
    } catch (error) {
      failed(error);
    }
  }

  #soon(): void {
    if (this.#stopped) return;
    this.#soonTimer?.cancel();
    this.#soonTimer = this.#options.clock.after(QUIET_MS, () => this.#look());
  }

  #scheduleLook(): void {
    if (this.#stopped) return;
    this.#lookTimer = this.#options.clock.after(LOOK_INTERVAL_MS, () => {
      this.#look();
      this.#scheduleLook();
    });
  }

  #look(): void {
    this.#turn = this.#turn.then(() => this.#compare());
  }

  async #compare(): Promise<void> {
    const before = this.#stamps;
    const now = await this.#stampAll();
    if (this.#stopped) return;
    this.#stamps = now;
    const changed = new Set(
      this.#options.files.filter((file) => before.get(file) !== now.get(file)),
    );
    if (changed.size === 0) return;
    await this.#options.changed(changed).catch((error: unknown) => {
      this.#options.log.error({ error: sentenceOf(error) }, 'changed certificates were not read');
    });
  }

  async #stampAll(): Promise<Map<string, string>> {
    const stamps = this.#options.files.map(async (file): Promise<[string, string]> => [
      file,
      stampOf(await stat(file).catch(() => undefined)),
    ]);
    return new Map(await Promise.all(stamps));
  }
}

/** Differs when a file may have changed; empty when there is none. */
function stampOf(info: Stats | undefined): string {
  if (info === undefined) return '';
  const { ino, size, mtimeMs, ctimeMs } = info;
  return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}
