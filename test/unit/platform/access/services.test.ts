import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Alert, AlertList, SloList, SloStatus } from '#contracts/api/alerting.ts';
import { TokenFile } from '#platform/access/token-file.ts';
import { systemClock } from '#platform/clock.ts';
import { createApi } from '#platform/http.ts';
import { createServiceLog } from '#platform/service-log.ts';
import { tempDir } from '#test/parts.ts';
import type { FastifyInstance } from 'fastify';
import { expect, test } from 'vitest';
import { addRoutes as addAlerting } from '../../../../services/alerting/api.ts';
import { addRoutes as addAnalytics } from '../../../../services/analytics/api/routes.ts';
import { sloDocument } from '../../alerting/fixtures.ts';

const log = createServiceLog({ service: 'test', level: 'silent' });
const headers = { authorization: 'Bearer wr_shop' };

/** An API whose one token may view the namespace shop. */
async function guarded(name: string): Promise<FastifyInstance> {
  const path = join(tempDir(), 'tokens.yaml');
  const sha256 = createHash('sha256').update('wr_shop').digest('hex');
  const roles = [{ role: 'view', namespaces: ['shop'] }];
  writeFileSync(path, JSON.stringify([{ name: 'ann', sha256, roles }]));
  const tokens = new TokenFile(path, { log });
  const described = { name, description: '', notReady: () => undefined };
  return (await createApi({ ...described, log, tokens })).app;
}

test('alerting leaves out objectives and alerts of other namespaces', async () => {
  const app = await guarded('alerting');
  const statuses = ['shop/a', 'pay/b'].map((slo): SloStatus => ({
    ...{ slo, service: 's', displayName: slo, target: 0.9, windowMs: 1, good: 1, total: 1 },
    ...{ budgetLeft: 1, burnRates: [], state: 'ok', evaluatedAt: '' },
  }));
  const alerts = statuses.map(({ slo }): Alert => ({
    ...{ id: slo, slo, service: 's', policy: 'p', severity: 'page', state: 'firing' },
    ...{ startedAt: '', summary: slo },
  }));
  addAlerting(app, {
    evaluator: { evaluations: 1, statuses },
    file: { current: { alerts } },
    notReady: () => undefined,
  } as never);
  const slos = await app.inject({ url: '/v1/slos', headers });
  expect(slos.body).toContain('shop/a');
  expect(slos.body).not.toContain('pay/b');
  expect(slos.json<SloList>().items).toHaveLength(1);
  const firing = await app.inject({ url: '/v1/alerts', headers });
  expect(firing.json<AlertList>().items.map(({ slo }) => slo)).toEqual(['shop/a']);
  expect((await app.inject('/v1/slos')).statusCode).toBe(401);
});

test('alerting plays objectives of what a token may view only', async () => {
  const app = await guarded('alerting');
  const asked: unknown[] = [];
  addAlerting(app, {
    notReady: () => undefined,
    completeUntil: () => Promise.resolve(Date.UTC(2026, 5, 1)),
    query: (_sql: string, parameters: unknown) => {
      asked.push(parameters);
      return Promise.resolve([]);
    },
  } as never);
  const post = async (selector: Record<string, string>): Promise<number> => {
    const payload = { slo: sloDocument({ selector }), since: '2026-05-31T00:00:00Z' };
    return (await app.inject({ method: 'POST', url: '/v1/slos/test', headers, payload }))
      .statusCode;
  };
  expect(await post({ service: 'pay/charge' })).toBe(403);
  expect(await post({ destination: 'shop/a', source: 'pay/b' })).toBe(403);
  expect(await post({ destination: 'shop/a', source: 'Gateway/pay/b' })).toBe(403);
  expect(await post({ consumer: 'pay/ann' })).toBe(403);
  expect(asked).toEqual([]);
  expect(await post({ destination: 'shop/a', source: 'Gateway/shop/b' })).toBe(200);
  expect(asked).toMatchObject([{ value0: 'shop/a', value1: 'Gateway/shop/b' }]);
});

test('analytics asks who it is before it asks ClickHouse', async () => {
  const app = await guarded('analytics');
  const asked: string[] = [];
  const clickhouse = {
    query: (sql: string) => {
      asked.push(sql);
      return Promise.resolve([]);
    },
  };
  const parts = { clickhouse, reader: { clickhouse }, clock: systemClock, log };
  addAnalytics(app, { ...parts, stopping: new AbortController().signal } as never);
  const urls = ['analytics/totals', 'analytics/top', 'analytics/series', 'records', 'tap'];
  for (const url of [...urls, 'graph', 'health', 'audit', 'records?route=pay/r']) {
    const answer = await app.inject({ url: `/v1/${url}`, headers });
    expect([url, answer.statusCode]).toEqual([url, 403]);
  }
  const sql = { method: 'POST', url: '/v1/query', payload: { sql: 'SELECT 1' }, headers } as const;
  expect((await app.inject(sql)).statusCode).toBe(403);
  const payload = { clientAddress: '192.0.2.1' };
  const erase = { method: 'POST', url: '/v1/records/erase', payload, headers } as const;
  expect((await app.inject(erase)).statusCode).toBe(403);
  expect(asked).toEqual([]);
  const own = await app.inject({ url: '/v1/records?route=shop/r', headers });
  expect([own.statusCode, asked.length > 0]).toEqual([200, true]);
});
