import type { NatsConnection } from 'nats';
import { CHANGE_SET_BYTES_MAX } from '#contracts/events.ts';
import { serviceInbox } from '#contracts/subjects.ts';
import type { TokenFile } from '#platform/access/token-file.ts';
import { type Clock, systemClock } from '#platform/clock.ts';
import { HttpProblem, createApi, listen } from '#platform/http.ts';
import { sentenceOf } from '#platform/log.ts';
import { connectNats, natsSentence, pause } from '#platform/nats.ts';
import type { Unsealer } from '#platform/sealing.ts';
import type { ServiceLog } from '#platform/service-log.ts';
import type { Signer, Trust } from '#platform/signing.ts';
import { Audit } from './api/audit.ts';
import { auditSink } from './api/audit-log.ts';
import { BoardStreams } from './api/boards.ts';
import { addRoutes } from './api/routes.ts';
import { type ConfigMetrics, createMetrics } from './metrics.ts';
import { Plane } from './plane.ts';

export interface ConfigServiceOptions {
  mesh: string;
  natsUrl: string;
  natsCreds?: string | undefined;
  natsCa?: string | undefined;
  /** Keys for the values of Secrets, the one in use first. */
  sealing?: readonly [Unsealer, ...Unsealer[]] | undefined;
  /** Copies of new streams: 1, and 3 on a cluster. */
  replicas?: number;
  /** Messages that stay in the log when older ones go to the archive. */
  logKeep?: number;
  /** `host:port`. */
  listen: string;
  insecureListen?: boolean;
  /** With what it signs, and whom it believes beside itself; both undefined: an unsigned mesh. */
  signer?: Signer | undefined;
  trust?: Trust | undefined;
  tokens?: TokenFile | undefined;
  /** A file for the lines of the audit, or `-`; absent: they stand in the log. */
  auditLog?: string | undefined;
  /** Base URLs of the other services, told on /v1/info. */
  analytics?: string | undefined;
  alerting?: string | undefined;
  clock?: Clock;
  log: ServiceLog;
}

export interface ConfigService {
  /** Base URL of the API. */
  url: string;
  /**
   * Resolves when the log is read and the service can do its work; rejects when it never will,
   * such as with credentials that cannot be read.
   */
  ready: Promise<void>;
  stop: () => Promise<void>;
}

export const LOG_KEEP = 10_000;
const RETRY_MIN_MS = 200;
const RETRY_MAX_MS = 5_000;

/**
 * Starts the service: the API listens at once, and answers 503 until NATS is there and the log is
 * read. Throws when it cannot listen.
 */
export async function startConfigService(options: ConfigServiceOptions): Promise<ConfigService> {
  const running = new Running(options);
  await running.open();
  return running;
}

class Running implements ConfigService {
  url = '';
  readonly ready: Promise<void>;
  readonly #options: ConfigServiceOptions;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  readonly #boards: BoardStreams;
  readonly #ready = Promise.withResolvers<void>();
  #plane: Plane | undefined;
  #connection: NatsConnection | undefined;
  /** The plane that is being started. */
  #starting: Plane | undefined;
  #waitingFor: string;
  #background: Promise<void> = Promise.resolve();
  #close: () => Promise<void> = async () => undefined;

  constructor(options: ConfigServiceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#waitingFor = `NATS at ${options.natsUrl} is away`;
    this.#boards = new BoardStreams(this.#clock);
    this.ready = this.#ready.promise;
    // Whoever waits for it hears of a failure; nobody has to.
    this.ready.catch(() => undefined);
  }

