/** Slices of time, each of which is good as a whole or by its share (OpenSLO, budgetingMethod). */
import type { Counts } from './burn-rate.ts';
import type { Slices } from './objective.ts';
import { ROLLUP_TABLES, measureSql, placeOf } from './place.ts';
import type { CountsRequest, Query, WindowCounts } from './rollup.ts';

export type SlicesRequest = CountsRequest & { slices: Slices };

export function isSliced(request: CountsRequest): request is SlicesRequest {
  return request.slices !== undefined;
}

/** What a slice with these requests counts. */
export function sliceOf({ good, total }: Counts, { goodFrom }: Slices): Counts {
  if (total === 0) return { good: 0, total: 0, requests: 0 };
  const share = good / total;
  return {
    good: goodFrom === undefined ? share : Number(share >= goodFrom),
    total: 1,
    requests: total,
  };
}

/**
 * The slices that have ended by `untilMs`, in each window of each objective: windows end with the
 * last of them. One query for all objectives whose slices are made in the same way.
 */
export async function readSlices(
  query: Query,
  requests: readonly SlicesRequest[],
  untilMs: number,
): Promise<WindowCounts[]> {
  const found = new Map<SlicesRequest, WindowCounts>();
  const groups = Map.groupBy(requests, ({ good, selector, slices }) => {
    const { rollup, columns } = placeOf(selector);
    return JSON.stringify([rollup, columns, good, slices]);
  });
  for (const group of groups.values()) {
    const rows = await readGroup(query, group, untilMs);
    for (const request of group) {
      const row = rows.get(keyOf(placeOf(request.selector).values)) ?? new Map<number, Counts>();
      found.set(request, row);
    }
  }
  return requests.map((request) => found.get(request) ?? new Map());
}

async function readGroup(
  query: Query,
  group: readonly SlicesRequest[],
  untilMs: number,
): Promise<Map<string, Map<number, Counts>>> {
  const [first] = group;
  if (first === undefined) return new Map();
  const { good, selector, slices } = first;
  const { rollup, columns } = placeOf(selector);
  const keys = columns.join(', ');
  const measure = measureSql(good);
  const sliceAt = (ms: number): number => Math.floor(ms / slices.lengthMs);
  const windowsMs = [...new Set(group.flatMap((request) => request.windowsMs))];
  const starts = windowsMs.map((windowMs) => sliceAt(untilMs - windowMs));
  const seconds = slices.lengthMs / 1_000;
  const value =
    slices.goodFrom === undefined ? 'fine / total' : `fine / total >= ${slices.goodFrom}`;
  const sums = (what: string): string =>
    `[${starts.map((start) => `sumIf(${what}, slice >= ${start})`).join(', ')}]`;
  const wanted = [...new Set(group.map((request) => placeOf(request.selector).values[0]))];
  const rows = await query(
    `SELECT [${columns.map((column) => `toString(${column})`).join(', ')}] AS key,
       ${sums(value)} AS good, ${sums('1')} AS slices, ${sums('total')} AS requests
     FROM (
       SELECT ${keys}, intDiv(toUnixTimestamp(time), ${seconds}) AS slice,
         ${measure.total} AS total, ${measure.good} AS fine
       FROM ${ROLLUP_TABLES[rollup].minute}
       WHERE time >= toDateTime(${Math.min(...starts) * seconds}, 'UTC')
         AND time < toDateTime(${sliceAt(untilMs) * seconds}, 'UTC')
         AND ${columns[0]} IN {wanted:Array(String)}
       GROUP BY ${keys}, slice
       HAVING total > 0
     )
     GROUP BY ${keys}`,
    { ...measure.parameters, wanted },
  );
  return new Map(
    rows.map((row) => {
      const numbers = (name: string): number[] => (row[name] as unknown[]).map(Number);
      const [fine, total, of] = [numbers('good'), numbers('slices'), numbers('requests')];
      const counts = windowsMs.map((windowMs, i): [number, Counts] => [
        windowMs,
        { good: fine[i] ?? 0, total: total[i] ?? 0, requests: of[i] ?? 0 },
      ]);
      return [keyOf(row['key'] as string[]), new Map(counts)];
    }),
  );
}

function keyOf(values: readonly string[]): string {
  return values.join('\0');
}
