import type { Freshness } from '#contracts/api/analytics.ts';
import { type Stream, TABLES } from '#contracts/tables.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import type { Clock } from '#platform/clock.ts';
import { ask } from './ask.ts';
import { iso } from './range.ts';

/** Asked with every answer, so it may be this old. */
const REMEMBER_MS = 1_000;

/** Per worker, of the last day: numbers between its first and last block that are not stored. */
const SQL = `
SELECT max(newest) AS newest, sum(missing) AS missing
FROM (
  SELECT
    toUnixTimestamp64Milli(maxIf(max_time, rows > 0)) AS newest,
    toInt64(max(seq)) - toInt64(min(seq)) + 1 - toInt64(uniqExact(seq)) AS missing
  FROM ${TABLES.blocks}
  WHERE stream = {stream: String} AND time >= now64(3) - INTERVAL 1 DAY
  GROUP BY instance, worker
)`;

export type FreshnessOf = (stream: Stream) => Promise<Freshness>;

/** What answers rest on: how new the newest stored row is, and what is known to be missing. */
export function freshnessReader(clickhouse: ClickHouse, clock: Clock): FreshnessOf {
  const remembered = new Map<Stream, { untilMs: number; answer: Promise<Freshness> }>();
  return (stream) => {
    const found = remembered.get(stream);
    if (found !== undefined && clock.nowMs() < found.untilMs) return found.answer;
    const answer = read(clickhouse, stream);
    remembered.set(stream, { untilMs: clock.nowMs() + REMEMBER_MS, answer });
    answer.catch(() => remembered.delete(stream));
    return answer;
  };
}

async function read(clickhouse: ClickHouse, stream: Stream): Promise<Freshness> {
  const [row] = await ask<{ newest: number; missing: number }>(clickhouse, SQL, { stream });
  const newest = row?.newest ?? 0;
  return {
    ...(newest > 0 ? { newest: iso(newest) } : {}),
    blocksMissing: row?.missing ?? 0,
  };
}
