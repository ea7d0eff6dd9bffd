import type { Exemplar, RequestSeries, SeriesSnapshot, TelemetryStats } from '../types.ts';
import { PROMETHEUS_BOUNDS, copyOf } from './totals.ts';

type Labels = Record<string, string>;

/** Prometheus' text format 0.0.4, or OpenMetrics 1.0, which has exemplars. */
export type MetricsFormat = 'prometheus' | 'openmetrics';

/**
 * Prometheus text of one proxy: the workers' series summed, and what telemetry itself did.
 * `extra` is text of the same format and is put behind.
 */
export function renderPrometheus(
  snapshots: readonly SeriesSnapshot[],
  extra = '',
  format: MetricsFormat = 'prometheus',
): string {
  const text = new PrometheusText(format);
  const series = merged(snapshots);
  renderRequests(text, series);
  renderDurations(text, series);
  renderTelemetry(text, snapshots);
  const rest = extra === '' || extra.endsWith('\n') ? extra : `${extra}\n`;
  if (format === 'prometheus') return text.toString() + rest;
  // A family of counters has no suffix there, its samples do.
  return (
    `${text.toString()}${rest}`.replaceAll(/^(# (?:HELP|TYPE) \S+)_total /gm, '$1 ') + '# EOF\n'
  );
}

class PrometheusText {
  readonly #format: MetricsFormat;
  #text = '';

  constructor(format: MetricsFormat) {
    this.#format = format;
  }

  family(name: string, type: 'counter' | 'gauge' | 'histogram', help: string): void {
    this.#text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  }

  sample(name: string, labels: Labels, value: number, exemplar?: Exemplar): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    this.#text += `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`;
    if (exemplar !== undefined && this.#format === 'openmetrics') {
      const { traceId, seconds, atMs } = exemplar;
      this.#text += ` # {trace_id="${traceId}"} ${seconds} ${(atMs / 1_000).toFixed(3)}`;
    }
    this.#text += '\n';
  }

  toString(): string {
    return this.#text;
  }
}

/** The sums of several lists of series, one of each kind; those beyond `max` kinds are left out. */
export function sumSeries(lists: readonly (readonly RequestSeries[])[], max: number) {
  const snapshots = lists.map((requests) => ({ proxy: '', requests }));
  return merged(snapshots)
    .slice(0, max)
    .map(({ series }) => series);
}

interface Merged {
  proxy: string;
  series: RequestSeries;
}

function merged(
  snapshots: readonly { proxy: string; requests: readonly RequestSeries[] }[],
): Merged[] {
  const sums = new Map<string, Merged>();
  for (const { proxy, requests } of snapshots) {
    for (const one of requests) {
      const { direction, route, service, statusClass, reason } = one;
      const key = [proxy, direction, route, service, statusClass, reason].join('|');
      const sum = sums.get(key)?.series;
      if (sum === undefined) {
        sums.set(key, { proxy, series: copyOf(one) });
        continue;
      }
      sum.requests += one.requests;
      sum.retries += one.retries;
      sum.bytesIn += one.bytesIn;
      sum.bytesOut += one.bytesOut;
      sum.durationUsSum += one.durationUsSum;
      one.durations.forEach((count, i) => (sum.durations[i] = (sum.durations[i] ?? 0) + count));
      addExemplars(sum.exemplars, one.exemplars);
    }
  }
  return [...sums.values()];
}

function renderRequests(text: PrometheusText, all: readonly Merged[]): void {
  const counters = [
    ['windrose_requests_total', 'Requests that ended.', 'requests'],
    ['windrose_retries_total', 'Further tries after the first.', 'retries'],
    ['windrose_request_body_bytes_total', 'Body bytes from clients.', 'bytesIn'],
    ['windrose_response_body_bytes_total', 'Body bytes to clients.', 'bytesOut'],
  ] as const;
  for (const [name, help, field] of counters) {
    text.family(name, 'counter', help);
    for (const { proxy, series } of all) {
      text.sample(name, { ...labelsOf(proxy, series), reason: series.reason }, series[field]);
    }
  }
}

interface Durations {
  labels: Labels;
  sum: number;
  counts: number[];
  exemplars: (Exemplar | undefined)[];
}

/** The newest of each bucket. */
function addExemplars(to: (Exemplar | undefined)[], more: readonly (Exemplar | undefined)[]): void {
  more.forEach((one, i) => {
    if (one !== undefined && one.atMs > (to[i]?.atMs ?? 0)) to[i] = one;
  });
}

function renderDurations(text: PrometheusText, all: readonly Merged[]): void {
  const name = 'windrose_request_duration_seconds';
  text.family(name, 'histogram', 'From the request head to the last byte out.');
  const sums = new Map<string, Durations>();
  for (const { proxy, series } of all) {
    const labels = labelsOf(proxy, series);
    const key = Object.values(labels).join('|');
    const found = sums.get(key) ?? { labels, sum: 0, counts: [], exemplars: [] };
    found.sum += series.durationUsSum / 1e6;
    series.durations.forEach((count, i) => (found.counts[i] = (found.counts[i] ?? 0) + count));
    addExemplars(found.exemplars, series.exemplars);
    sums.set(key, found);
  }
  for (const { labels, sum, counts, exemplars } of sums.values()) {
    let below = 0;
    PROMETHEUS_BOUNDS.forEach((bound, i) => {
      below += counts[i] ?? 0;
      text.sample(`${name}_bucket`, { ...labels, le: String(bound) }, below, exemplars[i]);
    });
    below += counts[PROMETHEUS_BOUNDS.length] ?? 0;
    text.sample(
      `${name}_bucket`,
      { ...labels, le: '+Inf' },
      below,
      exemplars[PROMETHEUS_BOUNDS.length],
    );
    text.sample(`${name}_sum`, labels, sum);
    text.sample(`${name}_count`, labels, below);
  }
}

function renderTelemetry(text: PrometheusText, snapshots: readonly SeriesSnapshot[]): void {
  const rows = 'windrose_telemetry_rows_total';
  text.family(rows, 'counter', 'Rows by stream and what became of them.');
  for (const { proxy, worker, stats } of snapshots) {
    for (const stream of ['access', 'metrics'] as const) {
      const labels = { proxy, worker: String(worker), stream };
      for (const [state, value] of [
        ['served', stats[stream].served],
        ['acked', stats[stream].acked],
        ['sampled_out', stats[stream].sampledOut],
        ['dropped', stats[stream].dropped],
      ] as const) {
        text.sample(rows, { ...labels, state }, value);
      }
    }
  }
  const others: readonly [string, 'counter' | 'gauge', string, keyof TelemetryStats][] = [
    ['windrose_telemetry_queue_bytes', 'gauge', 'Blocks waiting for Kafka.', 'queueBytes'],
    ['windrose_telemetry_spool_bytes', 'gauge', 'Of blocks waiting on disk.', 'spoolBytes'],
    ['windrose_telemetry_spool_blocks', 'gauge', 'Blocks waiting on disk.', 'spoolBlocks'],
    [
      'windrose_telemetry_series_overflow_total',
      'counter',
      'Requests counted under __other__.',
      'seriesOverflow',
    ],
    [
      'windrose_telemetry_field_overflow_total',
      'counter',
      'Values of recorded headers that became __other__.',
      'fieldOverflow',
    ],
    ['windrose_telemetry_spans_exported_total', 'counter', 'Spans taken.', 'spansExported'],
    ['windrose_telemetry_spans_dropped_total', 'counter', 'Spans given up.', 'spansDropped'],
    [
      'windrose_access_log_dropped_total',
      'counter',
      'Lines of the access log given up.',
      'accessLogDropped',
    ],
    [
      'windrose_telemetry_shipper_restarts_total',
      'counter',
      'Ends of the shipper thread.',
      'shipperRestarts',
    ],
  ];
  for (const [name, type, help, field] of others) {
    text.family(name, type, help);
    for (const { proxy, worker, stats } of snapshots) {
      text.sample(name, { proxy, worker: String(worker) }, Number(stats[field]));
    }
  }
}

function labelsOf(proxy: string, series: RequestSeries): Labels {
  const { direction, route, service, statusClass } = series;
  return { proxy, direction, route, service, status_class: statusClass };
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
