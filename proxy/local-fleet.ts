import type { ServiceEndpoints } from '#contracts/events.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Log } from '#platform/log.ts';
import { Engine, type EngineOptions } from './engine.ts';
import { BrokenCertificates } from './tls/broken.ts';
import type { SecretValues } from './tls/secrets.ts';
import { TicketKeys } from './tls/ticket-keys.ts';
import type { Applied, Candidate, Fleet, LogLevel, Prepared, WorkerReport } from './fleet.ts';

/** What an engine tells, and is told while it runs. */
type Told = 'onProblems' | 'onRetry' | 'onCertificate' | 'ticketKey';

/** The only worker is this process. */
export class LocalFleet implements Fleet {
  readonly workers = 1;
  readonly #engine: Engine;
  readonly #ticketKeys: TicketKeys;
  readonly #log: Log;
  #onProblems: (problems: ResourceProblem[]) => void = () => undefined;
  #onRetry: () => void = () => undefined;

  constructor(options: Omit<EngineOptions, Told>) {
    this.#log = options.log;
    this.#ticketKeys = new TicketKeys(options.clock, (key) => this.#engine.setTicketKey(key));
    const broken = new BrokenCertificates(options.log);
    this.#engine = new Engine({
      ...options,
      ticketKey: this.#ticketKeys.key,
      onProblems: (problems) => this.#onProblems(problems),
      onRetry: () => this.#onRetry(),
      onCertificate: (read) => broken.tell(read),
    });
  }

  prepare(candidate: Candidate): Promise<Prepared> {
    return this.#engine.prepare(candidate);
  }

  commit(): Promise<Applied> {
    return this.#engine.commit();
  }

  setEndpoints(announced: ServiceEndpoints): void {
    this.#engine.setEndpoints(announced);
  }

  setSecrets(values: readonly SecretValues[]): void {
    this.#engine.setSecrets(values);
  }

  async report(): Promise<WorkerReport[]> {
    return [this.#engine.report()];
  }

  /** Who asks this process and is answered sees that it turns. */
  stalled(): undefined {
    return undefined;
  }

  setLogLevel(level: LogLevel): void {
    this.#log.level = level;
  }

  onProblems(run: (problems: ResourceProblem[]) => void): void {
    this.#onProblems = run;
  }

  onRetry(run: () => void): void {
    this.#onRetry = run;
  }

  drain(): Promise<void> {
    this.#ticketKeys.stop();
    return this.#engine.drain();
  }
}
