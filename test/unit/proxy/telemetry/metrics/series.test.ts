import { METRIC_COLUMNS, bucketOf } from '#contracts/metrics.ts';
import { BLOCK_ROWS_MAX, OTHER, SERIES_IDLE_WINDOWS, SERIES_MAX } from '#proxy/telemetry/limits.ts';
import { MetricEncoder } from '#proxy/telemetry/metrics/metric-block.ts';
import { SeriesTable, type WindowSeries } from '#proxy/telemetry/metrics/series.ts';
import { expect, test } from 'vitest';
import { IDENTITY, exchangeOf } from '../exchanges.ts';
import { readNative } from '../native-reader.ts';

function drained(table: SeriesTable): (WindowSeries & { counts: Map<number, number> })[] {
  const found: (WindowSeries & { counts: Map<number, number> })[] = [];
  table.drain((series) => {
    const counts = new Map<number, number>();
    series.histogram.forEach((bucket, count) => counts.set(bucket, count));
    found.push({ ...series, counts });
  });
  return found;
}

test('a window counts every combination of labels exactly, then begins anew', () => {
  const table = new SeriesTable();
  for (let i = 0; i < 10; i++)
    table.add(exchangeOf({ bytesIn: 2, bytesOut: 3, retries: 1 }), 1_500);
  table.add(exchangeOf({ status: 503, reason: 'no_endpoint', retries: 0 }), 90);
  table.add(exchangeOf({ sequence: 43 }), 0);
  const found = drained(table);
  expect(found).toHaveLength(3);
  expect(found[0]).toMatchObject({
    ...{ revision: 42, direction: 'edge', source: 'Gateway/shop/edge', statusClass: '2xx' },
    ...{ destination: 'shop/catalog', route: 'shop/storefront', backend: 'shop/catalog:80' },
    ...{ consumer: 'shop/acme', reason: 'ok', requests: 10, retries: 10 },
    ...{ bytesIn: 20, bytesOut: 30, durationUsSum: 15_000 },
    counts: new Map([[bucketOf(1_500), 10]]),
  });
  expect(found[1]).toMatchObject({ statusClass: '5xx', reason: 'no_endpoint', requests: 1 });
  expect(found[2]).toMatchObject({ revision: 43, counts: new Map([[0, 1]]) });
  expect(drained(table)).toEqual([]);
});

test('series far apart in the cheap hash or alike in it are never mixed up', () => {
  const table = new SeriesTable();
  const routes = Array.from({ length: 1_500 }, (_, i) => `shop/${i}-route`);
  for (const route of [...routes, ...routes]) table.add(exchangeOf({ route }), 10);
  const found = drained(table);
  expect(found.map((series) => series.route).sort()).toEqual([...routes].sort());
  expect(new Set(found.map((series) => series.requests))).toEqual(new Set([2]));
});

test('beyond the bound consumers, then all names, become __other__; no request is lost', () => {
  const table = new SeriesTable();
  const total = 3 * SERIES_MAX;
  for (let i = 0; i < total; i++) table.add(exchangeOf({ consumer: `shop/c${i}` }), 10);
  for (let i = 0; i < total; i++) {
    table.add(exchangeOf({ route: `shop/r${i}`, consumer: `shop/c${i}` }), 10);
  }
  const found = drained(table);
  expect(found.reduce((sum, series) => sum + series.requests, 0)).toBe(2 * total);
  expect(found.length).toBeLessThanOrEqual(SERIES_MAX * 1.5 + 1);
  expect(
    found.find((one) => one.consumer === OTHER && one.route === 'shop/storefront')?.requests,
  ).toBe(total - SERIES_MAX);
  expect(found.find((one) => one.route === OTHER)?.requests).toBe(total - SERIES_MAX / 2 + 1);
  expect(table.overflow).toBe(2 * total - SERIES_MAX);
});

test('series that were idle for long make room', () => {
  const table = new SeriesTable();
  for (let i = 0; i < SERIES_MAX; i++) table.add(exchangeOf({ consumer: `shop/c${i}` }), 10);
  for (let window = 0; window <= SERIES_IDLE_WINDOWS; window++) {
    table.add(exchangeOf({ consumer: 'shop/c0' }), 10);
    drained(table);
  }
  expect(table.size).toBe(1);
  table.add(exchangeOf({ consumer: 'shop/new' }), 10);
  expect(table.overflow).toBe(0);
  expect(drained(table)[0]?.consumer).toBe('shop/new');
});

test('metric blocks carry the window as the contract says, split by rows and by epoch', () => {
  const table = new SeriesTable();
  for (let i = 0; i < BLOCK_ROWS_MAX + 1; i++) table.add(exchangeOf({ route: `shop/r${i}` }), 100);
  table.add(exchangeOf({ route: 'shop/r0' }), 1e6);
  table.add(exchangeOf({ epoch: 2 }), 7);
  const windowStartMs = Date.UTC(2026, 0, 1);
  const folded: string[] = [];
  const blocks = new MetricEncoder(IDENTITY).encode(table, windowStartMs, (series) =>
    folded.push(series.route),
  );
  expect(blocks.map(({ rows, logEpoch }) => [rows, logEpoch])).toEqual([
    [BLOCK_ROWS_MAX, 1],
    [1, 1],
    [1, 2],
  ]);
  expect(folded).toHaveLength(BLOCK_ROWS_MAX + 2);
  const first = readNative(blocks[0]?.bytes ?? new Uint8Array(0));
  expect(first.types).toEqual(
    Object.fromEntries(METRIC_COLUMNS.map(({ name, wire }) => [name, wire])),
  );
  const row = Object.fromEntries(
    Object.entries(first.columns).map(([name, values]) => [name, values[0]]),
  );
  expect(row).toEqual({
    ...{ time: windowStartMs * 1_000, proxy: 'edge', instance: 'i1', worker: 0 },
    ...{ role: 'gateway', direction: 'edge', zone: 'a', log_epoch: 1, revision: 42 },
    ...{ source: 'Gateway/shop/edge', destination: 'shop/catalog', route: 'shop/r0' },
    ...{ backend: 'shop/catalog:80', consumer: 'shop/acme', status_class: '2xx', reason: 'ok' },
    ...{ requests: 2, retries: 2, bytes_in: 22, bytes_out: 8_642, duration_us_sum: 1_000_100 },
    durations: [
      [bucketOf(100), 1],
      [bucketOf(1e6), 1],
    ],
  });
});
