import { METRIC_COLUMNS, METRIC_SCHEMA, METRIC_WINDOW_MS } from '#contracts/metrics.ts';
import { BLOCK_ROWS_MAX } from '../limits.ts';
import { NO_REVISION } from '#contracts/revision.ts';
import { NativeBlock } from '../native/block.ts';
import type { ClosedBlock } from '../shipper/protocol.ts';
import type { TelemetryIdentity } from '../types.ts';
import type { SeriesTable, WindowSeries } from './series.ts';

const ROWS_EXPECTED = 64;
/** What a heartbeat has none of. */
const NO_LABELS = [
  ...(['direction', 'destination', 'route', 'backend', 'consumer'] as const),
  ...(['status_class', 'reason'] as const),
] as const;
const NO_COUNTS = [
  ...(['revision', 'requests', 'retries', 'bytes_in', 'bytes_out', 'duration_us_sum'] as const),
] as const;

/** Makes blocks of a window's series: BLOCK_ROWS_MAX rows and one log epoch each. */
export class MetricEncoder {
  readonly #block = new NativeBlock(METRIC_COLUMNS, ROWS_EXPECTED);
  readonly #identity: TelemetryIdentity;
  #logEpoch = NO_REVISION.epoch;

  constructor(identity: TelemetryIdentity) {
    this.#identity = identity;
  }

  /** `folded` sees each series as well before the table forgets its counts. */
  encode(
    table: SeriesTable,
    windowStartMs: number,
    folded: (series: WindowSeries) => void,
  ): ClosedBlock[] {
    const blocks: ClosedBlock[] = [];
    let rows = 0;
    let logEpoch = 0;
    const close = (): void => {
      if (rows === 0) return;
      blocks.push({
        schema: METRIC_SCHEMA,
        rows,
        skipped: 0,
        logEpoch,
        minTs: windowStartMs,
        maxTs: windowStartMs + METRIC_WINDOW_MS,
        bytes: this.#block.take(rows),
      });
      rows = 0;
    };
    table.drain((series) => {
      if (rows >= BLOCK_ROWS_MAX || (rows > 0 && series.logEpoch !== logEpoch)) close();
      logEpoch = series.logEpoch;
      this.#add(series, windowStartMs);
      rows++;
      folded(series);
    });
    close();
    this.#logEpoch = logEpoch;
    return blocks;
  }

  /** That the worker lives, at the end of a step (HEARTBEAT_SQL). */
  heartbeat(stepEndMs: number): ClosedBlock {
    const windowStartMs = stepEndMs - METRIC_WINDOW_MS;
    const { columns: c } = this.#block;
    this.#addIdentity(windowStartMs);
    c.source.push(this.#identity.workload);
    c.log_epoch.push(this.#logEpoch);
    for (const empty of NO_LABELS) c[empty].push('');
    for (const zero of NO_COUNTS) c[zero].push(0);
    c.durations.endRow();
    return {
      schema: METRIC_SCHEMA,
      rows: 1,
      skipped: 0,
      logEpoch: this.#logEpoch,
      minTs: windowStartMs,
      maxTs: stepEndMs,
      bytes: this.#block.take(1),
    };
  }

  #addIdentity(windowStartMs: number): void {
    const { columns: c } = this.#block;
    const { proxy, instance, worker, role, zone } = this.#identity;
    c.time.push(windowStartMs * 1_000);
    c.proxy.push(proxy);
    c.instance.push(instance);
    c.worker.push(worker);
    c.role.push(role);
    c.zone.push(zone);
  }

  #add(series: WindowSeries, windowStartMs: number): void {
    const { columns: c } = this.#block;
    this.#addIdentity(windowStartMs);
    c.direction.push(series.direction);
    c.log_epoch.push(series.logEpoch);
    c.revision.push(series.revision);
    c.source.push(series.source);
    c.destination.push(series.destination);
    c.route.push(series.route);
    c.backend.push(series.backend);
    c.consumer.push(series.consumer);
    c.status_class.push(series.statusClass);
    c.reason.push(series.reason);
    c.requests.push(series.requests);
    c.retries.push(series.retries);
    c.bytes_in.push(series.bytesIn);
    c.bytes_out.push(series.bytesOut);
    c.duration_us_sum.push(series.durationUsSum);
    series.histogram.forEach((bucket, count) => c.durations.push(bucket, count));
    c.durations.endRow();
  }
}
