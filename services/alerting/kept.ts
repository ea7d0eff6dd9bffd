/** Whether the rows of a whole window are there. */
import { KEPT_DAYS_SQL } from '#contracts/tables.ts';
import { windowAt } from './budget-window.ts';
import type { Objective } from './objective.ts';
import { ROLLUP_TABLES, placeOf } from './place.ts';
import { type Query, resolutionOf } from './rollup.ts';

/** Days that rows are kept, by table. */
export type KeptDays = ReadonlyMap<string, number>;

const DAY_MS = 86_400_000;

export async function readKept(query: Query): Promise<KeptDays> {
  const rows = await query(KEPT_DAYS_SQL, {});
  return new Map(rows.map(({ days, name }) => [String(name), Number(days)]));
}

/** One sentence for an objective whose window is longer than the rows are kept. */
export function keptProblem(
  { selector, slices, window }: Objective,
  kept: KeptDays,
  nowMs: number,
): string | undefined {
  const { startMs, endMs } = windowAt(window, nowMs);
  const days = (endMs - startMs) / DAY_MS;
  const resolution = slices === undefined ? resolutionOf(endMs - startMs) : 'minute';
  const table = ROLLUP_TABLES[placeOf(selector).rollup][resolution];
  const keptDays = kept.get(table);
  if (keptDays === undefined || days <= keptDays) return undefined;
  return (
    `its window is ${Math.ceil(days)} days long, and rows of ${table} are kept ${keptDays} days: ` +
    'the budget is of those (--keep of analytics)'
  );
}
