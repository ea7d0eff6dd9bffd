import { METRIC_COLUMNS, bucketOf } from '#contracts/metrics.ts';
import { type Column, RECORD_COLUMNS } from '#contracts/record.ts';
import { type ClickHouse, connectClickHouse } from '#platform/clickhouse.ts';
import { NativeBlock } from '#proxy/telemetry/native/block.ts';
import { AccessBlock } from '#proxy/telemetry/access/access-block.ts';
import { rowOf } from '#test/access-row.ts';
import { MetricEncoder } from '#proxy/telemetry/metrics/metric-block.ts';
import { SeriesTable } from '#proxy/telemetry/metrics/series.ts';
import { clickhouseUrl, uniqueMesh } from '#test/parts.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IDENTITY, exchangeOf, rulesOf, shownOf } from '../../unit/proxy/telemetry/exchanges.ts';

let clickhouse: ClickHouse;

beforeAll(async () => {
  clickhouse = connectClickHouse({ url: clickhouseUrl(), database: uniqueMesh() });
  await clickhouse.createDatabase();
});

afterAll(async () => {
  await clickhouse.command(`DROP DATABASE ${clickhouse.database}`);
  await clickhouse.close();
});

async function tableOf(name: string, columns: readonly Column[]): Promise<void> {
  const fields = columns.map((column) => `${column.name} ${column.type ?? column.wire}`);
  await clickhouse.command(
    `CREATE TABLE ${name} (n UInt32 DEFAULT rowNumberInAllBlocks(), ${fields.join(', ')})
     ENGINE = MergeTree ORDER BY time`,
  );
}

test('ClickHouse reads every column of every record as it was written', async () => {
  await tableOf('records', RECORD_COLUMNS);
  const exchanges = Array.from({ length: 1_000 }, (_, i) =>
    exchangeOf({
      arrivedAtUs: Date.UTC(2026, 0, 1) * 1_000 + i,
      requestId: `id-${i}`,
      request: {
        path: i % 10 === 0 ? `/größe/${'日'.repeat(i % 70)}` : `/p/${i}`,
        // More words than a byte numbers.
        host: `h${i % 700}`,
      },
      status: 100 + (i % 500),
      sequence: 2 ** 32 + i,
      epoch: 3,
      bytesIn: i * 2 ** 40,
      consumer: i % 2 === 0 ? '' : `shop/c${i % 7}`,
      ejected: i % 3 === 0,
    }),
  );
  const block = new AccessBlock(IDENTITY);
  for (const exchange of exchanges) block.add(exchange, 2 ** 31, 'curl', shownOf(exchange));
  const bytes = block.take(0)?.bytes ?? new Uint8Array(0);
  await clickhouse.insertNative('records', [bytes], 'records-1');
  const rows = await clickhouse.query<Record<string, unknown>>(
    `SELECT * EXCEPT n REPLACE (toUnixTimestamp64Micro(time) AS time) FROM records ORDER BY time`,
  );
  expect(rows).toHaveLength(exchanges.length);
  rows.forEach((row, i) => {
    const exchange = exchanges[i] ?? exchangeOf();
    const expected = rowOf(IDENTITY, exchange, 2 ** 31, 'curl');
    expect(row).toEqual({ ...expected, time: exchange.arrivedAtUs });
  });
});

test.each([256, 257, 65_536, 65_537])('ClickHouse reads a column of %i words', async (words) => {
  const columns = [
    { name: 'time', wire: "DateTime('UTC')", meaning: '' },
    { name: 'w', wire: 'LowCardinality(String)', meaning: '' },
  ] as const;
  const table = `words_${words}`;
  await tableOf(table, columns);
  const block = new NativeBlock(columns, words);
  for (let i = 0; i < words; i++) {
    block.columns.time.push(i);
    block.columns.w.push(`w${i}`);
  }
  await clickhouse.insertNative(table, [block.take(words)], table);
  const [row] = await clickhouse.query(
    `SELECT count() AS rows, countIf(w = concat('w', toString(toUInt32(time)))) AS right
     FROM ${table}`,
  );
  expect(row).toEqual({ rows: words, right: words });
});

test('ClickHouse sums metric blocks and their histograms', async () => {
  await tableOf('metrics', METRIC_COLUMNS);
  const encoder = new MetricEncoder(IDENTITY);
  const windows = [0, 1].map((window) => {
    const table = new SeriesTable();
    for (let i = 0; i < 1_500; i++) {
      table.add(exchangeOf({ route: `shop/r${i % 1_200}`, bytesOut: 10 }), 1 + i * 1_000);
    }
    return encoder.encode(table, Date.UTC(2026, 0, 1) + window * 2_000, () => undefined);
  });
  const bytes = windows.flat().map((block) => block.bytes);
  expect(bytes).toHaveLength(4);
  await clickhouse.insertNative('metrics', bytes, 'metrics-1');
  const [sums] = await clickhouse.query<Record<string, unknown>>(
    `SELECT sum(requests) AS requests, sum(bytes_out) AS bytes, uniqExact(route) AS routes,
       sum(duration_us_sum) AS us, count() AS rows, uniqExact(time) AS windows,
       sumMap(durations) AS durations FROM metrics`,
  );
  const counts: Record<string, number> = {};
  let us = 0;
  for (let i = 0; i < 1_500; i++) {
    const bucket = String(bucketOf(1 + i * 1_000));
    counts[bucket] = (counts[bucket] ?? 0) + 2;
    us += 2 * (1 + i * 1_000);
  }
  expect(sums).toEqual({
    ...{ requests: 3_000, bytes: 30_000, routes: 1_200, us, rows: 2_400, windows: 2 },
    durations: counts,
  });
});

test('blocks of both schemas go in by one insert, and what a block has not is empty', async () => {
  await tableOf('mixed', RECORD_COLUMNS);
  const fields = [{ name: 'agent', header: 'user-agent', of: 'request', valuesMax: 9 }] as const;
  const bytes = [undefined, rulesOf({ fields }), undefined].map((records, index) => {
    const block = new AccessBlock(IDENTITY);
    const exchange = exchangeOf({ records, requestId: `id-${index}` });
    block.add(exchange, 1, '', shownOf(exchange, index + 1));
    return block.take(0)?.bytes ?? new Uint8Array(0);
  });
  await clickhouse.insertNative('mixed', bytes, 'mixed-1');
  const rows = await clickhouse.query(
    'SELECT request_id, weight, fields FROM mixed ORDER BY request_id',
  );
  expect(rows).toEqual([
    { request_id: 'id-0', weight: 1, fields: {} },
    { request_id: 'id-1', weight: 2, fields: { agent: 'curl/8.1' } },
    { request_id: 'id-2', weight: 3, fields: {} },
  ]);
});
