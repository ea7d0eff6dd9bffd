import type { HeatmapQuery, HeatmapResponse } from '#contracts/api/analytics.ts';
import { BUCKET_BASE } from '#contracts/metrics.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { HttpProblem } from '#platform/http.ts';
import { ask } from './ask.ts';
import type { Buckets } from './histogram.ts';
import { POINTS_MAX } from './limits.ts';
import { iso, readRange } from './range.ts';
import { whereSql } from './source.ts';
import { stepsOf } from './steps.ts';

/** Buckets of 2 % in a band: 17 and a half double, so that a band is 1.4 times as wide. */
const BAND_BUCKETS = 17;

/** How many requests took how long, step by step; bands that nobody was in are cut off. */
export async function readHeatmap(
  clickhouse: ClickHouse,
  query: HeatmapQuery,
  nowMs: number,
): Promise<Omit<HeatmapResponse, 'freshness'>> {
  const { range, source, stepMs } = stepsOf(readRange(query, nowMs), query, nowMs);
  const count = (range.toMs - range.fromMs) / stepMs;
  if (count > POINTS_MAX) {
    throw new HttpProblem(
      'invalid-request',
      `${count} steps are too many: ask for a longer step or a shorter time`,
    );
  }
  const { where, params } = whereSql(source, query, range);
  const rows = await ask<{ at: number | string; durations_: Buckets }>(
    clickhouse,
    `SELECT intDiv(toUnixTimestamp(toDateTime(time, 'UTC')), {step: UInt32}) AS at,
       ${source.measures.durations} AS durations_
     FROM ${source.table} WHERE ${where} GROUP BY at`,
    { ...params, step: stepMs / 1_000 },
  );
  const byTime = new Map(rows.map((row) => [Number(row.at) * stepMs, bandsOf(row.durations_)]));
  const bands = [...byTime.values()].flatMap((each) => [...each.keys()]);
  // Without any request there is no band.
  const [first, last] = bands.length === 0 ? [0, -1] : [Math.min(...bands), Math.max(...bands)];
  const shown = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return {
    from: iso(range.fromMs),
    to: iso(range.toMs),
    stepSeconds: stepMs / 1_000,
    boundsMs: shown.map((band) => BUCKET_BASE ** ((band + 1) * BAND_BUCKETS) / 1_000),
    steps: Array.from({ length: count }, (_, i) => {
      const timeMs = range.fromMs + i * stepMs;
      const found = byTime.get(timeMs);
      return { time: iso(timeMs), requests: shown.map((band) => found?.get(band) ?? 0) };
    }),
  };
}

function bandsOf(buckets: Buckets): Map<number, number> {
  const bands = new Map<number, number>();
  for (const [bucket, count] of Object.entries(buckets)) {
    const band = Math.floor(Number(bucket) / BAND_BUCKETS);
    bands.set(band, (bands.get(band) ?? 0) + count);
  }
  return bands;
}
