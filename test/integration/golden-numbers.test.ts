// One hour of traffic of which every figure is worked out by hand, and every door asked for it.
import type { SeriesResponse, SqlResponse, TotalsResponse } from '#contracts/api/analytics.ts';
import { beforeAll, describe, expect, test } from 'vitest';
import { BOARDS, queriesOf } from '../../dashboards/grafana/boards.ts';
import { expandSql } from '../../dashboards/grafana/macros.ts';
import { backtest } from '../../services/alerting/backtest.ts';
import { objectiveOf } from '../../services/alerting/objective.ts';
import { policy, slo } from '../unit/alerting/fixtures.ts';
import {
  type Row,
  type TestMesh,
  type TestService,
  message,
  startService,
  testMesh,
  untilBlocks,
} from './analytics/mesh.ts';

const MINUTE = 60_000;
const startMs = Math.floor(Date.now() / MINUTE) * MINUTE - 3 * 60 * MINUTE;
const endMs = startMs + 60 * MINUTE;

/*
 * Each minute has 100 requests in its first 10 s: 10 take 200 ms and the others 10 ms; in the
 * minutes 30 to 39, 20 of these others fail after 50 ms.
 *
 *   requests  60 × 100 = 6,000
 *   errors    10 × 20 = 200, which is one in 30
 *   10 ms     50 × 90 + 10 × 70 = 5,200     rank 1 to 5,200
 *   50 ms     200                           rank 5,201 to 5,400
 *   200 ms    60 × 10 = 600                 rank 5,401 to 6,000
 *   p50       rank 3,000: 10 ms             p90   rank 5,400: 50 ms
 *   p95       rank 5,700: 200 ms            p99   rank 5,940: 200 ms
 *   Apdex     T = 100 ms: (5,200 + 600 / 2) / 6,000, since errors frustrate however fast
 *   budget    99 %: 60 may fail, 200 did: 1 - 200 / 60 of it is left
 *   alert     5 × the budget over 10 min and 2 min: 5 % of 1,000 and of 200 requests. The third bad
 *             minute makes it 60 of 1,000, at 32:10. Two good minutes are whole at 41:10.
 */
const TOTALS = { requests: 6_000, errors: 200 };
const APDEX = 5_500 / 6_000;

const LABELS: Row = {
  ...{ source: 'Gateway/shop/edge', destination: 'shop/payments', route: 'shop/pay' },
  consumer: 'shop/ann',
};
const ROWS = Array.from({ length: 60 }, (_, minute): Row[] => {
  const isBad = minute >= 30 && minute < 40;
  const row = { ...LABELS, time: (startMs + minute * MINUTE) * 1_000 };
  const failed = { status_class: '5xx', reason: 'upstream_timeout', duration_us: 50_000 };
  return [
    { ...row, requests: isBad ? 70 : 90, duration_us: 10_000 },
    { ...row, requests: 10, duration_us: 200_000 },
    ...(isBad ? [{ ...row, ...failed, requests: 20 }] : []),
  ];
}).flat();

/** Log buckets are off by 1 % at most. */
const near = (ms: number) => ({
  asymmetricMatch: (found: unknown) => Math.abs(Number(found) / ms - 1) <= 0.01,
});

let mesh: TestMesh;
let service: TestService;
const [from, to] = [startMs, endMs].map((ms) => new Date(ms).toISOString());

