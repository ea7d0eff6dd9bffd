import { METRIC_COLUMNS, METRIC_SCHEMA, METRIC_WINDOW_MS } from '#contracts/metrics.ts';
import { BLOCK_ROWS_MAX } from '../limits.ts';
import { NativeBlock } from '../native/block.ts';
import type { ClosedBlock } from '../shipper/protocol.ts';
import type { TelemetryIdentity } from '../types.ts';
import type { SeriesTable, WindowSeries } from './series.ts';

const ROWS_EXPECTED = 64;

/** Makes blocks of a window's series: BLOCK_ROWS_MAX rows and one log epoch each. */
export class MetricEncoder {
  readonly #block = new NativeBlock(METRIC_COLUMNS, ROWS_EXPECTED);
  readonly #identity: TelemetryIdentity;

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
    return blocks;
  }

  #add(series: WindowSeries, windowStartMs: number): void {
    const { columns: c } = this.#block;
    const { proxy, instance, worker, role, zone } = this.#identity;
    c.time.push(windowStartMs * 1_000);
    c.proxy.push(proxy);
    c.instance.push(instance);
    c.worker.push(worker);
    c.role.push(role);
    c.direction.push(series.direction);
    c.zone.push(zone);
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
