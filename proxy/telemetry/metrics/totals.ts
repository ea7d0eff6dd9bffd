import { BUCKET_BASE, bucketOf } from '#contracts/metrics.ts';
import { OTHER, SERIES_MAX } from '../limits.ts';
import type { RequestSeries } from '../types.ts';
import type { WindowSeries } from './series.ts';

/** Bounds that dashboards expect, in seconds; each is moved to the nearest edge of a log bucket. */
const WANTED_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Log buckets below this number are under the bound, so no count is ever split. */
const BOUND_BUCKETS = WANTED_SECONDS.map((seconds) =>
  Math.round(Math.log(seconds * 1e6) / Math.log(BUCKET_BASE)),
);

/** Upper bounds of the Prometheus histogram in seconds, rounded for reading to 4 digits. */
export const PROMETHEUS_BOUNDS = BOUND_BUCKETS.map((bucket) =>
  Number((BUCKET_BASE ** bucket / 1e6).toPrecision(4)),
);

function slotOf(bucket: number): number {
  const index = BOUND_BUCKETS.findIndex((bound) => bucket < bound);
  return index < 0 ? BOUND_BUCKETS.length : index;
}

/** Sums since the worker's start, with fewer labels than the metric stream: for `/metrics`. */
export class SeriesTotals {
  readonly #series: Map<string, RequestSeries>;

  constructor(series = new Map<string, RequestSeries>()) {
    this.#series = series;
  }

  fold(window: WindowSeries): void {
    const total = this.#find(window);
    total.requests += window.requests;
    total.retries += window.retries;
    total.bytesIn += window.bytesIn;
    total.bytesOut += window.bytesOut;
    total.durationUsSum += window.durationUsSum;
    window.histogram.forEach((bucket, count) => {
      const slot = slotOf(bucket);
      total.durations[slot] = (total.durations[slot] ?? 0) + count;
    });
    const { exemplarTrace: traceId, exemplarUs, exemplarAtMs: atMs } = window;
    if (exemplarUs < 0) return;
    total.exemplars[slotOf(bucketOf(exemplarUs))] = { traceId, seconds: exemplarUs / 1e6, atMs };
  }

  /** A copy that can be folded into without changing this one. */
  copy(): SeriesTotals {
    return new SeriesTotals(new Map([...this.#series].map(([key, one]) => [key, copyOf(one)])));
  }

  list(): RequestSeries[] {
    return [...this.#series.values()];
  }

  #find(window: WindowSeries): RequestSeries {
    const { direction, route, destination, statusClass, reason } = window;
    const exact = `${direction}|${statusClass}|${reason}|${destination}|${route}`;
    const found = this.#series.get(exact);
    if (found !== undefined) return found;
    const room = this.#series.size < SERIES_MAX;
    const key = room ? exact : `${direction}|${statusClass}|${reason}|${OTHER}|${OTHER}`;
    const other = this.#series.get(key);
    if (other !== undefined) return other;
    const made: RequestSeries = {
      direction,
      route: room ? route : OTHER,
      service: room ? destination : OTHER,
      statusClass,
      reason,
      requests: 0,
      retries: 0,
      bytesIn: 0,
      bytesOut: 0,
      durationUsSum: 0,
      durations: Array.from({ length: BOUND_BUCKETS.length + 1 }, () => 0),
      exemplars: [],
    };
    this.#series.set(key, made);
    return made;
  }
}

/** One that can be added to. */
export function copyOf(series: RequestSeries): RequestSeries {
  return { ...series, durations: [...series.durations], exemplars: [...series.exemplars] };
}
