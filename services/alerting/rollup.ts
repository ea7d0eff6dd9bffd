import { TABLES } from '#contracts/tables.ts';
import type { Counts } from './burn-rate.ts';
import type { Good, Selector, Slices } from './objective.ts';
import { ROLLUP_TABLES, type Resolution, bucketUpTo, fastSql, placeOf } from './place.ts';
import type { WorkerProgress } from './watermark.ts';

/** Rows of a read-only query, values as ClickHouse's JSONEachRow has them. */
export type Query = (
  sql: string,
  parameters: Record<string, unknown>,
) => Promise<Record<string, unknown>[]>;

/** Longer windows are read by the hour as far as there are whole ones. */
export const FINE_WINDOW_MAX_MS = 6 * 3_600_000;
export const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
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
  const windows = requests.map(({ windowsMs }) =>
    windowsMs.map((windowMs) => ({ windowMs, segments: segmentsOf(windowMs, untilMs) })),
  );
  const ofRequests = windows.map((each) => each.flatMap(({ segments }) => segments));
  const ends = Map.groupBy(ofRequests.flat(), ({ endMs, resolution }) => `${resolution} ${endMs}`);
  await Promise.all(
    [...ends.values()].map(async ([{ endMs, resolution } = NEVER]) => {
      const here = ofRequests.map((all) =>
        all.filter((each) => each.endMs === endMs && each.resolution === resolution),
      );
      const startsMs = here.map((segments) => segments.map(({ startMs }) => startMs));
      const sums = await sumsSince(query, { requests, startsMs, endMs, resolution });
      here.forEach((segments, i) => {
        segments.forEach((segment, at) => (segment.counts = sums[i]?.[at] ?? NONE));
      });
    }),
  );
  return windows.map(
    (each) =>
      new Map(
        each.map(({ segments, windowMs }) => [
          windowMs,
          segments.reduce((sum, { counts }) => plus(sum, counts), NONE),
        ]),
      ),
  );
}

/** A piece of a window, and what was counted in it. */
interface Segment {
  resolution: Resolution;
  startMs: number;
  endMs: number;
  counts: Counts;
}

const NONE: Counts = { good: 0, total: 0 };
const NEVER: Segment = { resolution: 'fine', startMs: 0, endMs: 0, counts: NONE };

/**
 * Short windows from rows of 10 s; of longer ones the whole hours from rows of an hour, what is
 * before and after those by the minute, and the tail that has no whole minute yet.
 */
function segmentsOf(windowMs: number, untilMs: number): Segment[] {
  const startMs = untilMs - windowMs;
  const all: [Resolution, number, number][] =
    resolutionOf(windowMs) === 'fine'
      ? [['fine', startMs, untilMs]]
      : [
          ['minute', ceil(startMs, MINUTE_MS), ceil(startMs, HOUR_MS)],
          ['hour', ceil(startMs, HOUR_MS), floor(untilMs, HOUR_MS)],
          ['minute', floor(untilMs, HOUR_MS), floor(untilMs, MINUTE_MS)],
          ['fine', floor(untilMs, MINUTE_MS), untilMs],
        ];
  return all
    .filter(([, from, to]) => from < to)
    .map(([resolution, from, to]) => ({ resolution, startMs: from, endMs: to, counts: NONE }));
}

const floor = (ms: number, stepMs: number): number => Math.floor(ms / stepMs) * stepMs;
const ceil = (ms: number, stepMs: number): number => Math.ceil(ms / stepMs) * stepMs;

/** Which rollup has most of a window. */
export function resolutionOf(windowMs: number): Resolution {
  return windowMs <= FINE_WINDOW_MAX_MS ? 'fine' : 'hour';
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
