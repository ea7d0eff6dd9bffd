import { ROLLUPS, TABLES } from '#contracts/tables.ts';
import type { Counts } from './burn-rate.ts';
import type { Selector } from './objective.ts';
import type { WorkerProgress } from './watermark.ts';

/** Rows of a read-only query, values as ClickHouse's JSONEachRow has them. */
export type Query = (
  sql: string,
  parameters: Record<string, unknown>,
) => Promise<Record<string, unknown>[]>;

/** Longer windows are read from the 1 min rollup up to the last whole minute. */
export const FINE_WINDOW_MAX_MS = 6 * 3_600_000;
const MINUTE_MS = 60_000;
/** Workers that stored nothing for this long are not looked at. */
const LEDGER_LOOKBACK_MINUTES = 60;

/** How far each worker's metric stream is stored. */
export async function readProgress(query: Query): Promise<WorkerProgress[]> {
  const rows = await query(
    `SELECT toUnixTimestamp64Milli(max(max_time)) AS newest, argMax(end, seq) AS ended
     FROM ${TABLES.blocks}
     WHERE stream = 'metrics' AND time >= now64(3) - INTERVAL ${LEDGER_LOOKBACK_MINUTES} MINUTE
     GROUP BY proxy, instance, worker
     HAVING newest > 0`,
    {},
  );
  return rows.map((row) => ({
    newestMs: Number(row['newest']),
    ended: Number(row['ended']) !== 0,
  }));
}

export interface CountsRequest {
  selector: Selector;
  goodClasses: readonly string[];
  /** End of every window, exclusive; a multiple of the rollup's step. */
  untilMs: number;
  windowsMs: readonly number[];
}

/** Requests in each window, from the caller's side; the answer's keys are the windows. */
export async function readCounts(
  query: Query,
  request: CountsRequest,
): Promise<Map<number, Counts>> {
  const fine = request.windowsMs.filter((windowMs) => windowMs <= FINE_WINDOW_MAX_MS);
  const coarse = request.windowsMs.filter((windowMs) => windowMs > FINE_WINDOW_MAX_MS);
  const counts = new Map<number, Counts>();
  const minuteMs = Math.floor(request.untilMs / MINUTE_MS) * MINUTE_MS;
  const fineStarts = fine.map((windowMs) => request.untilMs - windowMs);
  const [near, far] = await Promise.all([
    // Its last start is that of the tail which the 1 min rollup does not have yet.
    sums(query, request, 'fine', [...fineStarts, minuteMs], request.untilMs),
    sums(
      query,
      request,
      'minute',
      coarse.map((windowMs) => Math.ceil((request.untilMs - windowMs) / MINUTE_MS) * MINUTE_MS),
      minuteMs,
    ),
  ]);
  const tail = near[fine.length] ?? NONE;
  fine.forEach((windowMs, i) => counts.set(windowMs, near[i] ?? NONE));
  coarse.forEach((windowMs, i) => {
    const whole = far[i] ?? NONE;
    counts.set(windowMs, { good: whole.good + tail.good, total: whole.total + tail.total });
  });
  return counts;
}

const NONE: Counts = { good: 0, total: 0 };

async function sums(
  query: Query,
  request: CountsRequest,
  resolution: 'fine' | 'minute',
  startsMs: readonly number[],
  endMs: number,
): Promise<Counts[]> {
  if (startsMs.length === 0) return [];
  const { table, where, parameters } = sourceOf(request.selector, resolution);
  const columns = startsMs.flatMap((startMs, i) => {
    const since = `time >= toDateTime(${seconds(startMs)}, 'UTC')`;
    return [
      `sumIf(requests, ${since}) AS total_${i}`,
      `sumIf(requests, ${since} AND status_class IN {good:Array(String)}) AS good_${i}`,
    ];
  });
  const [row = {}] = await query(
    `SELECT ${columns.join(', ')}
     FROM ${table}
     WHERE time >= toDateTime(${seconds(Math.min(...startsMs))}, 'UTC')
       AND time < toDateTime(${seconds(endMs)}, 'UTC') AND ${where}`,
    { ...parameters, good: [...request.goodClasses] },
  );
  return startsMs.map((_, i) => ({
    total: Number(row[`total_${i}`] ?? 0),
    good: Number(row[`good_${i}`] ?? 0),
  }));
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}

function sourceOf(
  selector: Selector,
  resolution: 'fine' | 'minute',
): { table: string; where: string; parameters: Record<string, string> } {
  const edges = resolution === 'fine' ? ROLLUPS.edges.table : ROLLUPS.edgesMinute.table;
  const routes = resolution === 'fine' ? ROLLUPS.routes.table : ROLLUPS.routesMinute.table;
  switch (selector.by) {
    case 'service':
      return {
        table: edges,
        where: 'destination = {destination:String}',
        parameters: { destination: selector.service },
      };
    case 'edge':
      return {
        table: edges,
        where: 'destination = {destination:String} AND source = {source:String}',
        parameters: { destination: selector.destination, source: selector.source },
      };
    case 'route':
      return {
        table: routes,
        where: 'route = {route:String}',
        parameters: { route: selector.route },
      };
    default:
      return selector satisfies never;
  }
}
