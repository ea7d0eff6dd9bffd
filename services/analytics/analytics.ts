import { meshDatabase } from '#contracts/tables.ts';
import type { TokenFile } from '#platform/access/token-file.ts';
import { type ClickHouse, connectClickHouse } from '#platform/clickhouse.ts';
import type { Clock } from '#platform/clock.ts';
import { createApi, listen } from '#platform/http.ts';
import { type Kafka, type KafkaAccess, Outage, connectKafka } from '#platform/kafka.ts';
import { sentenceOf } from '#platform/log.ts';
import type { ServiceLog } from '#platform/service-log.ts';
import { SQL_LIMITS, type SqlLimits, SqlQuota } from './api/quota.ts';
import { DESCRIPTION, addRoutes } from './api/routes.ts';
import { DeadLetterOffice } from './dead/office.ts';
import { addDeadLetters } from './dead/routes.ts';
import { type IngestConsumer, startConsumer } from './ingest/consumer.ts';
import type { IngestEvents } from './ingest/outcome.ts';
import { ensureMeshTopics } from './ingest/topics.ts';
import { ingestEvents, sqlRefusals } from './metrics.ts';
import { SchemaError, applySchema, checkSchema } from './schema/apply.ts';
import { MIGRATIONS } from './schema/migrations.ts';
import {
  DEFAULT_RETENTION,
  type Retention,
  applyRetention,
  checkRetention,
} from './schema/retention.ts';

export interface AnalyticsOptions {
  mesh: string;
  /** `host:port` each. */
  kafkaBrokers: readonly string[];
  kafkaAccess?: KafkaAccess | undefined;
  clickhouseUrl: string;
  /** For `POST /v1/query`: a user that may only read the mesh's database; default: the same. */
  readerUrl?: string | undefined;
  /** `host:port`. */
  listen: string;
  insecureListen?: boolean;
  tokens?: TokenFile | undefined;
  /** Default: what `services/contracts/tables.ts` says. */
  retention?: Retention;
  /** Of `POST /v1/query`, for each caller. */
  sqlLimits?: SqlLimits;
  /** The tables are an operator's to make and to change: they are looked at only. */
  onCluster?: boolean;
  clock: Clock;
  log: ServiceLog;
}

export interface Analytics {
  url: string;
  /**
   * Resolves when the schema and the topics are there, so that what is asked is answered and what
   * is produced is kept: true; or false when it was stopped before.
   */
  ready: Promise<boolean>;
  stop(): Promise<void>;
}

/** Reading must not take connections from storing. */
const QUERY_TIMEOUT_MS = 20_000;
const RETRY_MS = 2_000;
const LOOK_MS = 200;

/** Serves at once and gets to work as its parts come up; rejects only for a wrong bootstrap. */
export async function startAnalytics(options: AnalyticsOptions): Promise<Analytics> {
  const { mesh, clock, log, sqlLimits = SQL_LIMITS } = options;
  const database = meshDatabase(mesh);
  const writer = connectClickHouse({ url: options.clickhouseUrl, database });
  const open = (url: string): ClickHouse =>
    connectClickHouse({ url, database, requestTimeoutMs: QUERY_TIMEOUT_MS });
  const clickhouse = open(options.clickhouseUrl);
  const reader = open(options.readerUrl ?? options.clickhouseUrl);
  const kafka = connectKafka({
    brokers: options.kafkaBrokers,
    clientId: 'windrose-analytics',
    access: options.kafkaAccess,
    log: (level, message, fields) => log[level](fields ?? {}, message),
    clock,
  });
  const work = new Work({ ...options, clickhouse: writer, kafka });
  const api = await createApi({
    name: 'analytics',
    description: DESCRIPTION,
    log,
    notReady: () => work.problem(),
    tokens: options.tokens,
  });
  const stopping = new AbortController();
  addRoutes(api.app, {
    clickhouse,
    reader: { clickhouse: reader, limitedUser: options.readerUrl !== undefined },
    onCluster: options.onCluster ?? false,
    quota: new SqlQuota({ limits: sqlLimits, clock, refused: sqlRefusals(api.registry) }),
    clock,
    log,
    stopping: stopping.signal,
  });
  const office = new DeadLetterOffice({ mesh, kafka, clickhouse, stopping: stopping.signal });
  addDeadLetters(api.app, office, log);
  const { url } = await listen(api.app, options.listen, {
    insecure: options.insecureListen ?? false,
    tokens: options.tokens,
  });
  const events = ingestEvents(api.registry, log, clock);
  const ready = work.start(events);
  return {
    url,
    ready,
    stop: async () => {
      stopping.abort();
      await Promise.all([work.stop(), api.app.close()]);
      await kafka.close();
      await Promise.all([writer.close(), clickhouse.close(), reader.close()]);
    },
  };
}

interface WorkParts extends AnalyticsOptions {
  clickhouse: ClickHouse;
  kafka: Kafka;
}

/** Schema, topics, then the consumer: each is tried until it works. */
class Work {
  readonly #parts: WorkParts;
  #problem: string | undefined = 'starting';
  #consumer: IngestConsumer | undefined;
  #started: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: WorkParts) {
    this.#parts = parts;
  }

  problem(): string | undefined {
    if (this.#problem !== undefined) return this.#problem;
    if (this.#consumer?.partitions() !== undefined) return undefined;
    const why = this.#consumer?.problem();
    return `not yet a member of the Kafka consumer group${why === undefined ? '' : `: ${why}`}`;
  }

  start(events: IngestEvents): Promise<boolean> {
    this.#started = this.#start(events);
    return this.#started.then(() => !this.#stopped);
  }

  async #start(events: IngestEvents): Promise<void> {
    const { clickhouse, kafka, mesh, clock, onCluster = false } = this.#parts;
    const { retention = DEFAULT_RETENTION } = this.#parts;
    await this.#untilDone('the schema in ClickHouse', async () => {
      if (onCluster) {
        await checkSchema(clickhouse, MIGRATIONS);
        for (const problem of await checkRetention(clickhouse, retention)) {
          this.#parts.log.warn(problem);
        }
        return;
      }
      const versions = await applySchema(clickhouse, MIGRATIONS);
      if (versions.length > 0) this.#parts.log.info({ versions }, 'schema applied');
      for (const change of await applyRetention(clickhouse, retention)) {
        this.#parts.log.info(change);
      }
    });
    await this.#untilDone('the topics in Kafka', async () => {
      const { absent, different } = await ensureMeshTopics(kafka, mesh);
      if (absent.length > 0) throw new Error(absent.join('; '));
      for (const problem of different) this.#parts.log.warn({ problem }, 'a topic differs');
    });
    if (this.#stopped) return;
    this.#problem = undefined;
    this.#consumer = startConsumer({ mesh, kafka, clickhouse, events, clock });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#started;
    await this.#consumer?.stop();
  }

  async #untilDone(what: string, work: () => Promise<void>): Promise<void> {
    const outage = new Outage(this.#parts.clock);
    while (!this.#stopped) {
      try {
        await work();
        return;
      } catch (error) {
        if (error instanceof SchemaError) throw error;
        const problem = `${what}: ${sentenceOf(error)}`;
        if (outage.failed(problem)) this.#parts.log.warn({ problem }, 'waiting');
        this.#problem = problem;
      }
      const dueMs = this.#parts.clock.nowMs() + RETRY_MS;
      while (!this.#stopped && this.#parts.clock.nowMs() < dueMs) await this.#pause(LOOK_MS);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.clock.after(ms, resolve);
    });
  }
}
