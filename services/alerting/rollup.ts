import { ROLLUPS, TABLES } from '#contracts/tables.ts';
import type { Counts } from './burn-rate.ts';
import type { Good, Selector, Slices } from './objective.ts';
import { ROLLUP_TABLES, type Resolution, bucketUpTo, fastSql, placeOf } from './place.ts';
import type { WorkerProgress } from './watermark.ts';

/** Rows of a read-only query, values as ClickHouse's JSONEachRow has them. */
export type Query = (
  sql: string,
  parameters: Record<string, unknown>,
) => Promise<Record<string, unknown>[]>;

/** Longer windows are read from the 1 min rollup up to the last whole minute. */
export const FINE_WINDOW_MAX_MS = 6 * 3_600_000;
export const MINUTE_MS = 60_000;
/** Longer ones from the 1 h rollup up to the last whole hour, whose rows are kept for longest. */
const MINUTE_WINDOW_MAX_MS = 31 * 86_400_000;
/** Workers that stored nothing for this long are not looked at. */
const LEDGER_LOOKBACK_MINUTES = 60;
/** Sums of one query for each group of rows. */
const STARTS_MAX = 64;

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
  good: Good;
  /** Counts slices of time; undefined: requests. */
  slices?: Slices;
  windowsMs: readonly number[];
}

/** By window. */
export type WindowCounts = ReadonlyMap<number, Counts>;

/**
 * In each window of objectives that count requests, those from the caller's side: one query for all
 * that read the same rows, so that a thousand of them cost little more than one. `untilMs`: end of
 * every window, exclusive; a multiple of the rollup's step. Answers in the order of the requests.
 */
export async function readRequests(
  query: Query,
  requests: readonly CountsRequest[],
  untilMs: number,
): Promise<WindowCounts[]> {
  const endOf = (tier: number): number => {
    const stepMs = TIERS[tier]?.stepMs ?? 1;
    return tier === 0 ? untilMs : Math.floor(untilMs / stepMs) * stepMs;
  };
  // Of each tier the windows that begin in it, then the tail that a coarser one does not have yet.
  const starts = TIERS.map(({ stepMs }, tier) =>
    requests.map(({ windowsMs }) => {
      const own = windowsMs
        .filter((windowMs) => tierOf(windowMs) === tier)
        .map((windowMs) => Math.ceil((untilMs - windowMs) / stepMs) * stepMs);
      return windowsMs.some((windowMs) => tierOf(windowMs) > tier)
        ? [...own, endOf(tier + 1)]
        : own;
    }),
  );
  const sums = await Promise.all(
    TIERS.map(({ resolution }, tier) => {
      const startsMs = starts[tier] ?? [];
      return sumsSince(query, { requests, startsMs, endMs: endOf(tier), resolution });
    }),
  );
  return requests.map(({ windowsMs }, i) => {
    const left = sums.map((tier) => [...(tier[i] ?? [])]);
    const own = windowsMs.map((windowMs) => left[tierOf(windowMs)]?.shift() ?? NONE);
    // What is left in each tier now is its tail.
    const tails = left.map(([tail = NONE]) => tail);
    return new Map(
      windowsMs.map((windowMs, at) => [
        windowMs,
        tails.slice(0, tierOf(windowMs)).reduce(plus, own[at] ?? NONE),
      ]),
    );
  });
}

const NONE: Counts = { good: 0, total: 0 };
const HOUR_MS = 3_600_000;
/** How far back each rollup is read. */
const TIERS: readonly { resolution: Resolution; stepMs: number; upToMs: number }[] = [
  { resolution: 'fine', stepMs: ROLLUPS.edges.stepSeconds * 1_000, upToMs: FINE_WINDOW_MAX_MS },
  { resolution: 'minute', stepMs: MINUTE_MS, upToMs: MINUTE_WINDOW_MAX_MS },
  { resolution: 'hour', stepMs: HOUR_MS, upToMs: Number.POSITIVE_INFINITY },
];

function tierOf(windowMs: number): number {
  return TIERS.findIndex(({ upToMs }) => windowMs <= upToMs);
}

/** Which rollup has the beginning of a window. */
export function resolutionOf(windowMs: number): Resolution {
  return TIERS[tierOf(windowMs)]?.resolution ?? 'hour';
}

function plus(a: Counts, b: Counts): Counts {
  return { good: a.good + b.good, total: a.total + b.total };
}

/** A request with the beginnings of what it sums up. */
interface Part {
  request: CountsRequest;
  startsMs: readonly number[];
  /** One for each start. */
  sums: Counts[];
}

