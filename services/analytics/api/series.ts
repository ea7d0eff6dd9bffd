import type { SeriesQuery, SeriesResponse } from '#contracts/api/analytics.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { HttpProblem } from '#platform/http.ts';
import { ask } from './ask.ts';
import { type Buckets, apdex, quantilesMs } from './histogram.ts';
import { POINTS_MAX, SERIES_MAX } from './limits.ts';
import { type TimeRange, iso, readRange } from './range.ts';
import { type Source, keySql, whereSql } from './source.ts';
import { stepsOf } from './steps.ts';
import { NONE } from './totals.ts';

type Series = SeriesResponse['series'][number];
type Point = Series['points'][number];

interface Row {
  key: string;
  at: number;
  requests: number;
  errors: number;
  durations: Buckets;
  fine_durations: Buckets;
}

/** Counts and latencies step by step, for the busiest groups; steps without traffic are zeros. */
export async function readSeries(
  clickhouse: ClickHouse,
  query: SeriesQuery,
  nowMs: number,
): Promise<Omit<SeriesResponse, 'freshness'>> {
  const asked = readRange(query, nowMs);
  const { by } = query;
  const { range, source, stepMs } = stepsOf(asked, query, nowMs);
  const steps = (range.toMs - range.fromMs) / stepMs;
  if (steps * (by === undefined ? 1 : SERIES_MAX) > POINTS_MAX) {
    throw new HttpProblem(
      'invalid-request',
      `${steps} steps are too many: ask for a longer step or a shorter time`,
    );
  }
  const rows = await readRows(clickhouse, { query, source, range, stepMs });
  const keys = by === undefined ? ['all'] : [...new Set(rows.map((row) => row.key))];
  return {
    from: iso(range.fromMs),
    to: iso(range.toMs),
    stepSeconds: stepMs / 1_000,
    series: keys
      .map((key) => ({ key, points: pointsOf(rows, key, { range, stepMs, query }) }))
      .sort((a, b) => sumOf(b) - sumOf(a) || (a.key < b.key ? -1 : 1)),
  };
}

async function readRows(
  clickhouse: ClickHouse,
  of: { query: SeriesQuery; source: Source; range: TimeRange; stepMs: number },
): Promise<Row[]> {
  const { query, source, range, stepMs } = of;
  const { where, params } = whereSql(source, query, range);
  const { requests, errors, durations, fine_durations } = source.measures;
  const key = keySql(query.by);
  const busiest =
    query.by === undefined
      ? '1'
      : `${key} IN (SELECT ${key} FROM ${source.table} WHERE ${where}
         GROUP BY ${key} ORDER BY ${requests} DESC, ${key} LIMIT ${SERIES_MAX})`;
  const rows = await ask<Record<string, unknown>>(
    clickhouse,
    `SELECT ${key} AS key, intDiv(toUnixTimestamp(toDateTime(time, 'UTC')), {step: UInt32}) AS at,
       ${requests} AS requests_, ${errors} AS errors_, ${durations} AS durations_,
       ${fine_durations} AS fine_durations_
     FROM ${source.table} WHERE ${where} AND ${busiest} GROUP BY key, at`,
    { ...params, step: stepMs / 1_000 },
  );
  return rows.map((row) => ({
    key: row['key'] === '' ? NONE : String(row['key']),
    at: Number(row['at']) * stepMs,
    requests: Number(row['requests_']),
    errors: Number(row['errors_']),
    durations: row['durations_'] as Buckets,
    fine_durations: row['fine_durations_'] as Buckets,
  }));
}

function pointsOf(
  rows: readonly Row[],
  key: string,
  { query, range, stepMs }: { query: SeriesQuery; range: TimeRange; stepMs: number },
): Point[] {
  const byTime = new Map(rows.filter((row) => row.key === key).map((row) => [row.at, row]));
  const points: Point[] = [];
  for (let atMs = range.fromMs; atMs < range.toMs; atMs += stepMs) {
    const row = byTime.get(atMs);
    const [p50Ms, p99Ms] = quantilesMs(row?.durations ?? {}, [0.5, 0.99]);
    const { requests = 0, errors = 0 } = row ?? {};
    const index =
      row === undefined || query.apdex === undefined
        ? undefined
        : apdex(row.fine_durations, requests, query.apdex);
    const figures = index === undefined ? {} : { apdex: index };
    points.push({ time: iso(atMs), requests, errors, p50Ms, p99Ms, ...figures });
  }
  return points;
}

function sumOf(series: Series): number {
  return series.points.reduce((sum, point) => sum + point.requests, 0);
}
