import type { ResourceProblem } from '#contracts/problems.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { readManifests, stampOf } from '#platform/manifests.ts';
import { MeshState, keyOfResource } from '#platform/state.ts';
import { refOf } from '#contracts/names.ts';
import type { Applied, Target } from '../fleet.ts';
import type { SecretValues } from '../tls/secrets.ts';
import { Watch } from '../watch.ts';
import { FileSecrets } from './file-secrets.ts';

export interface FileSourceOptions {
  paths: readonly string[];
  fleet: Target;
  /** Values of Secrets, before the state that asks for them. */
  secrets: (values: readonly SecretValues[]) => void;
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
  readonly #watch: Watch;
  readonly #secrets = new FileSecrets();
  #lastComplaint = '';
  /** Of the files as they were read last. */
  #stamp = '';
  #applied: Applied | undefined;
  #broken = false;

  constructor(options: FileSourceOptions) {
    this.#options = options;
    const { paths, clock, log } = options;
    this.#watch = new Watch({
      ...{ paths, what: 'resources', clock, log },
      look: () => this.#reload(),
    });
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
    this.#watch.start();
    return { ok: true };
  }

  stop(): void {
    this.#watch.stop();
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
    const { upserts, values } = this.#secrets.take(resources);
    if (values.length > 0) this.#options.secrets(values);
    const keys = new Set(upserts.map(keyOfResource));
    const gone = [...this.#state.entries.keys()].filter((key) => !keys.has(key));
    const change = {
      sequence: this.#state.sequence + 1,
      time: new Date(clock.wallMs()).toISOString(),
      upserts,
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
      ...(first ? {} : { changed }),
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
