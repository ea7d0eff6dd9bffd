import type { ServiceEndpoints } from '#contracts/events.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Log } from '#platform/log.ts';
import { Engine, type EngineOptions } from './engine.ts';
import { BrokenCertificates } from './tls/broken.ts';
import type { SecretValues } from './tls/secrets.ts';
import { TicketKeys } from './tls/ticket-keys.ts';
import type { Applied, Fleet, LogLevel, StateUpdate, WorkerReport } from './fleet.ts';

/** The only worker is this process. */
export class LocalFleet implements Fleet {
  readonly workers = 1;
  readonly #engine: Engine;
  readonly #ticketKeys: TicketKeys;
  readonly #log: Log;
  #onProblems: (problems: ResourceProblem[]) => void = () => undefined;

  constructor(options: Omit<EngineOptions, 'onProblems' | 'onCertificate' | 'ticketKey'>) {
    this.#log = options.log;
    this.#ticketKeys = new TicketKeys(options.clock, (key) => this.#engine.setTicketKey(key));
    const broken = new BrokenCertificates(options.log);
    this.#engine = new Engine({
      ...options,
      ticketKey: this.#ticketKeys.key,
      onProblems: (problems) => this.#onProblems(problems),
      onCertificate: (read) => broken.tell(read),
    });
  }

  apply(update: StateUpdate): Promise<Applied> {
    return this.#engine.apply(update.state, update.revision, update.step?.changed);
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

  drain(): Promise<void> {
    this.#ticketKeys.stop();
    return this.#engine.drain();
  }
}
