import { type FSWatcher, statSync, watch } from 'node:fs';
import path from 'node:path';
import type { Clock, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';

/** What is written in several steps is looked at once it is quiet for so long. */
export const QUIET_MS = 100;
/** Watching can miss changes (network folders, links that are turned): looked at by itself too. */
export const LOOK_INTERVAL_MS = 5_000;

export interface WatchOptions {
  /** Files, and folders with all that is in them. */
  paths: readonly string[];
  /** What the paths hold, as the log calls it: `certificates`. */
  what: string;
  clock: Clock;
  log: Log;
  /** Called one after the other: something may have changed. */
  look: () => Promise<void>;
}

/** Has files looked at when they may have been replaced, removed or written. */
export class Watch {
  readonly #options: WatchOptions;
  readonly #watchers: FSWatcher[] = [];
  #soonTimer: Timer | undefined;
  #intervalTimer: Timer | undefined;
  #turn: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  start(): void {
    const files: string[] = [];
    for (const each of this.#options.paths) {
      if (isFolder(each)) this.#watch(each, true);
      else files.push(each);
    }
    // A file that is replaced by a rename is another file: its folder is watched instead.
    for (const folder of new Set(files.map((file) => path.dirname(file)))) {
      this.#watch(folder, false);
    }
    this.#schedule();
  }

  /** Does not wait for a change. */
  look(): void {
    this.#turn = this.#turn.then(async () => {
      if (!this.#stopped) await this.#look();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#soonTimer?.cancel();
    this.#intervalTimer?.cancel();
    for (const watcher of this.#watchers) watcher.close();
  }

  #watch(folder: string, recursive: boolean): void {
    const { log, what } = this.#options;
    const failed = (error: unknown): void => {
      const message = `changes of ${what} are noticed only every few seconds`;
      log.warn({ folder, error: sentenceOf(error) }, message);
    };
    try {
      const watcher = watch(folder, { recursive, persistent: false }, () => this.#soon());
      watcher.on('error', failed);
      this.#watchers.push(watcher);
    } catch (error) {
      failed(error);
    }
  }

  #soon(): void {
    if (this.#stopped) return;
    this.#soonTimer?.cancel();
    this.#soonTimer = this.#options.clock.after(QUIET_MS, () => this.look());
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#intervalTimer = this.#options.clock.after(LOOK_INTERVAL_MS, () => {
      this.look();
      this.#schedule();
    });
  }

  async #look(): Promise<void> {
    const { look, log, what } = this.#options;
    await look().catch((error: unknown) => {
      log.error({ error: sentenceOf(error) }, `changed ${what} were not read`);
    });
  }
}

function isFolder(target: string): boolean {
  try {
    return statSync(target).isDirectory();
  } catch {
    return false;
  }
}