  async open(): Promise<void> {
    const { log, mesh, tokens } = this.#options;
    const { app, registry } = await createApi({
      name: 'config',
      description: 'Change-sets, resources, proxies and receipts of one mesh.',
      log,
      notReady: () => this.#notReady(),
      bodyLimitBytes: CHANGE_SET_BYTES_MAX,
      tokens,
    });
    const metrics = createMetrics(registry, {
      ready: () => this.#notReady() === undefined,
      revision: () => this.#plane?.history.headSequence ?? 0,
      resources: () => this.#plane?.history.state.entries.size ?? 0,
      endpoints: () => this.#plane?.registry.registry.sets.count() ?? 0,
      writesEndpoints: () => this.#plane?.registry.registry.writes ?? false,
      proxies: () => this.#proxiesByState(),
    });
    addRoutes(app, {
      mesh,
      clock: this.#clock,
      metrics,
      boards: this.#boards,
      audit: new Audit(auditSink(this.#options.auditLog, log), this.#clock),
      addresses: () => ({
        config: this.url,
        ...(this.#options.analytics === undefined ? {} : { analytics: this.#options.analytics }),
        ...(this.#options.alerting === undefined ? {} : { alerting: this.#options.alerting }),
      }),
      plane: () => {
        if (this.#plane === undefined) throw new HttpProblem('unavailable', this.#waiting());
        return this.#plane;
      },
    });
    const insecure = this.#options.insecureListen === true;
    const { url } = await listen(app, this.#options.listen, { insecure, tokens });
    this.url = url;
    this.#close = async () => app.close();
    this.#background = this.#run(metrics).catch((error: unknown) => {
      if (this.#abort.signal.aborted) return;
      this.#waitingFor = sentenceOf(error);
      log.error(this.#waitingFor);
      this.#ready.reject(error);
    });
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#boards.end();
    await this.#close();
    await this.#background;
    await this.#plane?.stop();
    await this.#connection?.close();
  }

  async #run(metrics: ConfigMetrics): Promise<void> {
    const { natsUrl, natsCreds, natsCa, mesh, log } = this.#options;
    const { signal } = this.#abort;
    const connection = await connectNats({
      url: natsUrl,
      name: `windrose-config ${mesh}`,
      log,
      signal,
      credsFile: natsCreds,
      caFile: natsCa,
      inbox: serviceInbox('config'),
    });
    this.#connection = connection;
    this.#waitingFor = 'the config log is being read';
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
    });
    aborted.catch(() => undefined);
    while (!signal.aborted) {
      const superseded = await this.#startPlane(connection, metrics, aborted);
      if (superseded === undefined) return;
      await Promise.race([superseded.promise, aborted]);
      log.warn('the config log begins a new epoch: it is read from its beginning');
    }
  }

  /** Resolves when a plane works; what it answers resolves when another has to take its place. */
  async #startPlane(
    connection: NatsConnection,
    metrics: ConfigMetrics,
    aborted: Promise<never>,
  ): Promise<{ promise: Promise<void> } | undefined> {
    const { log } = this.#options;
    const { signal } = this.#abort;
    let told = '';
    for (let waitMs = RETRY_MIN_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const plane = this.#newPlane(connection, metrics, resolve);
      this.#starting = plane;
      try {
        await Promise.race([plane.start(), aborted]);
        const before = this.#plane;
        this.#plane = plane;
        await before?.stop();
        log.info({ revision: plane.history.headSequence }, 'ready');
        this.#ready.resolve();
        return { promise };
      } catch (error) {
        await plane.stop();
        if (signal.aborted) return undefined;
        this.#waitingFor = `the config plane cannot start: ${natsSentence(error)}`;
        if (told !== this.#waitingFor) log.error(this.#waitingFor);
        told = this.#waitingFor;
      }
      await pause(waitMs, signal);
    }
    return undefined;
  }

  #newPlane(connection: NatsConnection, metrics: ConfigMetrics, onSuperseded: () => void): Plane {
    const { mesh, signer, trust, sealing } = this.#options;
    return new Plane({
      connection,
      ...{ mesh, signer, trust, sealing },
      replicas: this.#options.replicas ?? 1,
      clock: this.#clock,
      log: this.#options.log,
      metrics,
      logKeep: this.#options.logKeep ?? LOG_KEEP,
      onSuperseded,
      onNews: () => this.#boards.news(),
    });
  }

  #notReady(): string | undefined {
    return this.#plane === undefined ? this.#waiting() : this.#plane.problem;
  }

  #waiting(): string {
    return this.#starting?.stalled ?? this.#waitingFor;
  }

  #proxiesByState(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { state } of this.#plane?.registry.registry.proxies.values() ?? []) {
      counts.set(state, (counts.get(state) ?? 0) + 1);
    }
    return counts;
  }
}
