import { METRIC_WINDOW_MS, ROLLUP_STEP_MS } from '#contracts/metrics.ts';
import { PLAIN_RECORD_SCHEMA } from '#contracts/record.ts';
import type { Clock, Random, Timer } from '#platform/clock.ts';
import { sentenceOf } from '#platform/log.ts';
import type { Exchange } from '../exchange.ts';
import { AccessBlock } from './access/access-block.ts';
import type { AccessLog } from './access/access-log.ts';
import { FieldValues } from './access/field-values.ts';
import { AccessLines } from './access/line.ts';
import { Sampler } from './access/sampler.ts';
import { Shown } from './access/shown.ts';
import { UserAgents } from './access/user-agent.ts';
import { BLOCK_AGE_MS, SPANS_AGE_MS, SPANS_BATCH_MAX } from './limits.ts';
import { MetricEncoder } from './metrics/metric-block.ts';
import { SeriesTable } from './metrics/series.ts';
import { SeriesTotals } from './metrics/totals.ts';
import type { BlockSink, Counters, Stream } from './shipper/protocol.ts';
import { SPAN_FIELDS, keepsSpan, pushSpan } from './trace/spans.ts';
import type {
  SeriesSnapshot,
  StreamStats,
  Telemetry,
  TelemetryIdentity,
  TelemetryLog,
  TelemetryStats,
} from './types.ts';

export interface RecorderOptions {
  identity: TelemetryIdentity;
  clock: Clock;
  random: Random;
  log: TelemetryLog;
  counters: Counters;
  shipper: BlockSink | undefined;
  /** Whether records and metrics go to Kafka, and spans to a receiver. */
  blocks: boolean;
  spans: boolean;
  accessLog: AccessLog | undefined;
  closeTimeoutMs: number;
}

