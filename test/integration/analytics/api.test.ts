// Every door of the API, with answers computed by hand.
import type {
  GraphResponse,
  HeatmapResponse,
  RecordsResponse,
  SeriesResponse,
  SqlResponse,
  TotalsResponse,
} from '#contracts/api/analytics.ts';
import type { HealthResponse } from '#contracts/api/health.ts';
import { meshDatabase } from '#contracts/tables.ts';
import { eventually } from '#test/eventually.ts';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Row,
  type TestMesh,
  type TestService,
  message,
  startService,
  testMesh,
  untilBlocks,
} from './mesh.ts';

/** A minute of traffic, some minutes ago, in whole steps of the rollups. */
const startMs = Math.floor(Date.now() / 60_000) * 60_000 - 5 * 60_000;
const from = new Date(startMs).toISOString();
const to = new Date(startMs + 60_000).toISOString();
const range = `from=${from}&to=${to}`;
const at = (second: number): number => (startMs + second * 1_000) * 1_000;

const edge = { source: 'Gateway/shop/edge', destination: 'shop/storefront', route: 'shop/front' };
const call = (source: string, destination: string) => ({
  ...{ source, destination, route: '', direction: 'outbound', role: 'sidecar' },
});
/** 100 + 60 + 30 + 10 requests; the callee's own view of 30 of them beside. */
const METRICS: Row[] = [
  { ...edge, time: at(1), requests: 90, consumer: 'shop/acme', duration_us: 2_000, bytes_out: 900 },
  {
    ...{ ...edge, time: at(31), requests: 10, consumer: 'shop/zeta', duration_us: 50_000 },
    ...{ status_class: '5xx', reason: 'upstream_timeout', revision: 8 },
  },
  { ...call('shop/storefront', 'shop/catalog'), time: at(2), requests: 60, duration_us: 1_000 },
  {
    ...{ ...call('shop/storefront', 'shop/orders'), time: at(12), requests: 30 },
    duration_us: 8_000,
  },
  {
    ...{ ...edge, time: at(13), requests: 10, route: '', destination: '' },
    ...{ status_class: '4xx', reason: 'no_route' },
  },
  { time: at(12), requests: 30, direction: 'inbound', source: '', destination: 'shop/orders' },
];
const RECORDS: Row[] = Array.from({ length: 25 }, (_, index) => ({
  ...{
    ...edge,
    time: at(index),
    // One was named by its proxy.
    request_id: index === 4 ? '' : `r${String(index).padStart(2, '0')}`,
    span_id: `s${index}`,
  },
  ...{ trace_id: index < 5 ? 'a'.repeat(32) : 'b'.repeat(32), status: index === 7 ? 503 : 200 },
  ...{
    reason: index === 7 ? 'no_endpoint' : 'ok',
    duration_us: (index + 1) * 1_000,
    path: `/p/${index}`,
  },
  ...{ revision: index < 10 ? 7 : 8, direction: index === 24 ? 'inbound' : 'edge' },
}));

let mesh: TestMesh;
let service: TestService;

