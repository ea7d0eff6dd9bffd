/** What was counted of one objective, step by step. */
import { ROLLUPS } from '#contracts/tables.ts';
import type { Counts } from './burn-rate.ts';
import type { Objective } from './objective.ts';
import { ROLLUP_TABLES, measureSql, placeOf } from './place.ts';
import { MINUTE_MS, type Query } from './rollup.ts';
import { sliceOf } from './slices.ts';

export interface Timeline {
  /** 10 s where those rows are kept, else a minute; or a slice of time. */
  stepMs: number;
  /** Steps that begin in it, both ends rounded down to steps. */
  between: (startMs: number, endMs: number) => Counts;
}

/** `firstMs` and `untilMs` on whole minutes; rows of 10 s are kept since `fineSinceMs`. */
export async function readTimeline(
  query: Query,
  { good, selector, slices }: Objective,
  period: { firstMs: number; untilMs: number; fineSinceMs: number },
): Promise<Timeline> {
  const isFine = slices === undefined && period.firstMs >= period.fineSinceMs;
  const stepMs = slices?.lengthMs ?? (isFine ? FINE_STEP_MS : MINUTE_MS);
  const seconds = stepMs / 1_000;
  const stepAt = (ms: number): number => Math.floor(ms / stepMs);
  const first = stepAt(period.firstMs);
  const { rollup, columns, values } = placeOf(selector);
  const where = columns.map((column, i) => `${column} = {value${i}:String}`).join(' AND ');
  const measure = measureSql(good);
  const rows = await query(
    `SELECT intDiv(toUnixTimestamp(time), ${seconds}) AS step,
       ${measure.total} AS total, ${measure.good} AS good
     FROM ${ROLLUP_TABLES[rollup][isFine ? 'fine' : 'minute']}
     WHERE time >= toDateTime(${first * seconds}, 'UTC')
       AND time < toDateTime(${stepAt(period.untilMs) * seconds}, 'UTC') AND ${where}
     GROUP BY step`,
    {
      ...measure.parameters,
      ...Object.fromEntries(values.map((value, i) => [`value${i}`, value])),
    },
  );
  const steps = Array.from({ length: stepAt(period.untilMs) - first }, () => NONE);
  for (const row of rows) {
    const counts = { good: Number(row['good']), total: Number(row['total']) };
    steps[Number(row['step']) - first] = slices === undefined ? counts : sliceOf(counts, slices);
  }
  const sums: Counts[] = [NONE];
  let sum = NONE;
  for (const step of steps) {
    sum = plus(sum, step);
    sums.push(sum);
  }
  const at = (ms: number): Counts =>
    sums[Math.min(sums.length - 1, Math.max(0, stepAt(ms) - first))] ?? NONE;
  return { stepMs, between: (startMs, endMs) => minus(at(endMs), at(startMs)) };
}

const FINE_STEP_MS = ROLLUPS.edges.stepSeconds * 1_000;
const NONE: Counts = { good: 0, total: 0 };

function plus(a: Counts, b: Counts): Counts {
  return {
    good: a.good + b.good,
    total: a.total + b.total,
    ...(b.requests === undefined ? {} : { requests: (a.requests ?? 0) + b.requests }),
  };
}

function minus(a: Counts, b: Counts): Counts {
  return {
    good: a.good - b.good,
    total: a.total - b.total,
    ...(a.requests === undefined ? {} : { requests: a.requests - (b.requests ?? 0) }),
  };
}