/** The request thread's part of telemetry: fills columns, counts, and hands over what is full. */
export class Recorder implements Telemetry {
  readonly #options: RecorderOptions;
  readonly #access: AccessBlock;
  readonly #lines: AccessLines;
  readonly #metrics: MetricEncoder;
  readonly #table = new SeriesTable();
  readonly #totals = new SeriesTotals();
  readonly #userAgents = new UserAgents();
  readonly #sampler: Sampler;
  readonly #fieldValues = new FieldValues();
  readonly #shown = new Shown(this.#fieldValues);
  readonly #served: Record<Stream, number> = { access: 0, metrics: 0 };
  #sampledOut = 0;
  #spans: (string | number)[] = [];
  #accessTimer: Timer | undefined;
  #spansTimer: Timer | undefined;
  #windowTimer: Timer | undefined;
  #heartbeatTimer: Timer | undefined;
  #windowStartMs = 0;
  #closing: Promise<void> | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#sampler = new Sampler(options.random);
    this.#access = new AccessBlock(options.identity);
    this.#lines = new AccessLines(options.identity);
    this.#metrics = new MetricEncoder(options.identity);
    if (options.blocks) this.#awaitHeartbeat(stepEndMs(options.clock.wallMs()) + ROLLUP_STEP_MS);
  }

  record(exchange: Exchange): void {
    const { clock, blocks, spans, accessLog } = this.#options;
    try {
      const nowMs = clock.nowMs();
      const durationMs = nowMs - exchange.startedMs;
      const durationUs = durationMs > 0 ? Math.round(durationMs * 1_000) : 0;
      this.#count(exchange, durationUs);
      const weight = this.#sampler.weightOf(exchange, durationMs, nowMs);
      this.#shown.show(exchange, weight, nowMs);
      if (spans && keepsSpan(exchange)) this.#addSpan(exchange, durationUs);
      this.#served.access++;
      if (weight === 0) return this.#skip();
      if (!blocks && accessLog === undefined) return;
      const userAgent = this.#userAgents.familyOf(exchange.request.headers.get('user-agent'));
      if (blocks) this.#addRow(exchange, durationUs, userAgent);
      accessLog?.write(this.#lines.lineOf(exchange, durationUs, userAgent, this.#shown));
    } catch (error) {
      this.#spoiled(error);
    }
  }

  series(): SeriesSnapshot {
    const totals = this.#totals.copy();
    this.#table.forEachTouched((window) => totals.fold(window));
    const { proxy, role, worker } = this.#options.identity;
    return { proxy, role, worker, requests: totals.list(), stats: this.stats() };
  }

  stats(): TelemetryStats {
    const { counters, shipper, accessLog } = this.#options;
    return {
      access: this.#streamStats('access'),
      metrics: this.#streamStats('metrics'),
      queueBytes: counters.get('queueBytes'),
      spoolBytes: counters.get('spoolBytes'),
      spoolBlocks: counters.get('spoolBlocks'),
      seriesOverflow: this.#table.overflow,
      fieldOverflow: this.#fieldValues.overflow,
      spansExported: counters.get('spansExported'),
      spansDropped: counters.get('spansDropped') + (shipper?.spansDropped ?? 0),
      accessLogDropped: accessLog?.dropped ?? 0,
      shipperRestarts: shipper?.restarts ?? 0,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#heartbeatTimer?.cancel();
    this.#closeAccess();
    this.#closeWindow();
    this.#sendSpans();
    const { shipper, accessLog, closeTimeoutMs } = this.#options;
    await Promise.all([shipper?.close(closeTimeoutMs), accessLog?.close()]);
  }

  #addRow(exchange: Exchange, durationUs: number, userAgent: string): void {
    const block = this.#access;
    if (!block.fits(exchange)) this.#closeAccess();
    block.add(exchange, durationUs, userAgent, this.#shown);
    if (block.full) this.#closeAccess();
    else this.#awaitAge();
  }

  #skip(): void {
    this.#sampledOut++;
    if (!this.#options.blocks) return;
    this.#access.skip();
    this.#awaitAge();
  }

  #awaitAge(): void {
    this.#accessTimer ??= this.#options.clock.after(BLOCK_AGE_MS, () => this.#closeAccess());
  }

  #closeAccess(): void {
    this.#accessTimer?.cancel();
    this.#accessTimer = undefined;
    const closed = this.#access.take(this.#options.clock.wallMs());
    if (closed !== undefined) this.#options.shipper?.block('access', closed);
  }

  /** A request counts in the window in which it ends. */
  #count(exchange: Exchange, durationUs: number): void {
    const { clock } = this.#options;
    const wallMs = clock.wallMs();
    if (!this.#table.empty && wallMs >= this.#windowStartMs + METRIC_WINDOW_MS) {
      this.#closeWindow();
    }
    if (this.#table.empty) {
      this.#windowStartMs = Math.floor(wallMs / METRIC_WINDOW_MS) * METRIC_WINDOW_MS;
      const leftMs = this.#windowStartMs + METRIC_WINDOW_MS - wallMs;
      this.#windowTimer = clock.after(leftMs, () => this.#closeWindow());
    }
    this.#table.add(exchange, durationUs);
  }

  #closeWindow(): void {
    this.#windowTimer?.cancel();
    this.#windowTimer = undefined;
    if (this.#table.empty) return;
    const { shipper, blocks } = this.#options;
    if (!blocks) {
      this.#table.drain((series) => this.#totals.fold(series));
      return;
    }
    const closed = this.#metrics.encode(this.#table, this.#windowStartMs, (series) =>
      this.#totals.fold(series),
    );
    for (const block of closed) {
      this.#served.metrics += block.rows;
      shipper?.block('metrics', block);
    }
  }

  #awaitHeartbeat(dueMs: number): void {
    const { clock } = this.#options;
    this.#heartbeatTimer = clock.after(Math.max(0, dueMs - clock.wallMs()), () => {
      this.#heartbeat();
    });
  }

  /** Behind the counts of its step, so that whoever reads it has them too. */
  #heartbeat(): void {
    const { clock, shipper } = this.#options;
    // A timer may be early by a millisecond, and the clock may have been set anew.
    const endMs = stepEndMs(clock.wallMs() + METRIC_WINDOW_MS / 2);
    if (endMs >= this.#windowStartMs + METRIC_WINDOW_MS) this.#closeWindow();
    this.#served.metrics++;
    shipper?.block('metrics', this.#metrics.heartbeat(endMs));
    this.#awaitHeartbeat(endMs + ROLLUP_STEP_MS);
  }

  #addSpan(exchange: Exchange, durationUs: number): void {
    pushSpan(this.#spans, exchange, durationUs, this.#shown);
    if (this.#spans.length >= SPANS_BATCH_MAX * SPAN_FIELDS.length) this.#sendSpans();
    else this.#spansTimer ??= this.#options.clock.after(SPANS_AGE_MS, () => this.#sendSpans());
  }

  #sendSpans(): void {
    this.#spansTimer?.cancel();
    this.#spansTimer = undefined;
    if (this.#spans.length === 0) return;
    this.#options.shipper?.spans(this.#spans);
    this.#spans = [];
  }

  /**
   * An exchange that cannot be written, which only a mistake of ours can make, may leave the
   * columns of the open block uneven: its rows are given up and counted.
   */
  #spoiled(error: unknown): void {
    const { log, shipper, clock } = this.#options;
    const rows = this.#access.discard() + 1;
    const nowMs = clock.wallMs();
    const times = { minTs: nowMs, maxTs: nowMs };
    shipper?.lost('access', {
      schema: PLAIN_RECORD_SCHEMA,
      rows,
      skipped: 0,
      logEpoch: this.#access.epoch,
      ...times,
    });
    log('error', 'a request could not be recorded', { why: sentenceOf(error), rows });
  }

  #streamStats(stream: Stream): StreamStats {
    const { counters, shipper } = this.#options;
    return {
      served: this.#served[stream],
      acked: counters.get(`${stream}AckedRows`),
      sampledOut: stream === 'access' ? this.#sampledOut : 0,
      dropped: counters.get(`${stream}DroppedRows`) + (shipper?.droppedHere(stream) ?? 0),
    };
  }
}

/** End of the last step that is over. */
function stepEndMs(wallMs: number): number {
  return Math.floor(wallMs / ROLLUP_STEP_MS) * ROLLUP_STEP_MS;
}
