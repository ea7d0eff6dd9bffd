// Blocks in Kafka become rows in ClickHouse, each exactly once.
import { METRIC_COLUMNS } from '#contracts/metrics.ts';
import { RECORD_COLUMNS } from '#contracts/record.ts';
import { ROLLUPS } from '#contracts/tables.ts';
import { isText } from '#test/wire.ts';
import { expect, test } from 'vitest';
import { count, message, startService, testMesh, untilBlocks } from './mesh.ts';

const nowUs = (): number => Date.now() * 1_000;

test('records are stored with every column, and metrics in every rollup', async () => {
  const mesh = testMesh();
  const service = await startService(mesh);
  const time = nowUs();
  const full = Object.fromEntries(
    RECORD_COLUMNS.map(({ name, wire }, index) => [name, isText(wire) ? `${name}!` : index]),
  );
  await mesh.send('access', 0, message('access', [{ ...full, time, fields: 'tenant=acme' }], {}));
  await mesh.send(
    'metrics',
    0,
    message(
      'metrics',
      [
        { time, requests: 10, retries: 2, bytes_in: 5, bytes_out: 7, duration_us: 900 },
        { time, requests: 3, status_class: '5xx', reason: 'upstream_reset' },
        { time, requests: 2, status_class: 'none', reason: 'client_closed' },
        { time, requests: 4, status_class: 'none', reason: 'upstream_timeout' },
        { time, requests: 8, direction: 'inbound', source: '' },
        { time, requests: 16, direction: 'inbound', source: 'unknown' },
      ],
      {},
    ),
  );
  await untilBlocks(mesh, 'access', 1);
  await untilBlocks(mesh, 'metrics', 1);
  const [row] = await mesh.clickhouse.query<Record<string, unknown>>('SELECT * FROM records');
  expect(row).toEqual({
    ...full,
    fields: { tenant: 'acme' },
    proxy: 'proxy!',
    time: `${new Date(time / 1_000).toISOString().slice(0, -1)}000Z`,
  });
  for (const { table } of [
    ROLLUPS.routes,
    ROLLUPS.routesMinute,
    ROLLUPS.routesHour,
    ROLLUPS.edges,
    ROLLUPS.edgesMinute,
    ROLLUPS.edgesHour,
  ]) {
    expect([table, await count(mesh, table, 'sum(requests)')]).toEqual([table, 35]);
    expect([table, await count(mesh, table, 'sum(errors)')]).toEqual([table, 7]);
    expect([table, await count(mesh, table, 'sum(arraySum(mapValues(durations)))')]).toEqual([
      table,
      35,
    ]);
  }
  expect(await count(mesh, ROLLUPS.inbound.table, 'sum(requests)')).toBe(24);
  const text = await (await fetch(`${service.url}/metrics`)).text();
  expect(text).toContain('windrose_analytics_rows_total{stream="access"} 1');
  expect(text).toContain('windrose_analytics_rows_total{stream="metrics"} 6');
  expect(METRIC_COLUMNS).toHaveLength(22);
  expect(await service.kill('SIGTERM')).toBe(0);
});

test('a block that comes again is stored once', async () => {
  const mesh = testMesh();
  const service = await startService(mesh);
  const block = (seq: number) =>
    message('access', [{ time: nowUs(), request_id: `r${seq}` }], { seq, served: seq });
  const first = block(1);
  await mesh.send('access', 1, first);
  await mesh.send('access', 1, first);
  await untilBlocks(mesh, 'access', 1);
  await mesh.send('access', 1, first);
  await mesh.send('access', 1, block(2));
  await untilBlocks(mesh, 'access', 2);
  expect(await count(mesh, 'records')).toBe(2);
  expect(await count(mesh, 'blocks')).toBe(2);
  const text = await (await fetch(`${service.url}/metrics`)).text();
  expect(text).toContain('windrose_analytics_repeats_total{stream="access"} 2');
});

test('a clock that is far off is held within bounds, whatever it says', async () => {
  const mesh = testMesh();
  await startService(mesh);
  const years = [1990, 2100].map((year) => Date.UTC(year, 0, 1) * 1_000);
  await mesh.send(
    'access',
    0,
    message(
      'access',
      years.map((time) => ({ time })),
      { minTs: (years[0] ?? 0) / 1_000, maxTs: (years[1] ?? 0) / 1_000 },
    ),
  );
  await untilBlocks(mesh, 'access', 1);
  const inside = 'time > now() - INTERVAL 4 DAY AND time < now() + INTERVAL 2 HOUR';
  expect(await count(mesh, `records WHERE ${inside}`)).toBe(2);
});
