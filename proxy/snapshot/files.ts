import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { Clock, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { readManifests, stampOf } from '#platform/manifests.ts';
import { MeshState, keyOfResource } from '#platform/state.ts';
import { refOf } from '#contracts/names.ts';
import type { Applied, Fleet } from '../fleet.ts';

/** Files that are written in several steps are read once they are quiet for so long. */
const QUIET_MS = 100;
/** Watching can miss changes (network folders, replaced folders): looked at by itself too. */
const LOOK_INTERVAL_MS = 5_000;

export interface FileSourceOptions {
  paths: readonly string[];
  fleet: Fleet;
  clock: Clock;
  log: Log;
  /** Errors for the person who edits the files, one line each. */
  complain: (line: string) => void;
}

/** What the first load found; with problems nothing is in service. */
export type FirstLoad = { ok: true } | { ok: false; problems: ResourceProblem[] };

/**
 * Resources from files and folders, read again when they change. What is wrong is printed with its
 * resource and path, and the last good state stays in service.
 */
export class FileSource {
  readonly #options: FileSourceOptions;
  readonly #state = new MeshState();
  readonly #watchers: FSWatcher[] = [];
  #timer: Timer | undefined;
  #look: Timer | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  #lastComplaint = '';
  /** Of the files as they were read last. */
  #stamp = '';
  #applied: Applied | undefined;
  #broken = false;
  #stopped = false;

  constructor(options: FileSourceOptions) {
    this.#options = options;
    // Without a change of the resources: a port became free, a certificate was mended.
    options.fleet.onProblems((problems) => {
      if (this.#applied !== undefined) this.#applied = { ...this.#applied, problems };
    });
  }

  get state(): MeshState {
    return this.#state;
  }

  get applied(): Applied | undefined {
    return this.#applied;
  }

  async start(): Promise<FirstLoad> {
    const stamp = await stampOf(this.#options.paths);
    const { resources, problems } = await readManifests(this.#options.paths);
    this.#stamp = stamp;
    if (problems.length > 0) return { ok: false, problems };
    const applied = await this.#bring(resources);
    if (applied.problems.length > 0) return { ok: false, problems: applied.problems };
    for (const file of this.#options.paths) await this.#watch(file);
    this.#scheduleLook();
    return { ok: true };
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#look?.cancel();
    for (const watcher of this.#watchers) watcher.close();
  }

  /** A file that is replaced by a rename is another file: its folder is watched instead. */
  async #watch(target: string): Promise<void> {
    const folder = (await stat(target)).isDirectory();
    const watched = folder ? target : path.dirname(target);
    try {
      const watcher = watch(watched, { recursive: folder, persistent: false }, () => this.#soon());
      watcher.on('error', (error) => this.#notWatched(watched, error));
      this.#watchers.push(watcher);
    } catch (error) {
      this.#notWatched(watched, error);
    }
  }

  #notWatched(folder: string, error: unknown): void {
    const message = 'changes are noticed only every few seconds';
    this.#options.log.warn({ folder, error: sentenceOf(error) }, message);
  }

  #soon(): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(QUIET_MS, () => this.#again());
  }

  #scheduleLook(): void {
    this.#look = this.#options.clock.after(LOOK_INTERVAL_MS, () => {
      this.#again();
      this.#scheduleLook();
    });
  }

  #again(): void {
    if (this.#stopped) return;
    this.#reading = this.#reading.then(() => this.#reload());
  }

  async #reload(): Promise<void> {
    const { log, paths } = this.#options;
    try {
      const stamp = await stampOf(paths);
      if (stamp === this.#stamp) return;
      const { resources, problems } = await readManifests(paths);
      this.#stamp = stamp;
      if (problems.length > 0) {
        this.#complain(problems.map(lineOf));
        return;
      }
      const before = this.#state.sequence;
      const applied = await this.#bring(resources);
      if (this.#state.sequence === before && !this.#broken) return;
      this.#complain(applied.problems.map(lineOf));
      log.info({ revision: this.#state.sequence }, 'resources read again');
      this.#broken = false;
    } catch (error) {
      this.#stamp = '';
      this.#complain([sentenceOf(error)]);
    }
  }

  async #bring(resources: Parameters<typeof keyOfResource>[0][]): Promise<Applied> {
    const { fleet, clock } = this.#options;
    const keys = new Set(resources.map(keyOfResource));
    const gone = [...this.#state.entries.keys()].filter((key) => !keys.has(key));
    const change = {
      sequence: this.#state.sequence + 1,
      time: new Date(clock.wallMs()).toISOString(),
      upserts: resources,
      deletes: gone.map(refOf),
    };
    const first = this.#applied === undefined;
    if (!first && this.#state.digestAfter(change) === this.#state.digest) {
      return this.#applied ?? { problems: [], applyMs: 0 };
    }
    const changed: ReadonlySet<ResourceKey> = this.#state.apply(change);
    this.#applied = await fleet.apply({
      state: this.#state,
      revision: { epoch: 1, sequence: this.#state.sequence },
      ...(first ? {} : { step: { changes: [change], changed } }),
    });
    return this.#applied;
  }

  #complain(lines: readonly string[]): void {
    const text = lines.join('\n');
    this.#broken = lines.length > 0;
    if (text !== this.#lastComplaint) for (const line of lines) this.#options.complain(line);
    this.#lastComplaint = text;
  }
}

/** `HTTPRoute/shop/storefront spec.rules[0].…: what is wrong`. */
export function lineOf(problem: ResourceProblem): string {
  const where = problem.path === '' ? problem.resource : `${problem.resource} ${problem.path}`;
  const hint = problem.hint === undefined ? '' : `; ${problem.hint}`;
  return `${where}: ${problem.message}${hint}`;
}