interface SumsOrder {
  requests: readonly CountsRequest[];
  startsMs: readonly (readonly number[])[];
  endMs: number;
  resolution: Resolution;
}

async function sumsSince(
  query: Query,
  { requests, startsMs, endMs, resolution }: SumsOrder,
): Promise<Counts[][]> {
  const parts = requests.map((request, i): Part => {
    const starts = startsMs[i] ?? [];
    return { request, startsMs: starts, sums: starts.map(() => NONE) };
  });
  const groups = Map.groupBy(
    parts.filter((part) => part.startsMs.length > 0),
    ({ request }) => groupOf(request),
  );
  for (const group of groups.values()) await sumGroup(query, group, endMs, resolution);
  return parts.map(({ sums }) => sums);
}

/** Those of one group are read from the same rows and columns. */
function groupOf({ selector, good }: CountsRequest): string {
  const { rollup, columns } = placeOf(selector);
  return [rollup, ...columns, good.by === 'duration' ? bucketUpTo(good.atMostUs) : ''].join(' ');
}

async function sumGroup(
  query: Query,
  parts: readonly Part[],
  endMs: number,
  resolution: Resolution,
): Promise<void> {
  const starts = [...new Set(parts.flatMap(({ startsMs }) => startsMs))].sort((a, b) => a - b);
  if (starts.length > STARTS_MAX && parts.length > 1) {
    const half = parts.length >> 1;
    await sumGroup(query, parts.slice(0, half), endMs, resolution);
    await sumGroup(query, parts.slice(half), endMs, resolution);
    return;
  }
  const byKey = Map.groupBy(parts, ({ request }) => keyOf(placeOf(request.selector).values));
  for (const row of await readRows(query, parts, { startsMs: starts, endMs, resolution })) {
    for (const part of byKey.get(keyOf(row.values)) ?? []) addRow(part, row, starts);
  }
}

interface Row {
  /** Of the columns that tell what is counted. */
  values: string[];
  statusClass: string;
  /** One for each start. */
  requests: number[];
  /** The same of those that were fast enough; empty where nobody asked. */
  fast: number[];
}

async function readRows(
  query: Query,
  parts: readonly Part[],
  { startsMs, endMs, resolution }: Pick<SumsOrder, 'endMs' | 'resolution'> & { startsMs: number[] },
): Promise<Row[]> {
  const [first] = parts;
  if (first === undefined) return [];
  const { selector, good } = first.request;
  const { rollup, columns } = placeOf(selector);
  const since = startsMs.map((startMs) => `time >= toDateTime(${seconds(startMs)}, 'UTC')`);
  const sums = (what: string): string =>
    `[${since.map((condition) => `sumIf(${what}, ${condition})`).join(', ')}]`;
  const fast = good.by === 'duration' ? fastSql(good.atMostUs) : undefined;
  const wanted = [...new Set(parts.map(({ request }) => placeOf(request.selector).values[0]))];
  const rows = await query(
    `SELECT [${columns.map((column) => `toString(${column})`).join(', ')}] AS key, status_class,
       ${sums('requests')} AS total, ${fast === undefined ? '[]' : sums(fast)} AS fast
     FROM ${ROLLUP_TABLES[rollup][resolution]}
     WHERE time >= toDateTime(${seconds(Math.min(...startsMs))}, 'UTC')
       AND time < toDateTime(${seconds(endMs)}, 'UTC') AND ${columns[0]} IN {wanted:Array(String)}
     GROUP BY ${columns.join(', ')}, status_class`,
    { wanted },
  );
  return rows.map((row) => ({
    values: row['key'] as string[],
    statusClass: String(row['status_class']),
    requests: (row['total'] as unknown[]).map(Number),
    fast: (row['fast'] as unknown[]).map(Number),
  }));
}

function addRow({ request, startsMs, sums }: Part, row: Row, starts: readonly number[]): void {
  const { good } = request;
  const isCounted = good.by === 'class' || good.of?.includes(row.statusClass) !== false;
  if (!isCounted) return;
  startsMs.forEach((startMs, i) => {
    const at = starts.indexOf(startMs);
    const total = row.requests[at] ?? 0;
    const whenGood = good.by === 'class' ? total : (row.fast[at] ?? 0);
    const isGood = good.by === 'duration' || good.classes.includes(row.statusClass);
    sums[i] = plus(sums[i] ?? NONE, { good: isGood ? whenGood : 0, total });
  });
}

function keyOf(values: readonly string[]): string {
  return values.join('\0');
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}
