import type { ServiceEndpoints } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { ProxySettings } from '../bootstrap.ts';
import type { StateEntry } from '#platform/state.ts';
import type { Applied, Candidate, Fleet, LogLevel, Prepared, WorkerReport } from '../fleet.ts';
import { mergeProblems } from '../problems.ts';
import { LIMITS } from '../listener/limits.ts';
import { EndpointBook } from '../snapshot/endpoints.ts';
import { type RequestSeries, sumSeries } from '../telemetry/index.ts';
import { BEAT_MS } from './protocol.ts';
import { BrokenCertificates } from '../tls/broken.ts';
import { SecretBook, type SecretValues } from '../tls/secrets.ts';
import { TicketKeys } from '../tls/ticket-keys.ts';
import { HeldSockets } from './held-sockets.ts';
import { WorkerProcess, type WorkerProcessOptions } from './worker-process.ts';

export interface WorkerFleetOptions {
  settings: ProxySettings;
  clock: Clock;
  log: Log;
  /** A worker died: what its ledger holds has to be accounted for. */
  crashed: (worker: number) => void;
  /** Starts a worker's process; tests pass one of their own. */
  spawn?: WorkerProcessOptions['spawn'];
}

/** A worker that lived shorter and never served died of its start: the next one waits longer. */
const SHORT_LIFE_MS = 5_000;
/** A worker that has missed so many beats stands still. */
const MISSED_BEATS_MAX = 5;
const RESPAWN_MIN_MS = 20;
const RESPAWN_MAX_MS = 10_000;
const RESPAWN_GROWTH = 4;
/** Series kept of dead workers. */
const ENDED_SERIES_MAX = 10_000;
/** Beyond the time that workers give their requests, before they are ended. */
const DRAIN_MARGIN_MS = 10_000;

/**
 * Workers as child processes that accept on the supervisor's sockets. One that dies is replaced at
 * once, under the next number; while it is away the others serve.
 */
export class WorkerFleet implements Fleet {
  readonly workers: number;
  readonly #options: WorkerFleetOptions;
  readonly #sockets = new HeldSockets();
  readonly #ticketKeys: TicketKeys;
  readonly #broken: BrokenCertificates;
  readonly #live = new Set<WorkerProcess>();
  readonly #endpoints = new EndpointBook();
  readonly #secrets = new SecretBook();
  readonly #problemsOf = new Map<number, ResourceProblem[]>();
  /** What each live worker told last: one that is busy for a moment does not vanish from sums. */
  readonly #reports = new Map<number, WorkerReport>();
  /** What dead workers had told: the counters of a proxy never go back. */
  #ended: RequestSeries[] = [];
  /** The newest commit that each worker serves. */
  readonly #serves = new WeakMap<WorkerProcess, Candidate>();
  #candidate: Candidate | undefined;
  #latest: Candidate | undefined;
  /** Commits so far: numbers the latest. */
  #commits = 0;
  #nextNumber = 0;
  #shortLives = 0;
  #logLevel: LogLevel | undefined;
  #draining = false;
  /** Called when any worker has come to serve the latest state. */
  #onServing: (() => void)[] = [];
  #onProblems: (problems: ResourceProblem[]) => void = () => undefined;
  #onRetry: () => void = () => undefined;

