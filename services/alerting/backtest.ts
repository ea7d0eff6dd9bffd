/** When an objective would have fired, by what was stored. */
import type { SloTest, SloTestAlert } from '#contracts/api/alerting.ts';
import { ROLLUPS } from '#contracts/tables.ts';
import { type Counts, budgetLeft, goodRatio } from './burn-rate.ts';
import { decide, readPolicy } from './decision.ts';
import type { Objective, Policy } from './objective.ts';
import { ROLLUP_TABLES, type Resolution, fastSql, placeOf } from './place.ts';
import { MINUTE_MS, type Query } from './rollup.ts';

export interface Period {
  /** Both on whole minutes, ms since 1970. */
  fromMs: number;
  untilMs: number;
  /** Rows of the 10 s rollup are kept since then. */
  fineSinceMs: number;
}

/**
 * Plays a period step by step through the rules that alerts are made by: every 10 s where the rows
 * for that are still kept, else every minute, with windows rounded up to whole minutes.
 */
export async function backtest(
  query: Query,
  objective: Objective,
  { fineSinceMs, fromMs, untilMs }: Period,
): Promise<SloTest> {
  const { policies, slo, target } = objective;
  const windowsMs = policies.flatMap(({ conditions }) => conditions.map((each) => each.windowMs));
  const longestMs = Math.ceil(Math.max(0, ...windowsMs) / MINUTE_MS) * MINUTE_MS;
  const firstMs = fromMs - longestMs;
  const resolution = firstMs >= fineSinceMs ? 'fine' : 'minute';
  const stepMs = resolution === 'fine' ? FINE_STEP_MS : MINUTE_MS;
  const sums = await readSums(query, objective, { firstMs, untilMs, stepMs, resolution });
  const at = (ms: number): Counts => sums[Math.floor((ms - firstMs) / stepMs)] ?? NONE;
  const before = (nowMs: number, windowMs: number): Counts => {
    const [start, end] = [at(nowMs - windowMs), at(nowMs)];
    return { good: end.good - start.good, total: end.total - start.total };
  };
  const alerts = policies.flatMap((policy) => {
    const play = { fromMs, untilMs, stepMs, before };
    return alertsOf(policy, target, play);
  });
  const counts = before(untilMs, untilMs - fromMs);
  const ratio = goodRatio(counts);
  return {
    slo,
    from: timeText(fromMs),
    until: timeText(untilMs),
    stepMs,
    ...counts,
    ...(ratio === undefined ? {} : { ratio }),
    budgetLeft: budgetLeft(counts, target),
    alerts: alerts.sort((a, b) => a.startedAt.localeCompare(b.startedAt)),
  };
}

interface Play {
  fromMs: number;
  untilMs: number;
  stepMs: number;
  before: (nowMs: number, windowMs: number) => Counts;
}

function alertsOf(
  policy: Policy,
  target: number,
  { before, fromMs, stepMs, untilMs }: Play,
): SloTestAlert[] {
  const alerts: SloTestAlert[] = [];
  let firing: SloTestAlert | undefined;
  for (let nowMs = fromMs + stepMs; nowMs <= untilMs; nowMs += stepMs) {
    const readings = readPolicy(policy, target, (windowMs) =>
      before(nowMs, Math.ceil(windowMs / stepMs) * stepMs),
    );
    const rate = Math.max(...readings.map((reading) => reading.rate));
    const decision = decide(firing !== undefined, readings);
    if (decision === 'fire') {
      const { name, severity } = policy;
      firing = { policy: name, severity, startedAt: timeText(nowMs), highestRate: rate };
      alerts.push(firing);
    } else if (firing !== undefined) {
      firing.highestRate = Math.max(firing.highestRate, rate);
      if (decision === 'resolve') {
        firing.resolvedAt = timeText(nowMs);
        firing = undefined;
      }
    }
  }
  return alerts;
}

const FINE_STEP_MS = ROLLUPS.edges.stepSeconds * 1_000;
const NONE: Counts = { good: 0, total: 0 };

interface Steps {
  firstMs: number;
  untilMs: number;
  stepMs: number;
  resolution: Resolution;
}

/** What was counted from the beginning up to each step, the beginning itself first. */
async function readSums(
  query: Query,
  { selector, good }: Objective,
  { firstMs, resolution, stepMs, untilMs }: Steps,
): Promise<Counts[]> {
  const { rollup, columns, values } = placeOf(selector);
  const where = columns.map((column, i) => `${column} = {value${i}:String}`).join(' AND ');
  const isOf = 'status_class IN {classes:Array(String)}';
  const [classes, isCounted, isGood, requests] =
    good.by === 'class'
      ? [good.classes, '1', isOf, 'requests']
      : [good.of ?? [], good.of === undefined ? '1' : isOf, '1', fastSql(good.atMostUs)];
  const rows = await query(
    `SELECT toUnixTimestamp(time) AS at, sumIf(requests, ${isCounted}) AS total,
       sumIf(${requests}, ${isCounted} AND ${isGood}) AS good
     FROM ${ROLLUP_TABLES[rollup][resolution]}
     WHERE time >= toDateTime(${firstMs / 1_000}, 'UTC')
       AND time < toDateTime(${untilMs / 1_000}, 'UTC') AND ${where}
     GROUP BY time`,
    { classes, ...Object.fromEntries(values.map((value, i) => [`value${i}`, value])) },
  );
  const steps = Array.from({ length: (untilMs - firstMs) / stepMs }, () => NONE);
  for (const row of rows) {
    const step = (Number(row['at']) * 1_000 - firstMs) / stepMs;
    steps[step] = { good: Number(row['good']), total: Number(row['total']) };
  }
  const sums: Counts[] = [NONE];
  let sum = NONE;
  for (const { good: fine, total } of steps) {
    sum = { good: sum.good + fine, total: sum.total + total };
    sums.push(sum);
  }
  return sums;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
