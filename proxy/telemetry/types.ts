import type { ProxyRole } from '#contracts/events.ts';
import type { Clock, Random } from '#platform/clock.ts';
import type { KafkaAccess } from '#platform/kafka.ts';
import type { Exchange } from '../exchange.ts';

/** Who writes: said in every row, header, span and series. */
export interface TelemetryIdentity {
  mesh: string;
  proxy: string;
  /** Random for each start of the proxy. */
  instance: string;
  /** Never used twice within an instance: a worker that replaces another has the next number. */
  worker: number;
  role: ProxyRole;
  /** `namespace/name`; empty for a gateway. */
  workload: string;
  zone: string;
}

export type TelemetryLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields?: Record<string, unknown>,
) => void;

export interface TelemetryOptions {
  identity: TelemetryIdentity;
  /** Undefined or empty: no records and metrics to Kafka (standalone). */
  kafkaBrokers: string[] | undefined;
  kafkaAccess?: KafkaAccess | undefined;
  /** The ledgers lie in `<dataDir>/ledger`. */
  dataDir: string;
  /** A file, or `-` for standard output: one JSON object a line, at most 1 s late. */
  accessLog?: string;
  /** Base address of an OTLP/HTTP receiver, such as `http://127.0.0.1:4318`. */
  otlpEndpoint?: string;
  clock: Clock;
  random: Random;
  log: TelemetryLog;
  /** Bound of what waits for Kafka in memory (default 64 MiB). */
  queueBytesMax?: number;
  /** Bound of what waits beyond that in `<dataDir>/spool` (default 256 MiB); 0: nothing does. */
  spoolBytesMax?: number;
  /** How long `close` waits for Kafka before it leaves the rest to the ledger (default 5 s). */
  closeTimeoutMs?: number;
}

/** Running totals of one worker. For access: served = acked + waiting + sampledOut + dropped. */
export interface StreamStats {
  /** Rows recorded, of them in blocks acknowledged by Kafka, and in blocks given up. */
  served: number;
  acked: number;
  sampledOut: number;
  dropped: number;
}

export interface TelemetryStats {
  access: StreamStats;
  metrics: StreamStats;
  queueBytes: number;
  /** Of blocks on disk that wait for Kafka. */
  spoolBytes: number;
  spoolBlocks: number;
  /** Requests counted under `__other__` because there were too many series. */
  seriesOverflow: number;
  /** Values of recorded headers that became `__other__` because there were too many. */
  fieldOverflow: number;
  spansExported: number;
  spansDropped: number;
  accessLogDropped: number;
  /** Times that the shipper thread ended and was started anew. */
  shipperRestarts: number;
}

/** A request that shows what a bucket counts: OpenMetrics 1.0, "Exemplars". */
export interface Exemplar {
  traceId: string;
  seconds: number;
  /** Wall clock, ms since 1970: when it ended. */
  atMs: number;
}

/** One line of Prometheus series: labels and sums since the worker's start. */
export interface RequestSeries {
  direction: string;
  route: string;
  service: string;
  statusClass: string;
  reason: string;
  requests: number;
  retries: number;
  bytesIn: number;
  bytesOut: number;
  durationUsSum: number;
  /** Counts by upper bound, as PROMETHEUS_BOUNDS has them, not cumulative; the last is +Inf. */
  durations: number[];
  /** Of sampled traces, by the same bounds; undefined: none was seen. */
  exemplars: (Exemplar | undefined)[];
}

/** Structured-cloneable: what a worker tells its supervisor for `/metrics`. */
export interface SeriesSnapshot {
  proxy: string;
  role: string;
  worker: number;
  requests: RequestSeries[];
  stats: TelemetryStats;
}

export interface Telemetry {
  /** Once, when the exchange is over. Never throws, waits for nothing, does no I/O. */
  record(exchange: Exchange): void;
  series(): SeriesSnapshot;
  stats(): TelemetryStats;
  /**
   * Sends what is left and says that the worker ended cleanly; what Kafka did not take in time
   * stays accounted for in the ledger, and `reportCrash` tells it at the next start.
   */
  close(): Promise<void>;
}

export interface CrashReportOptions {
  mesh: string;
  kafkaBrokers: string[];
  kafkaAccess?: KafkaAccess | undefined;
  dataDir: string;
  /** Only the ledgers of this instance, and of this worker; default: every ledger found. */
  instance?: string;
  worker?: number;
  /** Leaves the ledgers of this instance alone: the one that runs now. */
  exceptInstance?: string;
  clock: Clock;
  log: TelemetryLog;
  /** Gives up waiting for Kafka; the ledgers stay for the next time. */
  signal?: AbortSignal;
}
