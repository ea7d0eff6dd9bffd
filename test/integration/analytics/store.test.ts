// Blocks in Kafka become rows in ClickHouse, each exactly once.
import { METRIC_COLUMNS } from '#contracts/metrics.ts';
import { RECORD_COLUMNS } from '#contracts/record.ts';
import { ROLLUPS } from '#contracts/tables.ts';
import { meshTopics } from '#contracts/topics.ts';
import { eventually } from '#test/eventually.ts';
import { expect, test } from 'vitest';
import { count, message, startService, testMesh, untilBlocks } from './mesh.ts';

const nowUs = (): number => Date.now() * 1_000;

test('records are stored with every column, and metrics in every rollup', async () => {
  const mesh = testMesh();
  const service = await startService(mesh);
  const time = nowUs();
  const full = Object.fromEntries(
    RECORD_COLUMNS.map(({ name, wire }, index) => [name, wire === 'String' ? `${name}!` : index]),
  );
  await mesh.send('access', 0, message('access', [{ ...full, time }], {}));
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

test('what cannot be read is put aside with its reason, and the stream goes on', async () => {
  const mesh = testMesh();
  const service = await startService(mesh);
  const good = (seq: number) => message('access', [{ time: nowUs() }], { seq });
  const noHeaders = { value: good(1).value, headers: { schema: '1' } };
  const future = { ...good(2), headers: { ...good(2).headers, schema: '99' } };
  const broken = good(3);
  // A text longer than the block: only ClickHouse can tell.
  broken.value = Buffer.concat([broken.value.subarray(0, -40), Buffer.alloc(40, 0xff)]).subarray(
    0,
    -30,
  );
  const wrongRows = { ...good(4), headers: { ...good(4).headers, rows: '2' } };
  for (const each of [good(5), noHeaders, future, broken, wrongRows, good(6)]) {
    await mesh.send('access', 2, each);
  }
  await untilBlocks(mesh, 'access', 2);
  await mesh.send('access', 2, good(7));
  await untilBlocks(mesh, 'access', 3);
  expect(await count(mesh, 'records')).toBe(3);
  const reasons: string[] = [];
  const dead = mesh.kafka.consumeGroup({
    groupId: `${mesh.name}-dead`,
    topics: [meshTopics(mesh.name).dead],
    from: 'oldest',
    async batch(batch) {
      for (const each of batch.messages) {
        reasons.push(`${each.headers['dead-offset']} ${each.headers['dead-reason']}`);
      }
      batch.resolve(batch.messages.at(-1)?.offset ?? 0n);
    },
  });
  await eventually(() => (reasons.length === 4 ? true : undefined), {
    what: 'four dead letters',
    timeoutMs: 20_000,
  });
  await dead.stop();
  expect(reasons.sort()).toEqual([
    '1 headers are missing or are no whole numbers',
    '2 schema 99 is unknown here, which is 1',
    expect.stringMatching(/^3 .+/),
    expect.stringMatching(/^4 the body has \d+ columns and 1 rows; \d+ and 2 were announced$/),
  ]);
  const text = await (await fetch(`${service.url}/metrics`)).text();
  expect(text).toMatch(/windrose_analytics_dead_letters_total\{topic="[^"]+"\} 4/);
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