describe('the API over a minute of traffic', () => {
  beforeAll(async () => {
    mesh = testMesh({ keep: true });
    service = await startService(mesh, { keep: true });
    await mesh.send('metrics', 0, message('metrics', METRICS, {}));
    await mesh.send('access', 0, message('access', RECORDS, {}));
    await untilBlocks(mesh, 'metrics', 1);
    await untilBlocks(mesh, 'access', 1);
    return async () => {
      await service.kill('SIGTERM');
      await mesh.close();
    };
  });

  test('totals count the caller’s side once', async () => {
    const found = await service.get<TotalsResponse>(`/v1/analytics/totals?${range}`);
    expect(found).toMatchObject({ from, to, freshness: { blocksMissing: 0 } });
    expect(found.rows).toHaveLength(1);
    expect(found.rows[0]).toMatchObject({
      ...{ key: 'all', requests: 200, errors: 10, errorRate: 0.05, bytesOut: 900 },
      requestsPerSecond: 200 / 60,
    });
    // Sorted: 60 and 10 of 1 ms, 90 of 2 ms, 30 of 8 ms, 10 of 50 ms.
    expect(found.rows[0]?.p50Ms).toSatisfy((ms: number) => Math.abs(ms - 2) <= 0.02);
    expect(found.rows[0]?.p95Ms).toSatisfy((ms: number) => Math.abs(ms - 8) <= 0.08);
    expect(found.rows[0]?.p99Ms).toSatisfy((ms: number) => Math.abs(ms - 50) <= 0.5);
  });

  test('top-N by every group, in every order', async () => {
    const top = async (query: string) => {
      const found = await service.get<TotalsResponse>(`/v1/analytics/top?${range}&${query}`);
      return found.rows.map((row) => [row.key, row.requests, row.errors]);
    };
    expect(await top('by=route')).toEqual([
      ['(none)', 100, 0],
      ['shop/front', 100, 10],
    ]);
    expect(await top('by=service')).toEqual([
      ['shop/storefront', 100, 10],
      ['shop/catalog', 60, 0],
      ['shop/orders', 30, 0],
      ['(none)', 10, 0],
    ]);
    expect(await top('by=edge&limit=2')).toEqual([
      ['Gateway/shop/edge -> shop/storefront', 100, 10],
      ['shop/storefront -> shop/catalog', 60, 0],
    ]);
    expect(await top('by=consumer&route=shop/front&order=error_rate')).toEqual([
      ['shop/zeta', 10, 10],
      ['shop/acme', 90, 0],
    ]);
    expect(await top('by=revision&service=shop/storefront')).toEqual([
      ['1-7', 90, 0],
      ['1-8', 10, 10],
    ]);
    expect(await top('by=reason&order=p99&limit=1')).toEqual([['upstream_timeout', 10, 10]]);
    expect(await top('by=reason&order=errors&limit=1')).toEqual([['upstream_timeout', 10, 10]]);
    expect(await top('by=service&source=shop/storefront')).toEqual([
      ['shop/catalog', 60, 0],
      ['shop/orders', 30, 0],
    ]);
    expect(await top('by=service&revision=1-8')).toEqual([['shop/storefront', 10, 10]]);
  });

  test('what no rollup holds together is counted from the records', async () => {
    // Edge and route: 24 of the caller’s side, one of them failed.
    const found = await service.get<TotalsResponse>(
      `/v1/analytics/totals?${range}&by=edge&route=shop/front`,
    );
    expect(found.rows).toHaveLength(1);
    expect(found.rows[0]).toMatchObject({
      ...{ key: 'Gateway/shop/edge -> shop/storefront', requests: 24, errors: 1 },
    });
    expect(found.rows[0]?.p50Ms).toSatisfy((ms: number) => Math.abs(ms - 12) <= 0.12);
  });

  test('series have every step, with zeros between', async () => {
    const found = await service.get<SeriesResponse>(
      `/v1/analytics/series?${range}&step=10&service=shop/storefront`,
    );
    expect(found).toMatchObject({ from, to, stepSeconds: 10 });
    expect(found.series).toHaveLength(1);
    expect(found.series[0]?.key).toBe('all');
    expect(found.series[0]?.points.map((point) => [point.requests, point.errors])).toEqual([
      [90, 0],
      [0, 0],
      [0, 0],
      [10, 10],
      [0, 0],
      [0, 0],
    ]);
    expect(found.series[0]?.points[3]?.time).toBe(new Date(startMs + 30_000).toISOString());
    const grouped = await service.get<SeriesResponse>(
      `/v1/analytics/series?${range}&step=60&by=service`,
    );
    expect(grouped.series.map(({ key, points }) => [key, points.map((p) => p.requests)])).toEqual([
      ['shop/storefront', [100]],
      ['shop/catalog', [60]],
      ['shop/orders', [30]],
      ['(none)', [10]],
    ]);
    const records = await service.get<SeriesResponse>(
      `/v1/analytics/series?${range}&step=30&by=edge&route=shop/front`,
    );
    expect(records.series[0]?.points.map((point) => point.requests)).toEqual([24, 0]);
  });

  test('a long time is answered by the coarse rollup with the same sums', async () => {
    const long = `from=${new Date(startMs - 10 * 3_600_000).toISOString()}&to=${to}`;
    const totals = await service.get<TotalsResponse>(`/v1/analytics/totals?${long}`);
    expect(totals.rows[0]).toMatchObject({ requests: 200, errors: 10 });
    const series = await service.get<SeriesResponse>(`/v1/analytics/series?${long}`);
    expect(series.stepSeconds % 60).toBe(0);
    expect(series.series[0]?.points.reduce((sum, point) => sum + point.requests, 0)).toBe(200);
  });

  test('Apdex and any quantile, where they are asked for', async () => {
    const totals = async (query: string) =>
      (await service.get<TotalsResponse>(`/v1/analytics/totals?${range}&${query}`)).rows[0];
    const plain = await totals('');
    expect(plain).not.toHaveProperty('apdex');
    expect(plain).not.toHaveProperty('quantilesMs');
    // 160 up to 4 ms, 30 of 8 ms count half, and the 10 of 50 ms failed.
    expect(await totals('apdex=4')).toMatchObject({ apdex: 175 / 200 });
    // However long one waits for them, errors frustrate.
    expect(await totals('apdex=20')).toMatchObject({ apdex: 190 / 200 });
    expect(await totals('apdex=0.1')).toMatchObject({ apdex: 0 });
    const found = (await totals('quantiles=0.1,0.95,1'))?.quantilesMs ?? {};
    for (const [share, ms] of Object.entries({ 0.1: 1, 0.95: 8, 1: 50 })) {
      expect(Math.abs((found[share] ?? 0) / ms - 1), share).toBeLessThan(0.01);
    }
    // From the records: 24 of 1 to 25 ms, without the one that failed after 8 ms.
    expect(await totals('by=edge&route=shop/front&apdex=5.5')).toMatchObject({
      apdex: (5 + (22 - 5 - 1) / 2) / 24,
    });
    const series = await service.get<SeriesResponse>(
      `/v1/analytics/series?${range}&step=30&service=shop/storefront&apdex=10`,
    );
    expect(series.series[0]?.points.map(({ apdex }) => apdex)).toEqual([1, 0]);
    for (const wrong of ['apdex=0', 'quantiles=1.5', 'quantiles=0.5,', 'quantiles=']) {
      const response = await fetch(`${service.url}/v1/analytics/totals?${range}&${wrong}`);
      expect(response.status, wrong).toBe(400);
    }
  });

  test('a heat map of how long requests took', async () => {
    const map = (query: string) =>
      service.get<HeatmapResponse>(`/v1/analytics/heatmap?${range}&${query}`);
    const { boundsMs, steps, ...rest } = await map('step=30&service=shop/storefront');
    expect(rest).toMatchObject({ from, to, stepSeconds: 30, freshness: { blocksMissing: 0 } });
    const bandOf = (ms: number): number => boundsMs.findIndex((bound) => ms < bound);
    // It begins with the band of 2 ms and ends with that of 50 ms; each is 1.4 times as wide.
    expect([bandOf(2), bandOf(50)]).toEqual([0, boundsMs.length - 1]);
    for (const [i, bound] of boundsMs.slice(1).entries()) {
      expect(bound / (boundsMs[i] ?? 0)).toBeCloseTo(1.02 ** 17, 9);
    }
    const none = boundsMs.map(() => 0);
    expect(steps).toEqual([
      { time: from, requests: none.with(0, 90) },
      { time: new Date(startMs + 30_000).toISOString(), requests: none.with(-1, 10) },
    ]);
    const records = await map('step=60&route=shop/front&source=Gateway/shop/edge');
    expect(records.steps[0]?.requests.reduce((sum, count) => sum + count, 0)).toBe(24);
    expect(await map('step=60&route=shop/none')).toMatchObject({
      ...{ boundsMs: [], steps: [{ time: from, requests: [] }] },
    });
  });

  test('the graph has edges and nodes, and no request that reached nobody', async () => {
    const found = await service.get<GraphResponse>(`/v1/graph?${range}`);
    expect(
      found.edges.map((one) => [one.source, one.destination, one.requests, one.errors]),
    ).toEqual([
      ['Gateway/shop/edge', 'shop/storefront', 100, 10],
      ['shop/storefront', 'shop/catalog', 60, 0],
      ['shop/storefront', 'shop/orders', 30, 0],
    ]);
    expect(found.edges[0]).toMatchObject({ errorRate: 0.1, requestsPerSecond: 100 / 60 });
    expect(found.nodes.map(({ health: _health, ...node }) => node)).toEqual([
      { name: 'Gateway/shop/edge', requests: 100, errors: 10 },
      { name: 'shop/catalog', requests: 60, errors: 0 },
      {
        ...{ name: 'shop/orders', requests: 30, errors: 0 },
        own: { requests: 30, errors: 0, p99Ms: expect.closeTo(1, 1) as unknown },
      },
      { name: 'shop/storefront', requests: 100, errors: 10 },
    ]);
    // Of the minutes before the end of the range.
    const failing = {
      ...{ state: 'failing', rule: 'errors' },
      message: 'failing: 10 % of 100 calls failed in the last 5 min; at 5 % and more it fails',
    };
    expect(found.edges[0]?.health).toEqual(failing);
    expect(found.nodes[3]?.health).toEqual(failing);
    expect(found.nodes[1]?.health).toMatchObject({ state: 'healthy', rule: 'well' });
  });

  test('health has the worst first, and refuses what it cannot judge', async () => {
    const found = await service.get<HealthResponse>(`/v1/health?at=${to}`);
    expect(found).toMatchObject({ to, settings: { windowSeconds: 300, failingShare: 0.05 } });
    expect(found.freshness).toMatchObject({ blocksMissing: 0 });
    expect(found.services.map(({ name, health }) => [name, health.state])).toEqual([
      ['Gateway/shop/edge', 'failing'],
      ['shop/storefront', 'failing'],
      ['shop/catalog', 'healthy'],
      ['shop/orders', 'healthy'],
    ]);
    expect(found.edges[0]).toMatchObject({
      ...{ source: 'Gateway/shop/edge', destination: 'shop/storefront', side: 'callers' },
      health: { state: 'failing', rule: 'errors' },
    });
    for (const wrong of ['at=soon', 'window=55', 'failing=0', 'failing=0.1&degraded=0.2', 'x=1']) {
      const response = await fetch(`${service.url}/v1/health?${wrong}`);
      expect([wrong, response.status]).toEqual([wrong, 400]);
    }
  });

  test('records come newest first, page by page, by every filter', async () => {
    const ids: unknown[] = [];
    let cursor = '';
    for (let page = 0; page < 4; page++) {
      const found = await service.get<RecordsResponse>(`/v1/records?${range}&limit=10${cursor}`);
      ids.push(...found.items.map((item) => item['request_id']));
      if (found.next === undefined) break;
      cursor = `&cursor=${found.next}`;
    }
    const expected = RECORDS.map((row) => row['request_id'] || row['trace_id']).toReversed();
    expect(ids).toEqual(expected);
    const only = async (query: string) => {
      const found = await service.get<RecordsResponse>(`/v1/records?${range}&${query}`);
      return found.items.length;
    };
    expect(await only('status=503')).toBe(1);
    expect(await only('status=5xx')).toBe(1);
    expect(await only('status=2xx')).toBe(24);
    expect(await only('reason=no_endpoint')).toBe(1);
    expect(await only(`trace=${'a'.repeat(32)}`)).toBe(5);
    expect(await only('request=r03')).toBe(1);
    // Those of the same trace that have names of their own are other requests.
    expect(await only(`request=${'a'.repeat(32)}`)).toBe(1);
    expect(await only(`request=${'b'.repeat(32)}`)).toBe(0);
    expect(await only('direction=inbound')).toBe(1);
    expect(await only('proxy=gw')).toBe(25);
    expect(await only('proxy=other')).toBe(0);
    expect(await only('revision=8')).toBe(15);
    expect(await only('revision=2-8')).toBe(0);
    expect(await only('route=shop/front&service=shop/storefront')).toBe(25);
    const [first] = (await service.get<RecordsResponse>(`/v1/records?${range}&limit=1`)).items;
    expect(first).toMatchObject({ request_id: 'r24', duration_us: 25_000, path: '/p/24' });
    expect(Object.keys(first ?? {})).not.toContain('cursor_us');
  });

  test('values are values, never SQL', async () => {
    const nasty = encodeURIComponent("x' OR 1=1 --");
    for (const name of ['route', 'service', 'source', 'consumer', 'reason', 'proxy', 'trace']) {
      const found = await service.get<RecordsResponse>(`/v1/records?${range}&${name}=${nasty}`);
      expect([name, found.items]).toEqual([name, []]);
    }
  });

  test('tap refuses with a status what it cannot ask', async () => {
    const response = await fetch(`${service.url}/v1/tap?revision=first`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 'invalid-request',
      detail: expect.stringContaining('revision first is none') as unknown,
    });
  });

  test('tap shows fresh records once', async () => {
    const ended = new AbortController();
    const response = await fetch(`${service.url}/v1/tap?service=shop/fresh`, {
      signal: ended.signal,
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    const reading = (async () => {
      for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
    })().catch(() => undefined);
    await eventually(() => (text.includes(': records') ? true : undefined), {
      what: 'the stream',
      timeoutMs: 5_000,
    });
    const rows = ['shop/fresh', 'shop/other', 'shop/fresh'].map((destination, index) => ({
      ...{ time: (Date.now() + index) * 1_000, destination, request_id: `fresh${index}` },
    }));
    await mesh.send('access', 0, message('access', rows, { seq: 2, served: 28 }));
    const events = () => text.match(/^data: .*$/gm) ?? [];
    await eventually(() => (events().length === 2 ? true : undefined), {
      what: 'two events',
      timeoutMs: 15_000,
    });
    // Two more looks bring nothing again.
    const beats = () => text.match(/^:$/gm)?.length ?? 0;
    const seen = beats();
    await eventually(() => (beats() >= seen + 2 ? true : undefined), {
      what: 'two more looks',
      timeoutMs: 10_000,
    });
    expect(events().map((event) => JSON.parse(event.slice(6)).request_id)).toEqual([
      'fresh0',
      'fresh2',
    ]);
    ended.abort();
    await reading;
  });

  test('SQL is read-only, within limits, and inside the mesh’s database', async () => {
    const ask = (sql: string) =>
      service.post<SqlResponse & { detail?: string }>('/v1/query', { sql });
    const good = await ask(
      `SELECT source, toUInt32(sum(requests)) AS n FROM edges_10s
       WHERE destination = 'shop/storefront' GROUP BY source;`,
    );
    expect(good.status).toBe(200);
    expect(good.body.columns.map(({ name }) => name)).toEqual(['source', 'n']);
    expect(good.body.rows).toEqual([['Gateway/shop/edge', 100]]);
    const database = meshDatabase(mesh.name);
    expect((await ask(`SELECT count() FROM ${database}.records`)).status).toBe(200);
    expect((await ask('WITH a AS (SELECT 1 AS x) SELECT x FROM a')).body.rows).toEqual([[1]]);
    expect((await ask('SHOW TABLES')).body.rows).toContainEqual(['records']);
    expect((await ask('SELECT number FROM numbers(3)')).body.rows).toEqual([[0], [1], [2]]);
    const refused: [string, number][] = [
      ['INSERT INTO records SELECT * FROM records', 403],
      ['DROP TABLE records', 403],
      ['SELECT 1; DROP TABLE records', 400],
      ['SELECT count() FROM system.tables', 403],
      ['SELECT 1 WHERE 1 IN system.one', 403],
      ['SELECT * FROM (SELECT * FROM default.x)', 403],
      ["SELECT file('/etc/hostname')", 403],
      ["SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String')", 403],
      ["SELECT * FROM file('x.csv')", 403],
      ["SELECT * FROM merge('system', 'one')", 403],
      ["SELECT getSetting('max_threads')", 403],
      ["SELECT 1 INTO OUTFILE 'x'", 400],
      ['SELECT 1 SETTINGS max_execution_time = 0', 400],
      ['SELECT number FROM numbers(20000)', 400],
      ['SELECT count() FROM numbers(100000000000000)', 504],
      ['SELEC 1', 400],
      ['SELECT nothing FROM records', 400],
    ];
    const answers = await Promise.all(
      refused.map(async ([sql]) => [sql, (await ask(sql)).status] as const),
    );
    expect(answers).toEqual(refused);
    expect((await ask('SELECT nothing FROM records')).body.detail).toMatch(/nothing/);
  });

  test('SQL beyond the quota is refused with 429 and the time to wait, and counted', async () => {
    const limited = await startService(mesh, { more: ['--sql-per-minute', '2'] });
    const ask = () =>
      fetch(`${limited.url}/v1/query`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ sql: 'SELECT 1' }),
      });
    expect([(await ask()).status, (await ask()).status]).toEqual([200, 200]);
    const refused = await ask();
    expect(refused.status).toBe(429);
    const waitSeconds = Number(refused.headers.get('retry-after'));
    expect(waitSeconds).toBeGreaterThan(0);
    expect(waitSeconds).toBeLessThanOrEqual(30);
    expect(await refused.json()).toMatchObject({
      code: 'too-many-requests',
      detail: `SQL is limited to 2 statements a minute; ask again in ${waitSeconds} s`,
    });
    // Questions that are no SQL have no such limit.
    expect((await fetch(`${limited.url}/v1/analytics/totals`)).status).toBe(200);
    const metrics = await (await fetch(`${limited.url}/metrics`)).text();
    expect(metrics).toContain('windrose_analytics_sql_refused_total{limit="queries"} 1');
    expect(metrics).toContain('windrose_analytics_sql_refused_total{limit="seconds"} 0');
  });

  test('wrong questions get one sentence', async () => {
    const wrong: [string, RegExp][] = [
      ['/v1/analytics/totals?from=yesterday', /from yesterday is no time/],
      ['/v1/analytics/totals?from=-5m&to=-10m', /is not before/],
      ['/v1/analytics/totals?revision=x', /revision x is none/],
      ['/v1/analytics/totals?by=colour', /by/],
      ['/v1/analytics/series?from=-30d&step=10', /too many/],
      ['/v1/records?cursor=abc', /cursor/],
      ['/v1/records?status=9xx', /status/],
      ['/v1/records?colour=red', /colour/],
    ];
    for (const [path, detail] of wrong) {
      const response = await fetch(`${service.url}${path}`);
      const body = (await response.json()) as { detail: string; code: string };
      expect([path, response.status, body.code]).toEqual([path, 400, 'invalid-request']);
      expect(body.detail).toMatch(detail);
    }
  });

  test('it describes itself', async () => {
    const document = await service.get<{ paths: object }>('/openapi.json');
    expect(Object.keys(document.paths).sort()).toEqual([
      '/v1/analytics/heatmap',
      '/v1/analytics/series',
      '/v1/analytics/top',
      '/v1/analytics/totals',
      '/v1/audit',
      '/v1/dead-letters',
      '/v1/dead-letters/replay',
      '/v1/dead-letters/{id}',
      '/v1/graph',
      '/v1/health',
      '/v1/query',
      '/v1/records',
      '/v1/records/erase',
      '/v1/tap',
    ]);
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
  });
});