  constructor(options: WorkerFleetOptions) {
    this.#options = options;
    this.workers = options.settings.scope.workers;
    this.#broken = new BrokenCertificates(options.log);
    this.#ticketKeys = new TicketKeys(options.clock, (key) => {
      for (const worker of this.#live) worker.setTicketKey(key);
    });
    for (let i = 0; i < this.workers; i++) this.#spawn();
    this.#countBeats();
  }

  async prepare(candidate: Candidate): Promise<Prepared> {
    this.#candidate = candidate;
    const asked = [...this.#live].map((worker) => worker.prepare(candidate, this.#commits));
    const told = (await Promise.all(asked)).filter((prepared) => prepared !== undefined);
    return {
      problems: mergeProblems(told.map(({ problems }) => problems)),
      failed: [...new Set(told.flatMap(({ failed }) => failed))],
    };
  }

  async commit(entries: ReadonlyMap<ResourceKey, StateEntry>): Promise<Applied> {
    const candidate = this.#candidate;
    if (candidate === undefined) throw new Error('nothing was prepared');
    const { revision, shut } = candidate;
    const latest = { entries, revision, shut };
    this.#candidate = undefined;
    this.#latest = latest;
    this.#commits++;
    const workers = [...this.#live];
    const results = await Promise.all(
      workers.map((worker) => this.#bring(worker, latest, candidate)),
    );
    const applied = results.filter((result) => result !== undefined);
    if (applied.length === 0) return this.#whenServing();
    return {
      problems: this.#problems(),
      applyMs: Math.max(...applied.map((result) => result.applyMs)),
    };
  }

  setEndpoints(announced: ServiceEndpoints): void {
    this.#endpoints.set(announced);
    for (const worker of this.#live) worker.setEndpoints([announced]);
  }

  setSecrets(values: readonly SecretValues[]): void {
    for (const each of values) this.#secrets.add(each);
    for (const worker of this.#live) worker.setSecrets(values);
  }

  async report(): Promise<WorkerReport[]> {
    const asked = [...this.#live].map(async (worker) => {
      const report = await worker.report();
      if (report !== undefined && this.#live.has(worker)) this.#reports.set(worker.number, report);
    });
    await Promise.all(asked);
    const [first, ...others] = this.#reports.values();
    if (first === undefined) return [];
    const { series } = first;
    const requests = [...series.requests, ...this.#ended];
    return [{ ...first, series: { ...series, requests } }, ...others];
  }

  stalled(): string | undefined {
    for (const { number, pid, missedBeats } of this.#live) {
      if (missedBeats < MISSED_BEATS_MAX) continue;
      const seconds = (missedBeats * BEAT_MS) / 1_000;
      return `worker ${number} (pid ${pid ?? 0}) has stood still for ${seconds} s`;
    }
    return undefined;
  }

  setLogLevel(level: LogLevel): void {
    this.#logLevel = level;
    this.#options.log.level = level;
    for (const worker of this.#live) worker.setLogLevel(level);
  }

  onRetry(run: () => void): void {
    this.#onRetry = run;
  }

  onProblems(run: (problems: ResourceProblem[]) => void): void {
    this.#onProblems = run;
  }

  async drain(): Promise<void> {
    this.#draining = true;
    this.#ticketKeys.stop();
    // First our own copies: a socket closes, with what waits in its queue, when the last copy does,
    // and workers accept until then.
    this.#sockets.closeAll();
    const timer = this.#options.clock.after(LIMITS.drainMs + DRAIN_MARGIN_MS, () => {
      for (const worker of this.#live) worker.kill();
    });
    await Promise.all([...this.#live].map((worker) => worker.drain()));
    timer.cancel();
  }

  /** Counted, not timed: while this process stands still itself no worker misses a beat. */
  #countBeats(): void {
    this.#options.clock.after(BEAT_MS, () => {
      for (const worker of this.#live) {
        if (worker.beatDue() !== MISSED_BEATS_MAX) continue;
        this.#options.log.error(
          { worker: worker.number, pid: worker.pid },
          'a worker stands still',
        );
      }
      if (!this.#draining) this.#countBeats();
    });
  }

  #spawn(): void {
    const { settings, clock, spawn } = this.#options;
    const worker = new WorkerProcess({
      number: this.#nextNumber++,
      ...{ settings, clock, ticketKey: this.#ticketKeys.key },
      ...(spawn === undefined ? {} : { spawn }),
      events: {
        acquire: (number, address, port) => this.#sockets.acquire(number, address, port),
        release: (number, address, port) => this.#sockets.release(number, address, port),
        problems: (number, problems) => {
          this.#problemsOf.set(number, problems);
          this.#onProblems(this.#problems());
        },
        retry: () => this.#onRetry(),
        certificate: (read) => this.#broken.tell(read),
        exit: (ended, how) => this.#onExit(ended, how),
      },
    });
    this.#live.add(worker);
    if (this.#logLevel !== undefined) worker.setLogLevel(this.#logLevel);
    worker.setEndpoints(this.#endpoints.all());
    worker.setSecrets(this.#secrets.all());
    if (this.#latest === undefined) return;
    this.#bring(worker, this.#latest).then(
      (applied) => {
        if (applied === undefined) return;
        this.#onProblems(this.#problems());
        const waiting = this.#onServing;
        this.#onServing = [];
        for (const run of waiting) run();
      },
      (error: unknown) => {
        this.#options.log.error({ error, worker: worker.number }, 'a new worker cannot serve');
        worker.kill();
      },
    );
  }

  /** `candidate`: what `latest` was prepared as. */
  async #bring(
    worker: WorkerProcess,
    latest: Candidate,
    candidate?: Candidate,
  ): Promise<Applied | undefined> {
    const isPrepared = candidate !== undefined && worker.hasPrepared(candidate);
    // Said in one go, so that nothing else is prepared in between.
    const [, applied] = await Promise.all([
      isPrepared ? undefined : worker.prepare(latest, this.#commits),
      worker.commit(this.#commits),
    ]);
    if (applied === undefined || !this.#live.has(worker)) return undefined;
    this.#problemsOf.set(worker.number, applied.problems);
    this.#serves.set(worker, latest);
    this.#closeUnused();
    return applied;
  }

  /** A socket that no worker took, once all of them serve the newest state, nobody accepts on. */
  #closeUnused(): void {
    if (this.#live.size < this.workers) return;
    for (const worker of this.#live) if (this.#serves.get(worker) !== this.#latest) return;
    this.#sockets.closeUnused();
  }

  #onExit(worker: WorkerProcess, how: string): void {
    this.#live.delete(worker);
    this.#problemsOf.delete(worker.number);
    this.#keepCounts(worker.number);
    this.#sockets.abandon(worker.number);
    if (this.#draining) return;
    const { clock, log, crashed } = this.#options;
    const short = !this.#serves.has(worker) && clock.nowMs() - worker.startedMs < SHORT_LIFE_MS;
    this.#shortLives = short ? this.#shortLives + 1 : 0;
    const delayMs = Math.min(RESPAWN_MAX_MS, RESPAWN_MIN_MS * RESPAWN_GROWTH ** this.#shortLives);
    log.error({ worker: worker.number, pid: worker.pid, how, delayMs }, 'a worker died');
    crashed(worker.number);
    clock.after(delayMs, () => {
      if (!this.#draining) this.#spawn();
    });
  }

  #keepCounts(worker: number): void {
    const last = this.#reports.get(worker);
    this.#reports.delete(worker);
    if (last === undefined) return;
    this.#ended = sumSeries([this.#ended, last.series.requests], ENDED_SERIES_MAX);
  }

  /** All workers died under an update: it counts once one of those that replace them serves it. */
  async #whenServing(): Promise<Applied> {
    await new Promise<void>((resolve) => this.#onServing.push(resolve));
    return { problems: this.#problems(), applyMs: 0 };
  }

  #problems(): ResourceProblem[] {
    return mergeProblems([...this.#problemsOf.values()]);
  }
}
