import { bucketOf, statusClassOf } from '#contracts/metrics.ts';
import type { Exchange } from '../../exchange.ts';
import { OTHER, SERIES_IDLE_WINDOWS, SERIES_MAX } from '../limits.ts';
import { Recent } from '../recent.ts';
import { Histogram } from './histogram.ts';

/** What one combination of labels counts in one window. */
export interface WindowSeries {
  readonly logEpoch: number;
  readonly revision: number;
  readonly direction: string;
  readonly source: string;
  readonly destination: string;
  readonly route: string;
  readonly backend: string;
  readonly consumer: string;
  readonly statusClass: string;
  readonly reason: string;
  requests: number;
  retries: number;
  bytesIn: number;
  bytesOut: number;
  durationUsSum: number;
  readonly histogram: Histogram;
  /** Of the slowest request whose trace is sampled; -1 µs: there is none. */
  exemplarUs: number;
  exemplarTrace: string;
  exemplarAtMs: number;
  idleWindows: number;
}

type Labels = Pick<WindowSeries, 'source' | 'destination' | 'route' | 'backend' | 'consumer'>;

/**
 * The series of the window that is open. At SERIES_MAX of them the consumer, of which there may
 * be very many, becomes `__other__`; at one and a half times that everything does but direction,
 * status class, reason and revision, whose combinations are few.
 */
export class SeriesTable {
  readonly #series = new Map<string, WindowSeries>();
  #touched: WindowSeries[] = [];
  /** Found by a cheap hash of what differs most, so that few requests build a key. */
  readonly #recent = new Recent<WindowSeries>(RECENT_BITS, isOf);
  /** Requests counted under `__other__`. */
  overflow = 0;

  get size(): number {
    return this.#series.size;
  }

  get empty(): boolean {
    return this.#touched.length === 0;
  }

  add(exchange: Exchange, durationUs: number): void {
    const series = this.#seriesOf(exchange, statusClassOf(exchange.status));
    if (series.requests === 0) this.#touched.push(series);
    series.requests++;
    series.retries += exchange.retries;
    series.bytesIn += exchange.bytesIn;
    series.bytesOut += exchange.bytesOut;
    series.durationUsSum += durationUs;
    series.histogram.add(bucketOf(durationUs));
    if (durationUs > series.exemplarUs && exchange.trace.sampled) {
      series.exemplarUs = durationUs;
      series.exemplarTrace = exchange.trace.traceId;
      series.exemplarAtMs = (exchange.arrivedAtUs + durationUs) / 1_000;
    }
  }

  /** Visits the series of the open window without ending it. */
  forEachTouched(visit: (series: WindowSeries) => void): void {
    for (const series of this.#touched) visit(series);
  }

  /** Ends the window: the caller reads each series before it is set back to nothing. */
  drain(visit: (series: WindowSeries) => void): void {
    for (const series of this.#touched) {
      visit(series);
      series.requests = 0;
      series.retries = 0;
      series.bytesIn = 0;
      series.bytesOut = 0;
      series.durationUsSum = 0;
      series.histogram.reset();
      series.exemplarUs = -1;
      series.idleWindows = -1;
    }
    this.#touched = [];
    for (const [key, series] of this.#series) {
      if (++series.idleWindows < SERIES_IDLE_WINDOWS) continue;
      this.#series.delete(key);
      this.#recent.forget(series);
    }
  }

  #seriesOf(exchange: Exchange, statusClass: string): WindowSeries {
    const recent = this.#recent.find(exchange, statusClass);
    if (recent !== undefined) return recent;
    const found = this.#find(exchange, statusClass);
    this.#recent.put(exchange, found);
    return found;
  }

  #find(exchange: Exchange, statusClass: string): WindowSeries {
    const key = keyOf(exchange, exchange, statusClass);
    const found = this.#series.get(key);
    if (found !== undefined) return found;
    if (this.#series.size < SERIES_MAX) return this.#make(key, exchange, exchange, statusClass);
    this.overflow++;
    const some = { ...labelsOf(exchange), consumer: OTHER };
    const someKey = keyOf(exchange, some, statusClass);
    const merged = this.#series.get(someKey);
    if (merged !== undefined) return merged;
    if (this.#series.size < SERIES_MAX * 1.5) {
      return this.#make(someKey, exchange, some, statusClass);
    }
    const all = {
      source: OTHER,
      destination: OTHER,
      route: OTHER,
      backend: OTHER,
      consumer: OTHER,
    };
    const allKey = keyOf(exchange, all, statusClass);
    return this.#series.get(allKey) ?? this.#make(allKey, exchange, all, statusClass);
  }

  #make(key: string, exchange: Exchange, labels: Labels, statusClass: string): WindowSeries {
    const series: WindowSeries = {
      logEpoch: exchange.snapshot.revision.epoch,
      revision: exchange.snapshot.revision.sequence,
      direction: exchange.request.direction,
      ...labelsOf(labels),
      statusClass,
      reason: exchange.reason,
      requests: 0,
      retries: 0,
      bytesIn: 0,
      bytesOut: 0,
      durationUsSum: 0,
      histogram: new Histogram(),
      exemplarUs: -1,
      exemplarTrace: '',
      exemplarAtMs: 0,
      idleWindows: 0,
    };
    this.#series.set(key, series);
    return series;
  }
}

function labelsOf(labels: Labels): Labels {
  const { source, destination, route, backend, consumer } = labels;
  return { source, destination, route, backend, consumer };
}

const RECENT_BITS = 13;

function isOf(series: WindowSeries, exchange: Exchange, statusClass: string): boolean {
  const { revision } = exchange.snapshot;
  return (
    series.revision === revision.sequence &&
    series.logEpoch === revision.epoch &&
    series.route === exchange.route &&
    series.backend === exchange.backend &&
    series.destination === exchange.destination &&
    series.consumer === exchange.consumer &&
    series.source === exchange.source &&
    series.reason === exchange.reason &&
    series.statusClass === statusClass &&
    series.direction === exchange.request.direction
  );
}

function keyOf(exchange: Exchange, labels: Labels, statusClass: string): string {
  const { epoch, sequence } = exchange.snapshot.revision;
  return (
    `${epoch}-${sequence}|${exchange.request.direction}|${statusClass}|${exchange.reason}|` +
    `${labels.source}|${labels.destination}|${labels.route}|${labels.backend}|${labels.consumer}`
  );
}
