import { renderPrometheus } from '#proxy/telemetry/index.ts';
import { SeriesTable } from '#proxy/telemetry/metrics/series.ts';
import { PROMETHEUS_BOUNDS, SeriesTotals } from '#proxy/telemetry/metrics/totals.ts';
import type { SeriesSnapshot, TelemetryStats } from '#proxy/telemetry/index.ts';
import { expect, test } from 'vitest';
import { exchangeOf } from '../exchanges.ts';

const NOTHING = { served: 0, acked: 0, sampledOut: 0, dropped: 0 };
const STATS: TelemetryStats = {
  access: { served: 5, acked: 3, sampledOut: 0, dropped: 1 },
  metrics: NOTHING,
  ...{
    queueBytes: 77,
    seriesOverflow: 0,
    fieldOverflow: 0,
    spoolBytes: 0,
    spoolBlocks: 0,
    spansExported: 0,
    spansDropped: 0,
  },
  ...{ accessLogDropped: 0, shipperRestarts: 0 },
};

function snapshot(worker: number, durationsUs: readonly number[]): SeriesSnapshot {
  const table = new SeriesTable();
  const totals = new SeriesTotals();
  for (const us of durationsUs) table.add(exchangeOf({ retries: 0 }), us);
  table.drain((series) => totals.fold(series));
  return { proxy: 'edge', role: 'gateway', worker, requests: totals.list(), stats: STATS };
}

function samples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

const LABELS =
  'proxy="edge",direction="edge",route="shop/storefront",service="shop/catalog",status_class="2xx"';

test('the workers of a proxy are one series, with what telemetry did for each worker', () => {
  const text = renderPrometheus([snapshot(0, [400, 90]), snapshot(1, [2_000_000])], 'x_total 1');
  const found = samples(text);
  expect(found.get(`windrose_requests_total{${LABELS},reason="ok"}`)).toBe(3);
  expect(found.get(`windrose_response_body_bytes_total{${LABELS},reason="ok"}`)).toBe(3 * 4_321);
  expect(found.get(`windrose_request_duration_seconds_count{${LABELS}}`)).toBe(3);
  expect(found.get(`windrose_request_duration_seconds_sum{${LABELS}}`)).toBeCloseTo(2.00049, 9);
  const rows = 'windrose_telemetry_rows_total{proxy="edge",worker="1",stream="access"';
  expect(found.get(`${rows},state="served"}`)).toBe(5);
  expect(found.get(`${rows},state="dropped"}`)).toBe(1);
  expect(found.get('windrose_telemetry_queue_bytes{proxy="edge",worker="0"}')).toBe(77);
  expect(text.endsWith('x_total 1\n')).toBe(true);
});

test('bounds are edges of log buckets: what lies on either side of one is never mixed', () => {
  expect(PROMETHEUS_BOUNDS).toEqual([...PROMETHEUS_BOUNDS].sort((a, b) => a - b));
  for (const [index, bound] of PROMETHEUS_BOUNDS.entries()) {
    const edgeUs = bound * 1e6;
    const found = samples(renderPrometheus([snapshot(0, [edgeUs * 0.98, edgeUs * 1.02])]));
    const at = (le: string): number | undefined =>
      found.get(`windrose_request_duration_seconds_bucket{${LABELS},le="${le}"}`);
    expect([bound, at(String(bound)), at('+Inf')]).toEqual([bound, 1, 2]);
    const below = PROMETHEUS_BOUNDS.slice(0, index).map((before) => at(String(before)));
    expect(below).toEqual(below.map(() => 0));
  }
});

test('label values cannot break the text', () => {
  const table = new SeriesTable();
  table.add(exchangeOf({ route: 'a"b\\c\nd' }), 1);
  const totals = new SeriesTotals();
  table.forEachTouched((series) => totals.fold(series));
  const requests = totals.list();
  const text = renderPrometheus([
    { proxy: 'edge', role: 'gateway', worker: 0, requests, stats: STATS },
  ]);
  expect(text).toContain('route="a\\"b\\\\c\\nd"');
});

test('OpenMetrics has a trace for a bucket: the slowest sampled one of the newest window', () => {
  const table = new SeriesTable();
  const totals = new SeriesTotals();
  const window = (...requests: readonly [us: number, traceId: string, sampled?: boolean][]) => {
    for (const [us, traceId, sampled = true] of requests) {
      table.add(exchangeOf({ trace: { traceId, sampled }, arrivedAtUs: 1_000_000 }), us);
    }
    table.drain((series) => totals.fold(series));
  };
  window([400, 'a'], [440, 'b'], [450, 'unsampled', false]);
  window([90_000, 'slow'], [300, 'c']);
  const both = [snapshot(1, []), { ...snapshot(0, []), requests: totals.list() }];
  const text = renderPrometheus(both, '# TYPE x_total counter\nx_total 1', 'openmetrics');
  const found = text.split('\n').filter((line) => line.includes(' # {'));
  expect(found.map((line) => / # \{.*$/.exec(line)?.[0])).toEqual([
    ' # {trace_id="b"} 0.00044 1.000',
    ' # {trace_id="slow"} 0.09 1.090',
  ]);
  expect(text).toMatch(/^# TYPE windrose_requests counter$/m);
  expect(text).toMatch(/^windrose_requests_total\{.*\} 5$/m);
  expect(text.endsWith('# TYPE x counter\nx_total 1\n# EOF\n')).toBe(true);
  const plain = renderPrometheus(both);
  expect(plain).not.toMatch(/trace_id|EOF/);
});
