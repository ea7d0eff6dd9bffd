import type { Group, TotalsQuery, TotalsResponse, TotalsRow } from '#contracts/api/analytics.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { HttpProblem } from '#platform/http.ts';
import { ask } from './ask.ts';
import { type Buckets, apdex, quantilesMs } from './histogram.ts';
import { GROUPS_MAX } from './limits.ts';
import { type TimeRange, alignTo, elapsedSeconds, iso, readRange } from './range.ts';
import { type Filters, chooseSource, keySql, whereSql } from './source.ts';

export interface GroupRow {
  key: string;
  requests: number;
  errors: number;
  bytes_in: number;
  bytes_out: number;
  durations: Buckets;
  /** Of those that were no errors. */
  fine_durations: Buckets;
}

const LIMIT = 20;
/** What stands where a request had none, such as the route of a request that no route matched. */
export const NONE = '(none)';

export interface Totals {
  range: TimeRange;
  rows: TotalsRow[];
}

/** Sums by group over whole rows of a rollup, in the order asked for. */
export async function readTotals(
  clickhouse: ClickHouse,
  query: TotalsQuery,
  nowMs: number,
): Promise<Totals> {
  const { by, limit = LIMIT, order = 'requests' } = query;
  const { range, rows } = await readGroups(clickhouse, { by, filters: query, query, nowMs });
  const seconds = elapsedSeconds(range, nowMs);
  const totals = rows.map((row) => ({ ...totalsRow(row, seconds), ...figuresOf(row, query) }));
  const orders: Record<typeof order, (row: TotalsRow) => number> = {
    requests: (row) => row.requests,
    errors: (row) => row.errors,
    error_rate: (row) => row.errorRate,
    p99: (row) => row.p99Ms,
  };
  const value = orders[order];
  totals.sort((a, b) => value(b) - value(a) || b.requests - a.requests || (a.key < b.key ? -1 : 1));
  return { range, rows: totals.slice(0, limit) };
}

export function totalsResponse(
  { range, rows }: Totals,
  freshness: TotalsResponse['freshness'],
): TotalsResponse {
  return { from: iso(range.fromMs), to: iso(range.toMs), rows, freshness };
}

export interface GroupQuestion {
  by: Group | undefined;
  filters: Filters;
  query: { from?: string; to?: string };
  nowMs: number;
}

async function readGroups(
  clickhouse: ClickHouse,
  { by, filters, query, nowMs }: GroupQuestion,
): Promise<{ range: TimeRange; rows: GroupRow[] }> {
  const asked = readRange(query, nowMs);
  const source = chooseSource({ by, filters, range: asked, nowMs });
  const range = alignTo(asked, source.stepMs);
  const { where, params } = whereSql(source, filters, range);
  const measures = Object.entries(source.measures).map(([name, sql]) => `${sql} AS ${name}_`);
  const rows = await ask<Record<string, unknown>>(
    clickhouse,
    `SELECT ${keySql(by)} AS key, ${measures.join(', ')}
     FROM ${source.table} WHERE ${where} GROUP BY key LIMIT ${GROUPS_MAX + 1}`,
    params,
  );
  if (rows.length > GROUPS_MAX) {
    throw new HttpProblem(
      'invalid-request',
      `there are more than ${GROUPS_MAX} groups: narrow them down by a filter or a shorter time`,
    );
  }
  return { range, rows: rows.map(groupRow) };
}

function groupRow(row: Record<string, unknown>): GroupRow {
  const number = (name: string): number => Number(row[name]);
  return {
    key: row['key'] === '' ? NONE : String(row['key']),
    requests: number('requests_'),
    errors: number('errors_'),
    bytes_in: number('bytes_in_'),
    bytes_out: number('bytes_out_'),
    durations: row['durations_'] as Buckets,
    fine_durations: row['fine_durations_'] as Buckets,
  };
}

function totalsRow(row: GroupRow, seconds: number): TotalsRow {
  const [p50Ms, p95Ms, p99Ms] = quantilesMs(row.durations, [0.5, 0.95, 0.99]);
  return {
    key: row.key,
    requests: row.requests,
    errors: row.errors,
    errorRate: errorRate(row),
    requestsPerSecond: row.requests / seconds,
    bytesIn: row.bytes_in,
    bytesOut: row.bytes_out,
    p50Ms,
    p95Ms,
    p99Ms,
  };
}

/** What was asked for besides. */
function figuresOf(
  { durations, fine_durations, requests }: GroupRow,
  { apdex: satisfiedMs, quantiles }: TotalsQuery,
): Pick<TotalsRow, 'apdex' | 'quantilesMs'> {
  const index =
    satisfiedMs === undefined ? undefined : apdex(fine_durations, requests, satisfiedMs);
  const shares = quantiles?.split(',');
  const found = shares && quantilesMs(durations, shares.map(Number));
  return {
    ...(index === undefined ? {} : { apdex: index }),
    ...(shares && {
      quantilesMs: Object.fromEntries(shares.map((share, i) => [share, found?.[i] ?? 0])),
    }),
  };
}

export function errorRate(row: { requests: number; errors: number }): number {
  return row.requests === 0 ? 0 : row.errors / row.requests;
}