describe('an hour of which every figure is known', () => {
  beforeAll(async () => {
    mesh = testMesh({ keep: true });
    service = await startService(mesh, { keep: true });
    await mesh.send('metrics', 0, message('metrics', ROWS, {}));
    await untilBlocks(mesh, 'metrics', 1);
    return async () => {
      await service.kill('SIGTERM');
      await mesh.close();
    };
  });

  test.each(['route', 'service', 'consumer', 'backend', undefined])(
    'totals by %s, with quantiles and Apdex',
    async (by) => {
      const group = by === undefined ? '' : `&by=${by}`;
      const asked = `from=${from}&to=${to}&apdex=100&quantiles=0.9,0.95${group}`;
      const { rows } = await service.get<TotalsResponse>(`/v1/analytics/totals?${asked}`);
      expect(rows).toHaveLength(1);
      expect(rows[0]).toMatchObject({
        ...TOTALS,
        ...{ errorRate: 200 / 6_000, requestsPerSecond: 6_000 / 3_600, apdex: APDEX },
        ...{ p50Ms: near(10), p95Ms: near(200), p99Ms: near(200) },
        quantilesMs: { '0.9': near(50), '0.95': near(200) },
      });
    },
  );

  test('series, ten minutes at a time', async () => {
    const asked = `from=${from}&to=${to}&step=600&apdex=100`;
    const { series } = await service.get<SeriesResponse>(`/v1/analytics/series?${asked}`);
    const points = series[0]?.points.map(({ requests, errors, apdex }) => [
      requests,
      errors,
      apdex,
    ]);
    // A good minute: 90 and half of 10 of 100; a bad one: 70 and half of 10.
    const good = [1_000, 0, 0.95];
    const bad = [1_000, 200, 0.75];
    expect(points?.filter(([requests]) => requests !== 0)).toEqual(
      startMs % 600_000 === 0 ? [good, good, good, bad, good, good] : expect.anything(),
    );
    const sums = points?.reduce((sum, [requests = 0, errors = 0]) => [
      ...[(sum[0] ?? 0) + requests, (sum[1] ?? 0) + errors],
    ]);
    expect(sums).toEqual([6_000, 200]);
  });

  test('SQL by whoever is curious, from each rollup', async () => {
    for (const table of ['routes_10s', 'routes_1m', 'routes_1h', 'edges_10s', 'edges_1h']) {
      const sql = `SELECT sum(requests), sum(errors), sum(duration_us_sum) FROM ${table}`;
      const { body } = await service.post<SqlResponse>('/v1/query', { sql });
      // 5,200 × 10 ms + 200 × 50 ms + 600 × 200 ms.
      expect([table, body.rows]).toEqual([table, [[6_000, 200, 182_000_000]]]);
    }
  });

  test('the boards, over the same hour', async () => {
    const expansion = {
      ...{ fromMs: startMs, toMs: endMs, intervalMs: 10_000 },
      variables: { direction: ['edge'], route: 'all', consumer: 'all', service: 'all' } as const,
    };
    const queries = Object.values(BOARDS).flatMap(queriesOf);
    const shown = async (panel: string): Promise<unknown[][]> => {
      const found = queries.find((each) => each.board === 'API analytics' && each.panel === panel);
      return (await mesh.clickhouse.table(expandSql(found?.sql ?? '', expansion))).rows;
    };
    expect(await shown('Requests')).toEqual([[6_000]]);
    expect(await shown('Error rate')).toEqual([[200 / 6_000]]);
    expect(await shown('Latency')).toEqual([[near(10), near(200), near(200)]]);
    expect(await shown('Consumers')).toEqual([[1]]);
  });

  test('the budget, and when an alert of it would have fired', async () => {
    const objective = objectiveOf(slo({ policies: [policy(5, ['10m', '2m'])] }));
    const { alerts, ...rest } = await backtest(
      (sql, parameters) => mesh.clickhouse.query(sql, parameters),
      objective,
      { fromMs: startMs, untilMs: endMs, fineSinceMs: startMs - 24 * 60 * MINUTE },
    );
    expect(rest).toMatchObject({ good: 5_800, total: 6_000, budgetLeft: -2.333333333 });
    const after = (time: string | undefined) =>
      new Date(Date.parse(time ?? '') - startMs).toISOString().slice(14, 19);
    expect(alerts.map((alert) => [after(alert.startedAt), after(alert.resolvedAt)])).toEqual([
      ['32:10', '41:10'],
    ]);
  });
});
