import { GROUPS, type Group } from '#contracts/api/analytics.ts';
import { expect, test } from 'vitest';
import {
  type Filters,
  chooseSource,
  filterSql,
  whereSql,
} from '../../../../services/analytics/api/source.ts';

const NOW = Date.UTC(2026, 0, 20);
const HOUR_MS = 3_600_000;

function tableOf(
  by: Group | undefined,
  filters: Filters = {},
  backMs = HOUR_MS,
  stepMs?: number,
): string {
  const range = { fromMs: NOW - backMs, toMs: NOW };
  return chooseSource({ by, filters, range, nowMs: NOW, stepMs }).table;
}

test('the rollup that has every column, the coarse one for long and old times', () => {
  expect(GROUPS.map((by) => [by, tableOf(by)])).toEqual([
    ['route', 'routes_10s'],
    ['service', 'edges_10s'],
    ['edge', 'edges_10s'],
    ['consumer', 'routes_10s'],
    ['revision', 'edges_10s'],
    ['reason', 'edges_10s'],
    ['backend', 'routes_10s'],
    ['template', 'records'],
  ]);
  expect(tableOf('field.tenant')).toBe('records');
  expect(tableOf(undefined, { field: 'tenant=acme' })).toBe('records');
  expect(tableOf(undefined)).toBe('edges_10s');
  expect(tableOf('service', { route: 'a/b' })).toBe('routes_10s');
  expect(tableOf('service', { route: 'a/b', source: 'c/d' })).toBe('records');
  expect(tableOf('service', {}, 7 * HOUR_MS)).toBe('edges_1m');
  expect(tableOf('service', {}, 7 * HOUR_MS, 60_000)).toBe('edges_1m');
  expect(tableOf('service', {}, 7 * HOUR_MS, 10_000)).toBe('edges_10s');
  expect(tableOf('route', {}, 14 * 24 * HOUR_MS)).toBe('routes_1m');
  expect(tableOf('route', {}, 20 * 24 * HOUR_MS, 10_000)).toBe('routes_1m');
  expect(tableOf('route', {}, 20 * 24 * HOUR_MS, 3_600_000)).toBe('routes_1h');
  expect(tableOf('service', {}, 20 * 24 * HOUR_MS)).toBe('edges_1h');
  expect(tableOf('service', {}, 91 * 24 * HOUR_MS, 60_000)).toBe('edges_1h');
});

test('a filter is a parameter, never text of the statement', () => {
  const value = "x' OR '1'='1";
  const filters = { route: value, service: value, source: value, consumer: value, reason: value };
  const { conditions, params } = filterSql(filters);
  expect(conditions).toHaveLength(5);
  expect(conditions.join(' ')).not.toContain(value);
  expect(Object.values(params)).toEqual(Array(5).fill(value));
});

test('a revision with and without its epoch', () => {
  expect(filterSql({ revision: '42' })).toEqual({
    conditions: ['revision = {revision: UInt64}'],
    params: { revision: 42 },
  });
  expect(filterSql({ revision: '2-42' }).params).toEqual({ revision: 42, epoch: 2 });
  expect(() => filterSql({ revision: '42; DROP' })).toThrow(/is none/);
});

test('records count the caller’s side only', () => {
  const range = { fromMs: 1_000, toMs: 2_000 };
  const source = chooseSource({
    by: 'edge',
    filters: { route: 'a/b' },
    range,
    nowMs: 2_000,
  });
  const { where, params } = whereSql(source, { route: 'a/b' }, range);
  expect(where).toContain("direction IN ('edge', 'outbound') OR source = 'unknown'");
  expect(params).toEqual({ route: 'a/b', from: 1_000, to: 2_000 });
});
